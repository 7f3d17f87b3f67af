//! **Functions** of our own: each returns NULL for a value that it cannot read, while the engine's functions fail.
//!
//! | function | returns |
//! |---|---|
//! | `try_to_date(text, format…)` | the day, by the first format that reads the whole text |
//! | `try_to_timestamp(text, format…)` | the time, likewise, without a zone; digits after the microsecond are cut off |
//! | `try_to_timestamptz(text, format…)` | the moment, likewise, of a time that is written with its offset from UTC |
//! | `try_to_decimal(text, precision, scale[, mark])` | the number; a sign before or after it, parentheses for negative, `$`, thousands separators and `1.5e3` are understood, `12%` is not; NULL if a digit would be lost |
//! | `try_to_bool(text)` | `true` for true, t, yes, y, 1, on; `false` for false, f, no, n, 0, off |
//! | `null_like(text)` | NULL for '', NA, N/A, None, NULL, \N and zero dates, otherwise the text |
//! | `natural_order(text)` | a text that sorts names by the size of the numbers in them, `_v2` before `_v10`, and a name before the same name with more text |
//!
//! Formats are those of `strftime`: `%m/%d/%Y`, `%m/%d/%Y %I:%M %p`. Without one, ISO is read. An offset is
//! `%#z`, which reads `Z`, `+02`, `+0200` and `+02:00`; a format that ends with `Z` or `UTC` has none but zero.
//! `epoch_s`, `epoch_ms` and `epoch_us` are formats too: a count from 1970 in UTC. Two formats that read one
//! text as different times are refused in one call.
//!
//! The decimal mark is `'.'` if commas separate thousands, or `','` if points or blanks do. Before thousands
//! separators, a number has one to three digits, of which the first is not 0; after them, groups of three. `1,125` is
//! 1125 without a mark, and 1.125 with `','`.

use std::sync::Arc;

use chrono::format::{Item, StrftimeItems};
use datafusion::arrow::array::{
    Array, ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, StringViewArray,
    StringViewBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::cast::as_string_view_array;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::domain::FileDate;
use crate::values::{
    self, Mark, contradict, decimal, is_in_utc, is_null_like, natural_order, reads_offset, truth,
};

/// Every function, ready to be registered.
pub(super) fn all() -> Vec<ScalarUDF> {
    let kinds = [
        Kind::Date,
        Kind::Timestamp,
        Kind::Moment,
        Kind::Decimal,
        Kind::Bool,
        Kind::NullLike,
        Kind::NaturalOrder,
    ];
    kinds.into_iter().map(|kind| ScalarUDF::from(Function::new(kind))).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Date,
    Timestamp,
    Moment,
    Decimal,
    Bool,
    NullLike,
    NaturalOrder,
}

/// The offset of UTC, as the session writes it.
const UTC: &str = "+00:00";

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    kind: Kind,
    signature: Signature,
}

