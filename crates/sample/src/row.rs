//! A **row**: one product of one order, as one file reports it.
//!
//! A row is a pure function of its [`Stream`] and its [`Position`]. A row that is sent again on a later day is the row
//! of the first day at a higher revision: the same order, customer and product, with another [`Progress`].

use crate::cells::{
    Cells, push_clock, push_date, push_digits, push_hex, push_iso_date, push_moment, push_number,
};
use crate::columns::{BILLING, DELIVERY};
use crate::order::{Line, Order};
use crate::progress::{Progress, later};
use crate::stream::{Position, Purpose, Stream};

/// Replaces `cells` by the row at a position.
pub(super) fn draw(stream: &Stream, position: Position, cells: &mut Cells) {
    let Position { day, index, revision } = position;
    let first = stream.order_index(day, index);
    let order = Order::draw(stream, day, first);
    let line = Line::draw(stream, &order, position, first);
    let mut reported = stream.report(Purpose::Progress, day, first);
    let progress = Progress::draw(&mut reported, day, revision);

    cells.clear();
    cells.number("orders_id", order.id);
    cells.text("created_by", order.created_by);
    order.billing.push(cells, BILLING);
    order.delivery.as_ref().unwrap_or(&order.billing).push(cells, DELIVERY);
    push_shipping(&order, cells);
    push_amounts(&order, &line, cells);
    progress.tracking(cells, order.shipping);
    push_customer(&order, &line, cells);
    push_card(&order, cells);
    push_gateway(&order, cells);
    progress.status(cells, order.shipping);
    push_recurrence(&order, &progress, cells);
    progress.settlement(cells, line.total_cents);
    push_affiliate(&order, cells);
    push_product(&line, cells);
    progress.confirmation(cells);
    push_subscription(&order, &line, cells);
    push_flags(&order, &progress, cells);
    push_appended(&order, &line, &progress, cells);
}

fn push_shipping(order: &Order, cells: &mut Cells) {
    let shipping = order.shipping;
    cells.text("shipping_method", shipping.method);
    cells.text("shipping_desc", shipping.description);
    cells.text("shipping_group", shipping.group);
    cells.text("shipping_group_code", shipping.code);
    cells.money("shipping_price", shipping.cents);
    cells.text("shipping_weight", "0");
    cells.flag("delivery_confirm", false);
    cells.flag("signature_confirm", shipping.code == "AIR");
}

fn push_amounts(order: &Order, line: &Line, cells: &mut Cells) {
    let (untaxed, taxed) = match order.tax_rate {
        0 => (line.cents, 0),
        _ => (0, line.cents),
    };
    cells.money("non_taxable_amount", untaxed);
    cells.money("taxable_amount", taxed);
    cells.money("tax_pct", u64::from(order.tax_rate));
    cells.money("tax_amount", line.tax_cents);
    cells.money("total_amount", line.total_cents);
    cells.push("order_date", |out| push_date(out, order.placed));
    cells.push("order_time", |out| push_clock(out, order.minute));
}

fn push_customer(order: &Order, line: &Line, cells: &mut Cells) {
    cells.number("campaign_id", u64::from(order.campaign));
    cells.number("customers_id", u64::from(order.customer));
    cells.push("customer_creation_date", |out| {
        push_moment(out, order.customer_since, order.minute);
    });
    cells.number("prospects_id", line.prospect);
}

fn push_card(order: &Order, cells: &mut Cells) {
    cells.text("cc_num_masked", order.card);
    cells.push("cc_expires", |out| push_digits::<4>(out, u64::from(order.expires)));
}

