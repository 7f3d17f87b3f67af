//! **Local times** become moments as in PostgreSQL: `AT TIME ZONE 'America/New_York'` also works in the two nights
//! of a year in which the clock is changed, in which the engine fails.
//!
//! An hour that occurs twice in autumn is read as the second one, an hour that is left out in spring as if the clock
//! had not been changed yet (PostgreSQL documentation, "Invalid or Ambiguous Timestamps"). A rule replaces the
//! engine's cast by a function.

use std::str::FromStr;
use std::sync::Arc;

use chrono::offset::LocalResult;
use chrono::{Days, NaiveDateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite::replace_everywhere;

/// Replaces casts from times without a zone to times with a zone by [`Moment`].
#[derive(Debug)]
pub(super) struct FollowClockChanges;

impl AnalyzerRule for FollowClockChanges {
    fn name(&self) -> &str {
        "follow_clock_changes"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        replace_everywhere(plan, replace)
    }
}

fn replace(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::Cast(Cast { expr: inner, field }) = &expr else { return Transformed::no(expr) };
    let DataType::Timestamp(_, Some(zone)) = field.data_type() else {
        return Transformed::no(expr);
    };
    let is_local = matches!(inner.get_type(schema), Ok(DataType::Timestamp(_, None)));
    // An offset such as +02:00 is the same all year.
    if !is_local || zone.starts_with(['+', '-']) {
        return Transformed::no(expr);
    }
    let local = cast((**inner).clone(), DataType::Timestamp(TimeUnit::Microsecond, None));
    let moment = function().call(vec![local, lit(zone.to_string())]);
    Transformed::yes(cast(moment, field.data_type().clone()))
}

/// The function, to be registered by name.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Moment { signature: Signature::any(2, Volatility::Immutable) })
}

/// The moment of a local time in a time zone, in UTC.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Moment {
    signature: Signature,
}

impl ScalarUDFImpl for Moment {
    fn name(&self) -> &str {
        "moment_of_local_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [local, ColumnarValue::Scalar(ScalarValue::Utf8(Some(zone)))] = &args.args[..] else {
            return internal_err!("{} takes a local time and the name of a zone", self.name());
        };
        let Ok(zone) = Tz::from_str(zone) else {
            return exec_err!("the time zone {zone} is not known");
        };
        let is_one = matches!(local, ColumnarValue::Scalar(_));
        let local = local.to_array(if is_one { 1 } else { args.number_rows })?;
        let local = cast_array(&local, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let times = local.as_primitive::<TimestampMicrosecondType>();
        let moments: TimestampMicrosecondArray = (0..times.len())
            .map(|row| {
                let time = (!times.is_null(row)).then(|| times.value_as_datetime(row)).flatten()?;
                Some(moment(time, zone).and_utc().timestamp_micros())
            })
            .collect();
        let moments: ArrayRef = Arc::new(moments.with_timezone("+00:00"));
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&moments, 0)?),
            false => ColumnarValue::Array(moments),
        })
    }
}

/// The time in UTC of a local time.
fn moment(local: NaiveDateTime, zone: Tz) -> NaiveDateTime {
    let offset = match zone.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) => offset.fix(),
        // In autumn: the later moment of the two.
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (one.fix(), other.fix());
            if one.local_minus_utc() < other.local_minus_utc() { one } else { other }
        }
        // In spring: the offset of the day before.
        LocalResult::None => {
            let before = local.checked_sub_days(Days::new(1)).unwrap_or(local);
            zone.offset_from_utc_datetime(&before).fix()
        }
    };
    local - chrono::Duration::seconds(i64::from(offset.local_minus_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time")
    }

    #[test]
    fn the_nights_in_which_the_clock_is_changed_are_read_as_postgres_reads_them() {
        for (zone, local, utc) in [
            ("America/New_York", "2025-11-02 00:30:00", "2025-11-02 04:30:00"),
            ("America/New_York", "2025-11-02 01:30:00", "2025-11-02 06:30:00"),
            ("America/New_York", "2025-11-02 02:30:00", "2025-11-02 07:30:00"),
            ("America/New_York", "2025-03-09 02:30:00", "2025-03-09 07:30:00"),
            ("America/New_York", "2025-03-09 03:30:00", "2025-03-09 07:30:00"),
            ("Europe/Berlin", "2025-10-26 02:30:00", "2025-10-26 01:30:00"),
            ("Europe/Berlin", "2025-03-30 02:30:00", "2025-03-30 01:30:00"),
            ("Australia/Lord_Howe", "2025-04-06 01:45:00", "2025-04-05 15:15:00"),
            ("Asia/Tokyo", "2025-04-06 01:45:00", "2025-04-05 16:45:00"),
        ] {
            let zone = Tz::from_str(zone).expect("a zone");
            assert_eq!(moment(time(local), zone), time(utc), "{local}");
        }
    }
}
