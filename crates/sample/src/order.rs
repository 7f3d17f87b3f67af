//! An **order**: who bought what, from where and when. It never changes once it is placed.

use chrono::{Datelike, Days, NaiveDate};

use crate::person::Person;
use crate::stream::{Position, Purpose, Stream};
use crate::words::{AFFILIATES, CARDS, CREATORS, NOTES, PRODUCTS, Product, SHIPPINGS, Shipping};

/// 2000-01-01, counted from the first day of the common era.
const FIRST_DAY: i32 = 730_120;

/// What all rows of an order share.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) created_by: &'static str,
    pub(super) billing: Person,
    /// Another person to deliver to, in a few orders.
    pub(super) delivery: Option<Person>,
    pub(super) shipping: &'static Shipping,
    pub(super) placed: NaiveDate,
    pub(super) minute: u32,
    /// In hundredths of a percent.
    pub(super) tax_rate: u32,
    pub(super) customer: u32,
    pub(super) customer_since: NaiveDate,
    pub(super) campaign: u32,
    pub(super) card: &'static str,
    /// Month and year, as in 1227.
    pub(super) expires: u32,
    pub(super) gateway: u32,
    /// Random bits for the internet address.
    pub(super) address: u64,
    pub(super) is_recurring: bool,
    pub(super) installments: u32,
    pub(super) transaction: u64,
    pub(super) affiliate: &'static str,
    pub(super) click: u64,
    pub(super) is_test: bool,
    pub(super) note: Option<&'static str>,
}

impl Order {
    /// Draws the order whose first row has this position.
    pub(super) fn draw(stream: &Stream, day: NaiveDate, index: u32) -> Self {
        let random = &mut stream.at(Purpose::Order, day, index);
        let placed = earlier(day, u32::from(random.chance(350)));
        Self {
            id: number_of_row(day, index),
            created_by: random.word(&CREATORS),
            billing: Person::draw(random),
            delivery: random.chance(60).then(|| Person::draw(random)),
            shipping: random.pick(&SHIPPINGS),
            placed,
            minute: random.below(1440),
            tax_rate: if random.chance(300) { 100 * random.below(10) + 25 } else { 0 },
            customer: 10_000_000 + random.below(9_000_000),
            customer_since: earlier(placed, random.below(400)),
            campaign: 100 + random.below(60),
            card: random.word(&CARDS),
            expires: 100 * (1 + random.below(12)) + 26 + random.below(6),
            gateway: 1 + random.below(24),
            address: random.next(),
            is_recurring: random.chance(400),
            installments: u32::from(random.chance(50)) * 3,
            transaction: random.next(),
            affiliate: random.word(&AFFILIATES),
            click: random.next(),
            is_test: random.chance(4),
            note: random.chance(40).then_some(random.word(&NOTES)),
        }
    }
}

/// One product of an order, which is one row.
#[derive(Debug)]
pub(super) struct Line {
    /// Unique in a stream, unlike the order's id.
    pub(super) prospect: u64,
    pub(super) product_id: u64,
    pub(super) product: &'static Product,
    pub(super) quantity: u64,
    pub(super) cents: u64,
    pub(super) tax_cents: u64,
    pub(super) total_cents: u64,
}

impl Line {
    /// Draws the product at a position; `first` is the index of its order's first row.
    pub(super) fn draw(stream: &Stream, order: &Order, position: Position, first: u32) -> Self {
        let Position { day, index, .. } = position;
        let count = PRODUCTS.len() as u32;
        let mut number = stream.at(Purpose::Product, day, first).below(count);
        let mut random = stream.at(Purpose::Line, day, index);
        if first != index {
            // Another product than the order's first one, so that order and product are a key.
            number = (number + 1 + random.below(count - 1)) % count;
        }
        let quantity = if random.chance(120) { 2 + u64::from(random.below(3)) } else { 1 };
        let product_id = 1000 + u64::from(number);
        let product = &PRODUCTS[number as usize];
        let cents = product.cents * quantity;
        let tax_cents = (cents * u64::from(order.tax_rate) + 5_000) / 10_000;
        Self {
            prospect: number_of_row(day, index) + 40_000_000,
            product_id,
            product,
            quantity,
            cents,
            tax_cents,
            total_cents: cents + tax_cents + order.shipping.cents,
        }
    }
}

/// Returns a number that is unique among all rows of all days.
///
/// It has nine digits, like the vendor's numbers, up to 100,000 rows per day, and more digits beyond.
fn number_of_row(day: NaiveDate, index: u32) -> u64 {
    let day = i64::from(day.num_days_from_ce() - FIRST_DAY).rem_euclid(100_000) as u64;
    let (above, below) = (u64::from(index / 100_000), u64::from(index % 100_000));
    above * 10_000_000_000 + day * 100_000 + below
}

/// Returns the day some days earlier, or the same day at the beginning of the calendar.
fn earlier(day: NaiveDate, days: u32) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(days))).unwrap_or(day)
}