impl Function {
    fn new(kind: Kind) -> Self {
        Self { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// Refuses a format that no text can match, and one that would ignore an offset or lacks one.
    fn refuse_format(&self, format: &ScalarValue) -> Result<()> {
        let name = self.name();
        let Some(Some(format)) = format.try_as_str() else { return Ok(()) };
        if values::counts_from_1970(format) {
            return Ok(());
        }
        // A format without a directive, such as 'YYYY-MM-DD', would read nothing.
        if !format.contains('%') || StrftimeItems::new(format).any(|item| item == Item::Error) {
            return plan_err!(
                "{name} does not know the format '{format}'; write one such as '%Y-%m-%d'"
            );
        }
        match self.kind {
            Kind::Timestamp if reads_offset(format) => plan_err!(
                "{name} would leave out the offset that '{format}' reads; use try_to_timestamptz"
            ),
            Kind::Timestamp if format.contains("%Z") => plan_err!(
                "{name} would leave out the zone that '{format}' reads; write its name instead of %Z"
            ),
            Kind::Moment if !reads_offset(format) && !is_in_utc(format) => plan_err!(
                "'{format}' has no offset from UTC: {name} takes formats with %#z (which reads Z, +02, +0200 and \
                 +02:00), or formats that end with Z or UTC; for times without a zone, use try_to_timestamp"
            ),
            _ => Ok(()),
        }
    }

    /// Refuses two formats that read the same text as different times: the first one would always win.
    fn refuse_contradiction(&self, formats: &[Option<&ScalarValue>]) -> Result<()> {
        let name = self.name();
        let formats: Vec<&str> =
            formats.iter().flatten().filter_map(|format| format.try_as_str().flatten()).collect();
        for (place, one) in formats.iter().enumerate() {
            if let Some(other) = formats[place + 1..].iter().find(|other| contradict(one, other)) {
                return plan_err!(
                    "{name} has the formats '{one}' and '{other}', which read the same text as different times; use \
                     only one of them, or if the files changed, choose by their date: CASE WHEN _file_date < DATE \
                     '2025-01-01' THEN {name}(…, '{one}') ELSE {name}(…, '{other}') END (`backfill drift --deep \
                     --propose` finds the day)"
                );
            }
        }
        Ok(())
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Date => "try_to_date",
            Kind::Timestamp => "try_to_timestamp",
            Kind::Moment => "try_to_timestamptz",
            Kind::Decimal => "try_to_decimal",
            Kind::Bool => "try_to_bool",
            Kind::NullLike => "null_like",
            Kind::NaturalOrder => "natural_order",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let (name, count) = (self.name(), given.len());
        match self.kind {
            Kind::Date | Kind::Timestamp | Kind::Moment if count >= 1 => {
                Ok(vec![DataType::Utf8View; count])
            }
            Kind::Decimal if count == 3 || count == 4 => {
                let types =
                    [DataType::Utf8View, DataType::Int64, DataType::Int64, DataType::Utf8View];
                Ok(types[..count].to_vec())
            }
            Kind::Bool | Kind::NullLike | Kind::NaturalOrder if count == 1 => {
                Ok(vec![DataType::Utf8View])
            }
            Kind::Date | Kind::Timestamp | Kind::Moment => {
                plan_err!("{name} takes a text and any number of formats")
            }
            Kind::Decimal => plan_err!(
                "{name} takes a text, a precision, a scale, and optionally the decimal mark"
            ),
            Kind::Bool | Kind::NullLike | Kind::NaturalOrder => {
                plan_err!("{name} takes one text")
            }
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Kind::Date => DataType::Date32,
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Kind::Decimal => DataType::Decimal128(38, 9),
            Kind::Bool => DataType::Boolean,
            Kind::NullLike | Kind::NaturalOrder => DataType::Utf8View,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> =
            args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let data_type = match (self.kind, args.scalar_arguments) {
            (Kind::Decimal, [_, precision, scale, mark @ ..]) => {
                // A mark inside a cast is checked when the function is called.
                let mut given = mark.iter().flatten();
                given.try_for_each(|mark| decimal_mark(Some(mark)).map(|_| ()))?;
                decimal_type(*precision, *scale)?
            }
            (Kind::Date | Kind::Timestamp | Kind::Moment, [_, formats @ ..]) => {
                let mut given = formats.iter().flatten();
                given.try_for_each(|format| self.refuse_format(format))?;
                self.refuse_contradiction(formats)?;
                self.return_type(&types)?
            }
            _ => self.return_type(&types)?,
        };
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_scalar { 1 } else { args.number_rows };
        let text = args.args[0].to_array(rows)?;
        let array = self.evaluate(as_string_view_array(&text)?, &args)?;
        if all_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

impl Function {
    /// Evaluates a call for all rows; `texts` is its first argument.
    fn evaluate(&self, texts: &StringViewArray, args: &ScalarFunctionArgs) -> Result<ArrayRef> {
        let (rows, values) = (texts.len(), texts.iter());
        let formats = match self.kind {
            Kind::Date | Kind::Timestamp | Kind::Moment => formats(self.name(), &args.args[1..])?,
            Kind::Decimal | Kind::Bool | Kind::NullLike | Kind::NaturalOrder => Vec::new(),
        };
        Ok(match (self.kind, args.return_field.data_type()) {
            (Kind::Date, _) => {
                let mut built = Date32Builder::with_capacity(rows);
                values.for_each(|v| built.append_option(v.and_then(|v| days(v, &formats))));
                Arc::new(built.finish())
            }
            (Kind::Timestamp, _) => {
                let mut built = TimestampMicrosecondBuilder::with_capacity(rows);
                values.for_each(|v| built.append_option(v.and_then(|v| local_micros(v, &formats))));
                Arc::new(built.finish())
            }
            (Kind::Moment, _) => {
                let mut built = TimestampMicrosecondBuilder::with_capacity(rows);
                values
                    .for_each(|v| built.append_option(v.and_then(|v| moment_micros(v, &formats))));
                Arc::new(built.finish().with_timezone(UTC))
            }
            (Kind::Decimal, &DataType::Decimal128(precision, scale)) => {
                let mut built = Decimal128Builder::with_capacity(rows)
                    .with_precision_and_scale(precision, scale)?;
                let mark = mark_given(&args.args)?;
                values.for_each(|v| {
                    built.append_option(v.and_then(|v| decimal(v, precision, scale, mark)));
                });
                Arc::new(built.finish())
            }
            (Kind::Bool, _) => {
                let mut built = BooleanBuilder::with_capacity(rows);
                values.for_each(|v| built.append_option(v.and_then(truth)));
                Arc::new(built.finish())
            }
            (Kind::NullLike, _) => {
                let mut built = StringViewBuilder::with_capacity(rows);
                values.for_each(|v| built.append_option(v.filter(|v| !is_null_like(v))));
                Arc::new(built.finish())
            }
            (Kind::NaturalOrder, _) => Arc::new(natural_orders(values)),
            (Kind::Decimal, other) => return exec_err!("try_to_decimal cannot give {other}"),
        })
    }
}

/// Sort keys for the natural order of names. The last one is kept, because the rows of a file mostly follow each other.
fn natural_orders<'a>(names: impl Iterator<Item = Option<&'a str>>) -> StringViewArray {
    let mut built = StringViewBuilder::new().with_deduplicate_strings();
    let mut last: Option<(&str, String)> = None;
    for name in names {
        let Some(name) = name else {
            built.append_null();
            continue;
        };
        let sorted = match last.take() {
            Some((same, sorted)) if same == name => sorted,
            _ => natural_order(name),
        };
        built.append_value(&sorted);
        last = Some((name, sorted));
    }
    built.finish()
}

/// The whole number that an argument is, if it is a literal.
fn whole_number(argument: Option<&ScalarValue>) -> Option<i64> {
    match argument {
        Some(ScalarValue::Int64(Some(number))) => Some(*number),
        _ => None,
    }
}

fn decimal_type(precision: Option<&ScalarValue>, scale: Option<&ScalarValue>) -> Result<DataType> {
    let precision = whole_number(precision).and_then(|number| u8::try_from(number).ok());
    let scale = whole_number(scale).and_then(|number| i8::try_from(number).ok());
    match (precision, scale) {
        (Some(precision @ 1..=38), Some(scale))
            if (0..=i64::from(precision)).contains(&scale.into()) =>
        {
            Ok(DataType::Decimal128(precision, scale))
        }
        _ => plan_err!(
            "the precision of try_to_decimal is a number from 1 to 38, and its scale a number from 0 to the precision"
        ),
    }
}

/// The decimal mark of a call; it must be the same for every row.
fn decimal_mark(mark: Option<&ScalarValue>) -> Result<Mark> {
    match mark.and_then(|mark| mark.try_as_str().flatten()).and_then(Mark::named) {
        Some(mark) => Ok(mark),
        None => plan_err!("the decimal mark of try_to_decimal is '.' or ','"),
    }
}

/// The decimal mark of a call; a point if it has none.
fn mark_given(args: &[ColumnarValue]) -> Result<Mark> {
    match args.get(3) {
        None => Ok(Mark::Point),
        Some(ColumnarValue::Scalar(mark)) => decimal_mark(Some(mark)),
        Some(ColumnarValue::Array(_)) => decimal_mark(None),
    }
}

/// The formats of a call; they must be the same for every row.
fn formats(function: &str, args: &[ColumnarValue]) -> Result<Vec<String>> {
    args.iter().map(|arg| format(function, arg)).collect()
}

fn format(function: &str, arg: &ColumnarValue) -> Result<String> {
    match arg {
        ColumnarValue::Scalar(value) => match value.try_as_str() {
            Some(Some(format)) => Ok(format.to_owned()),
            _ => exec_err!("a format of {function} is a text"),
        },
        ColumnarValue::Array(_) => exec_err!("a format of {function} is a literal"),
    }
}

fn days(text: &str, formats: &[String]) -> Option<i32> {
    values::date(text, formats).map(|day| FileDate(day).days_since_epoch())
}

/// Microseconds since 1970. Finer digits are cut off: PostgreSQL does not store them.
fn local_micros(text: &str, formats: &[String]) -> Option<i64> {
    values::local(text, formats).map(|time| time.and_utc().timestamp_micros())
}

fn moment_micros(text: &str, formats: &[String]) -> Option<i64> {
    values::moment_of(text, formats).map(|time| time.timestamp_micros())
}