fn push_gateway(order: &Order, cells: &mut Cells) {
    let gateway = u64::from(order.gateway);
    cells.number("gateway_id", gateway);
    cells.push("gateway_alias", |out| {
        out.extend_from_slice(b"Demo Gateway ");
        push_number(out, gateway);
    });
    cells.text("processing_percent", "2.95");
    cells.text("reserve_percent", if gateway < 6 { "10" } else { "0" });
    cells.text("transaction_fee", "0.25");
    cells.text("chargeback_fee", "25");
    cells.push("descriptor", |out| {
        out.extend_from_slice(b"EXAMPLE*SHOP");
        push_number(out, gateway);
    });
    cells.text("customer_service_number", "800-555-0199");
    cells.push("ip_address", |out| push_internet_address(out, order.address));
}

/// Appends an address of a range that is reserved for documentation: RFC 5737 and RFC 3849.
fn push_internet_address(out: &mut Vec<u8>, bits: u64) {
    let network: &[u8] = match bits & 15 {
        0..4 => b"2001:db8:",
        4..8 => b"192.0.2.",
        8..12 => b"198.51.100.",
        _ => b"203.0.113.",
    };
    out.extend_from_slice(network);
    if bits & 15 >= 4 {
        return push_number(out, (bits >> 8) & 255);
    }
    push_hex::<4>(out, bits >> 16);
    for group in [bits >> 32, bits >> 48] {
        out.push(b':');
        push_hex::<4>(out, group);
    }
    out.extend_from_slice(b"::1");
}

fn push_recurrence(order: &Order, progress: &Progress, cells: &mut Cells) {
    cells.flag("is_recurring", order.is_recurring);
    let next = order.is_recurring.then(|| later(order.placed, 30));
    cells.maybe("recurring_date", next, push_iso_date);
    progress.retry_date(cells);
    cells.number("installments", u64::from(order.installments));
    cells.push("transaction_id", |out| push_digits::<11>(out, order.transaction));
    cells.push("auth_id", |out| push_digits::<6>(out, order.transaction >> 40));
}

fn push_affiliate(order: &Order, cells: &mut Cells) {
    let has_affiliate = !order.affiliate.is_empty();
    cells.text("afid", order.affiliate);
    cells.maybe("sid", has_affiliate.then_some(order.click & 63), push_number);
    cells.empty(&["affid"]);
    cells.maybe("c1", has_affiliate.then_some(order.click), push_hex::<12>);
    cells.text_if("c2", has_affiliate, "email");
    cells.empty(&["c3", "bid", "aid", "opt"]);
    cells.text("rebill_discount", "0");
    let depth = if order.is_recurring { order.click & 3 } else { 0 };
    cells.number("rebill_depth", depth);
    let first_of_series = order.id.saturating_sub(3_000_000);
    cells.number("parent_order_id", if depth > 0 { first_of_series } else { 0 });
}

fn push_product(line: &Line, cells: &mut Cells) {
    let product = line.product;
    cells.number("products_id", line.product_id);
    cells.text("product_name", product.name);
    cells.text("product_attributes", "None");
    cells.flag("shippable_flag", product.category != "Digital");
    cells.money("product_price", product.cents);
    cells.text("product_sku", product.sku);
    cells.text("product_category", product.category);
    cells.text("products_description", product.description);
    cells.number("products_quantity", line.quantity);
    cells.money("declared_value", line.cents);
}

fn push_subscription(order: &Order, line: &Line, cells: &mut Cells) {
    let recurring = order.is_recurring;
    cells.number("recurring_prod_id", if recurring { line.product_id } else { 0 });
    cells.text("recurring_prod_name", if recurring { line.product.name } else { "N/A" });
    cells.push("acquisition_date", |out| push_date(out, order.customer_since));
    cells.flag("blacklisted_flag", false);
    cells.number("ancestor_id", order.id);
}

fn push_flags(order: &Order, progress: &Progress, cells: &mut Cells) {
    cells.text("decline_salvage_discount", "0");
    cells.text("salvage_discount_pct", "NA");
    cells.text("is_test_cc", if order.is_test { "YES" } else { "No" });
    progress.cancellation(cells);
    cells.text("notes", order.note.unwrap_or_default());
    cells.text("billing_model_id", if order.is_recurring { "3" } else { "2" });
    cells.text("fulfillment_number", "N/A");
}

