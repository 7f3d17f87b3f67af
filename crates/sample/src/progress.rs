//! **Progress**: the state of an order when a file reports it.
//!
//! Each order has a fate, which is drawn once. Each revision is one more step of it: shipped, retried, refunded. Every
//! revision differs from the one before, so that a row that is sent again has always changed.

use chrono::{Days, NaiveDate};

use crate::cells::{Cells, push_date, push_digits, push_iso_date, push_moment};
use crate::random::Random;
use crate::words::{DECLINE_REASONS, Shipping};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fulfilled,
    Declined,
    Refunded,
    Voided,
    Returned,
    ChargedBack,
    Fraud,
}

/// The state of an order at one revision.
#[derive(Debug)]
pub(super) struct Progress {
    fate: Fate,
    /// How many steps of its fate the order has made: the revision, and one more for a quick order.
    steps: u32,
    shipped: NaiveDate,
    /// The day of the newest event.
    updated: NaiveDate,
    /// The minute of the newest event.
    minute: u32,
    reason: &'static str,
    tracking: u64,
    revision: u32,
}

impl Progress {
    /// Draws the state of an order at a revision; `random` belongs to the order.
    pub(super) fn draw(random: &mut Random, day: NaiveDate, revision: u32) -> Self {
        let fate = match random.below(1000) {
            0..740 => Fate::Fulfilled,
            740..870 => Fate::Declined,
            870..930 => Fate::Refunded,
            930..970 => Fate::Voided,
            970..985 => Fate::Returned,
            985..995 => Fate::ChargedBack,
            _ => Fate::Fraud,
        };
        let quick = u32::from(random.chance(150));
        Self {
            fate,
            steps: revision + quick,
            shipped: later(day, 1 - quick),
            updated: later(day, revision),
            minute: random.below(1440),
            reason: random.word(&DECLINE_REASONS),
            tracking: random.next(),
            revision,
        }
    }

    fn is(&self, fate: Fate, after: u32) -> bool {
        self.fate == fate && self.steps >= after
    }

    fn date_if(&self, happened: bool) -> Option<NaiveDate> {
        happened.then_some(self.updated)
    }

    fn is_held(&self) -> bool {
        self.fate == Fate::Fraud && self.steps == 0
    }

    fn is_shipped(&self, shipping: &Shipping) -> bool {
        let shippable = !matches!(self.fate, Fate::Declined | Fate::Voided);
        shippable && self.steps > 0 && shipping.code != "NA"
    }

    /// Pushes `tracking_num`.
    pub(super) fn tracking(&self, cells: &mut Cells, shipping: &Shipping) {
        let tracking = self.is_shipped(shipping).then_some(self.tracking);
        cells.maybe("tracking_num", tracking, |out, tracking| {
            out.extend_from_slice(b"9400");
            push_digits::<18>(out, tracking);
        });
    }

    /// Pushes `order_status` to `return_reason`.
    pub(super) fn status(&self, cells: &mut Cells, shipping: &Shipping) {
        let declined = self.fate == Fate::Declined;
        let status = if declined {
            "DECLINED"
        } else if self.is(Fate::Refunded, 1) || self.is(Fate::Voided, 1) {
            "VOID/REFUNDED"
        } else {
            "NEW"
        };
        cells.text("order_status", status);
        cells.text_if("decline_reason", declined, self.reason);
        let cascaded = declined && self.tracking.is_multiple_of(4);
        cells.text("cascade_flag", if cascaded { "YES" } else { "No" });
        cells.text("orig_gateway", if cascaded { "7" } else { "N/A" });
        cells.text_if("cascade_reason", cascaded, self.reason);
        let shipped = self.is_shipped(shipping).then_some(self.shipped);
        cells.maybe("shipped_date", shipped, push_date);
        self.disputes(cells);
    }