/// Pushes the columns that older files lack.
fn push_appended(order: &Order, line: &Line, progress: &Progress, cells: &mut Cells) {
    let has_click = !order.affiliate.is_empty();
    cells.maybe("Click ID", has_click.then_some(order.click), push_hex::<16>);
    progress.retries_left(cells);
    cells.number("Offer ID", 1 + line.product_id % 9);
    cells.number("Processor ID", u64::from(order.gateway % 5));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chrono::NaiveDate;

    use super::super::columns::{COLUMNS, position as column};
    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 12, 18).expect("a date")
    }

    fn row(prefix: &str, index: u32, revision: u32) -> Vec<String> {
        let mut cells = Cells::default();
        draw(&Stream::new(1, prefix), Position { day: day(), index, revision }, &mut cells);
        (0..cells.len())
            .map(|column| String::from_utf8(cells.get(column).to_vec()).expect("ASCII"))
            .collect()
    }

    fn rows() -> Vec<Vec<String>> {
        (0..2000).map(|index| row("orders-create", index, 0)).collect()
    }

    #[test]
    fn a_row_has_a_cell_for_every_column() {
        assert!(rows().iter().all(|row| row.len() == COLUMNS.len()));
    }

    #[test]
    fn order_and_product_are_a_key() {
        let (order, product) = (column("orders_id"), column("products_id"));
        let rows = rows();
        let keys: HashSet<_> = rows.iter().map(|row| (&row[order], &row[product])).collect();
        assert_eq!(keys.len(), rows.len());
    }

    #[test]
    fn about_eight_rows_in_a_hundred_repeat_the_order_and_its_customer() {
        let rows = rows();
        let pairs: Vec<_> = rows.windows(2).filter(|pair| pair[0][0] == pair[1][0]).collect();
        assert!((120..200).contains(&pairs.len()), "{}", pairs.len());
        for pair in pairs {
            assert_eq!(pair[0][..DELIVERY.end], pair[1][..DELIVERY.end]);
            assert_eq!(pair[0][column("customers_id")], pair[1][column("customers_id")]);
        }
    }

    #[test]
    fn every_revision_changes_the_row_but_not_its_key() {
        for index in 0..1000 {
            let revisions: Vec<_> =
                (0..6).map(|revision| row("orders-create", index, revision)).collect();
            for pair in revisions.windows(2) {
                assert_ne!(pair[0], pair[1]);
                assert_eq!(pair[0][..DELIVERY.end], pair[1][..DELIVERY.end]);
                assert_eq!(pair[0][column("products_id")], pair[1][column("products_id")]);
            }
        }
    }

    #[test]
    fn the_prefixes_of_a_family_have_the_same_orders() {
        let (created, updated) = (row("orders-create", 7, 0), row("orders-update", 7, 1));
        assert_eq!(created[..DELIVERY.end], updated[..DELIVERY.end]);
        assert_ne!(created, row("prospects-create", 7, 0));
    }

    #[test]
    fn an_order_is_dated_on_the_day_of_its_file_or_the_day_before() {
        let date = column("order_date");
        let rows = rows();
        let dates: HashSet<_> = rows.iter().map(|row| row[date].as_str()).collect();
        assert_eq!(dates, HashSet::from(["12/17/2025", "12/18/2025"]));
    }

    #[test]
    fn the_status_takes_all_its_values() {
        let status = column("order_status");
        let rows = rows();
        let values: HashSet<_> = rows.iter().map(|row| row[status].as_str()).collect();
        assert_eq!(values, HashSet::from(["NEW", "DECLINED", "VOID/REFUNDED"]));
    }

    #[test]
    fn internet_addresses_are_for_documentation_only() {
        let networks = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"];
        for row in rows() {
            let address = &row[column("ip_address")];
            assert!(networks.iter().any(|network| address.starts_with(network)), "{address}");
            assert!(address.parse::<std::net::IpAddr>().is_ok(), "{address}");
        }
    }
}