    /// Pushes `fraud_flag` to `return_reason`.
    fn disputes(&self, cells: &mut Cells) {
        let fraud = self.is(Fate::Fraud, 1);
        cells.flag("fraud_flag", fraud);
        cells.maybe("fraud_date", self.date_if(fraud), push_date);
        let charged_back = self.is(Fate::ChargedBack, 2);
        cells.flag("chargeback_flag", charged_back);
        cells.maybe("chargeback_date", self.date_if(charged_back), push_date);
        cells.text_if("chargeback_user", charged_back, "API User");
        let announced = self.is(Fate::Returned, 1);
        cells.flag("rma_flag", announced);
        let number = announced.then_some(self.tracking);
        cells.maybe("rma_number", number, |out, number| {
            out.extend_from_slice(b"RMA-");
            push_digits::<7>(out, number);
        });
        cells.text_if("rma_reason", announced, "Unwanted");
        cells.maybe("rma_date", self.date_if(announced), push_date);
        cells.text_if("rma_user", announced, "demo.agent");
        let returned = self.is(Fate::Returned, 2);
        cells.text("return_flag", if returned { "YES" } else { "No" });
        cells.text_if("return_reason", returned, "Unopened, restocked");
    }

    /// Pushes `retry_date`.
    pub(super) fn retry_date(&self, cells: &mut Cells) {
        let retry = self.date_if(self.fate == Fate::Declined);
        cells.maybe("retry_date", retry, |out, updated| push_iso_date(out, later(updated, 3)));
    }

    /// Pushes `retrying` to `refund_user`; `cents` is what the order cost.
    pub(super) fn settlement(&self, cells: &mut Cells, cents: u64) {
        let declined = self.fate == Fate::Declined;
        cells.flag("retrying", declined);
        let attempts = if declined { self.revision } else { 0 };
        cells.number("retry_attempt", u64::from(attempts));
        cells.maybe("hold_date", self.date_if(self.is_held()), push_iso_date);
        let voids = ["void_flag", "void_amount", "void_date", "void_user"];
        self.repayment(cells, voids, self.is(Fate::Voided, 1), cents);
        let refunds = ["refund_flag", "refund_amount", "refund_date", "refund_user"];
        // The first refund is of one half.
        let refunded = if self.steps == 1 { cents / 2 } else { cents };
        self.repayment(cells, refunds, self.is(Fate::Refunded, 1), refunded);
    }

    fn repayment(&self, cells: &mut Cells, names: [&str; 4], repaid: bool, cents: u64) {
        cells.flag(names[0], repaid);
        cells.money(names[1], if repaid { cents } else { 0 });
        let moment = self.date_if(repaid);
        cells.maybe(names[2], moment, |out, date| push_moment(out, date, self.minute));
        cells.text(names[3], if repaid { "demo.agent" } else { "" });
    }

    /// Pushes `order_confirmed` and `order_confirmed_date`.
    pub(super) fn confirmation(&self, cells: &mut Cells) {
        let confirmed = self.revision > 0 && self.fate != Fate::Declined;
        cells.text("order_confirmed", if confirmed { "YES" } else { "No" });
        let moment = self.date_if(confirmed);
        cells.maybe("order_confirmed_date", moment, |out, date| {
            push_moment(out, date, self.minute);
        });
    }

    /// Pushes `cancelled_flag`.
    pub(super) fn cancellation(&self, cells: &mut Cells) {
        let cancelled = self.is(Fate::Voided, 1) || self.is(Fate::Refunded, 2);
        cells.flag("cancelled_flag", cancelled);
    }

    /// Pushes `Retries Left` and `Hold Type ID`.
    pub(super) fn retries_left(&self, cells: &mut Cells) {
        let left = match self.fate {
            Fate::Declined => u64::from(5 - self.revision.min(5)),
            _ => 0,
        };
        cells.number("Retries Left", left);
        cells.text_if("Hold Type ID", self.is_held(), "2");
    }
}

/// Returns the day some days later, or the same day at the end of the calendar.
pub(super) fn later(day: NaiveDate, days: u32) -> NaiveDate {
    day.checked_add_days(Days::new(u64::from(days))).unwrap_or(day)
}
