//! How one column of the staged rows becomes a column of the target.

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use serde::de::IgnoredAny;

use super::numeric::Digits;
use crate::file_date::FileDate;
use crate::load::target::Column;

/// Days from 1970-01-01 to 2000-01-01, where Postgres counts from.
const EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_MICROSECONDS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// How one column is encoded: what it is read as, and what it is written as.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    carrier: DataType,
    form: Form,
}

/// What a value is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text { max_characters: Option<usize> },
    Integer { bytes: usize },
    Float { bytes: usize },
    Numeric { limit: Option<(usize, usize)> },
    Boolean,
    Date,
    Timestamp { with_zone: bool },
    Time,
    Uuid,
    Json { binary: bool },
    Bytes,
}

/// The values of one column, ready to be put.
pub struct Values<'a> {
    form: Form,
    array: Carried<'a>,
    /// Whether any text will do that holds no NUL.
    is_plain_text: bool,
}

enum Carried<'a> {
    Text(&'a StringViewArray),
    Integer(&'a Int64Array),
    Float(&'a Float64Array),
    Decimal(&'a Decimal128Array),
    Boolean(&'a BooleanArray),
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMicrosecondArray),
    Bytes(&'a BinaryViewArray),
}

impl Field {
    /// How `from` becomes the column's type.
    ///
    /// # Errors
    /// Why it cannot without losing or inventing something.
    pub fn new(from: &DataType, column: &Column) -> Result<Self, String> {
        let form = Form::of(column)?;
        let carrier = form.carrier(from).ok_or_else(|| {
            format!("stage.sql gives {}, the target holds {}", type_name(from), column.type_text)
        })?;
        Ok(Self { carrier, form })
    }

    /// The array in the type that it is read as.
    ///
    /// # Errors
    /// Where the values cannot be read so.
    pub fn prepare(&self, array: &ArrayRef) -> Result<ArrayRef, String> {
        if *array.data_type() == self.carrier {
            return Ok(array.clone());
        }
        if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
            let nanoseconds = cast(array, &DataType::Int64).map_err(|_| unreadable())?;
            let nanoseconds = nanoseconds.as_primitive::<Int64Type>();
            if nanoseconds.iter().flatten().any(|value| value % 1000 != 0) {
                return Err("it is finer than a microsecond; round it with date_trunc".to_owned());
            }
        }
        let carried = cast(array, &self.carrier).map_err(|_| unreadable())?;
        if carried.null_count() == array.logical_null_count() {
            Ok(carried)
        } else {
            Err(unreadable())
        }
    }

    /// The prepared array's values.
    pub fn values<'a>(&self, array: &'a ArrayRef) -> Values<'a> {
        let array = match &self.carrier {
            DataType::Int64 => Carried::Integer(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Carried::Float(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(..) => Carried::Decimal(array.as_primitive::<Decimal128Type>()),
            DataType::Boolean => Carried::Boolean(array.as_boolean()),
            DataType::Date32 => Carried::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(..) => {
                Carried::Timestamp(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::BinaryView => Carried::Bytes(array.as_binary_view()),
            _ => Carried::Text(array.as_string_view()),
        };
        let is_plain_text = self.form == Form::Text { max_characters: None };
        Values { form: self.form, array, is_plain_text }
    }
}

fn unreadable() -> String {
    "it cannot be converted without loss".to_owned()
}

/// An Arrow type as SQL calls it.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => other.to_string().to_lowercase(),
    }
}

impl Form {
    fn of(column: &Column) -> Result<Self, String> {
        let modifier = column.modifier;
        Ok(match (column.type_name.as_str(), column.category) {
            ("int2", _) => Self::Integer { bytes: 2 },
            ("int4", _) => Self::Integer { bytes: 4 },
            ("int8", _) => Self::Integer { bytes: 8 },
            ("float4", _) => Self::Float { bytes: 4 },
            ("float8", _) => Self::Float { bytes: 8 },
            ("numeric", _) if modifier >= 4 => {
                let (precision, scale) = ((modifier - 4) >> 16 & 0xffff, (modifier - 4) & 0x7ff);
                Self::Numeric { limit: Some((precision as usize, scale as usize)) }
            }
            ("numeric", _) => Self::Numeric { limit: None },
            ("bool", _) => Self::Boolean,
            ("date", _) => Self::Date,
            ("timestamp", _) => Self::Timestamp { with_zone: false },
            ("timestamptz", _) => Self::Timestamp { with_zone: true },
            ("time", _) => Self::Time,
            ("uuid", _) => Self::Uuid,
            ("json", _) => Self::Json { binary: false },
            ("jsonb", _) => Self::Json { binary: true },
            ("bytea", _) => Self::Bytes,
            ("varchar" | "bpchar", _) if modifier >= 4 => {
                Self::Text { max_characters: Some((modifier - 4) as usize) }
            }
            (_, 'S' | 'E') => Self::Text { max_characters: None },
            _ => return Err(format!("rows cannot be copied into type {}", column.type_text)),
        })
    }

    /// What values of an Arrow type are read as on their way; `None` where they cannot go.
    fn carrier(self, from: &DataType) -> Option<DataType> {
        use DataType as T;
        let from = match from {
            T::Dictionary(_, value) => value,
            other => other,
        };
        let is_text = matches!(from, T::Utf8 | T::LargeUtf8 | T::Utf8View);
        let micros = T::Timestamp(TimeUnit::Microsecond, None);
        match (self, from) {
            (Self::Bytes, T::Binary | T::LargeBinary | T::BinaryView) => Some(T::BinaryView),
            (Self::Bytes, _) => None,
            (_, T::Null) => Some(T::Utf8View),
            _ if is_text => Some(T::Utf8View),
            (Self::Text { .. }, T::Date32 | T::Decimal128(..)) => Some(T::Utf8View),
            (Self::Text { .. }, from) if from.is_integer() => Some(T::Utf8View),
            (Self::Integer { .. }, from) if from.is_integer() && *from != T::UInt64 => {
                Some(T::Int64)
            }
            (Self::Float { .. }, T::Float32 | T::Float64) => Some(T::Float64),
            (Self::Float { .. }, T::Int8 | T::Int16 | T::Int32) => Some(T::Float64),
            (Self::Numeric { .. }, T::Decimal128(..)) => Some(from.clone()),
            (Self::Numeric { .. }, from) if from.is_integer() => Some(T::Decimal128(20, 0)),
            (Self::Boolean, T::Boolean) => Some(T::Boolean),
            (Self::Date, T::Date32) => Some(T::Date32),
            (Self::Timestamp { with_zone: false }, T::Date32 | T::Timestamp(_, None)) => {
                Some(micros)
            }
            (Self::Timestamp { with_zone: true }, T::Timestamp(_, Some(_))) => {
                Some(T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
            }
            _ => None,
        }
    }
}

impl Values<'_> {
    /// Whether the row's value is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        match &self.array {
            Carried::Text(array) => array.is_null(row),
            Carried::Integer(array) => array.is_null(row),
            Carried::Float(array) => array.is_null(row),
            Carried::Decimal(array) => array.is_null(row),
            Carried::Boolean(array) => array.is_null(row),
            Carried::Date(array) => array.is_null(row),
            Carried::Timestamp(array) => array.is_null(row),
            Carried::Bytes(array) => array.is_null(row),
        }
    }

    /// The row's value where it is text that goes out as it is.
    pub fn plain_text(&self, row: usize) -> Option<&str> {
        match &self.array {
            Carried::Text(array) if self.is_plain_text => {
                let text = array.value(row);
                (!holds_nul(array.views()[row], text)).then_some(text)
            }
            _ => None,
        }
    }

    /// Puts the row's value.
    ///
    /// # Errors
    /// Why the target's type cannot hold it.
    pub fn put(&self, row: usize, into: &mut BytesMut) -> Result<(), String> {
        match &self.array {
            Carried::Text(array) => put_text(self.form, array.value(row), into),
            Carried::Integer(array) => put_integer(self.form, array.value(row), into),
            Carried::Float(array) => put_float(self.form, array.value(row), into),
            Carried::Decimal(array) => {
                let text = array.value_as_string(row);
                put_numeric(self.form, &text, into)
            }
            Carried::Boolean(array) => {
                into.put_u8(u8::from(array.value(row)));
                Ok(())
            }
            Carried::Date(array) => {
                into.put_i32(array.value(row) - EPOCH_DAYS);
                Ok(())
            }
            Carried::Timestamp(array) => {
                into.put_i64(array.value(row) - EPOCH_MICROSECONDS);
                Ok(())
            }
            Carried::Bytes(array) => {
                into.put_slice(array.value(row));
                Ok(())
            }
        }
    }
}

/// Whether the bytes of a view hold a NUL: those of a text of at most twelve bytes are in the view
/// itself, and are looked at all at once.
fn holds_nul(view: u128, text: &str) -> bool {
    const ONES: u128 = u128::MAX / 255;
    const HIGHS: u128 = ONES << 7;
    let length = view as u32;
    if length > 12 {
        return memchr::memchr(0, text.as_bytes()).is_some();
    }
    // The length's own bytes, and those behind the text, count as not zero.
    let text = (view >> 32) | (u128::MAX << (length * 8));
    text.wrapping_sub(ONES) & !text & HIGHS != 0
}

fn put_text(form: Form, text: &str, into: &mut BytesMut) -> Result<(), String> {
    match form {
        Form::Text { max_characters } => {
            if memchr::memchr(0, text.as_bytes()).is_some() {
                return Err("it holds a NUL character, which Postgres cannot store".to_owned());
            }
            if let Some(max) = max_characters
                && text.len() > max
                && text.chars().count() > max
            {
                return Err(format!("it is longer than {max} characters"));
            }
            into.put_slice(text.as_bytes());
            Ok(())
        }
        Form::Integer { .. } => {
            let number = text.parse().map_err(|_| "it is no whole number".to_owned())?;
            put_integer(form, number, into)
        }
        Form::Float { .. } => {
            let number: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
            put_float(form, number, into)
        }
        Form::Numeric { .. } => put_numeric(form, text, into),
        Form::Boolean => match text {
            "t" | "true" | "TRUE" => {
                into.put_u8(1);
                Ok(())
            }
            "f" | "false" | "FALSE" => {
                into.put_u8(0);
                Ok(())
            }
            _ => Err("it is neither true nor false; use try_to_bool".to_owned()),
        },
        Form::Date => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
            let day = day.map_err(|_| "it is no date written YYYY-MM-DD".to_owned())?;
            into.put_i32(FileDate(day).days_since_epoch() - EPOCH_DAYS);
            Ok(())
        }
        Form::Timestamp { with_zone } => {
            let time = match with_zone {
                true => DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros()),
                false => naive_time(text).map(|time| time.and_utc().timestamp_micros()),
            };
            let time = time.ok_or_else(|| "it is no ISO 8601 time".to_owned())?;
            into.put_i64(time - EPOCH_MICROSECONDS);
            Ok(())
        }
        Form::Time => {
            let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f");
            let time = time.map_err(|_| "it is no time written HH:MM:SS".to_owned())?;
            let since_midnight = time.signed_duration_since(NaiveTime::MIN);
            into.put_i64(since_midnight.num_microseconds().unwrap_or(0));
            Ok(())
        }
        Form::Uuid => put_uuid(text, into),
        Form::Json { binary } => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|_| "it is no JSON".to_owned())?;
            if binary {
                into.put_u8(1);
            }
            into.put_slice(text.as_bytes());
            Ok(())
        }
        Form::Bytes => Err(unreadable()),
    }
}

fn naive_time(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

fn put_integer(form: Form, number: i64, into: &mut BytesMut) -> Result<(), String> {
    let bytes = match form {
        Form::Integer { bytes } => bytes,
        _ => return Err(unreadable()),
    };
    let too_large = || format!("it does not fit into {bytes} bytes");
    match bytes {
        2 => into.put_i16(i16::try_from(number).map_err(|_| too_large())?),
        4 => into.put_i32(i32::try_from(number).map_err(|_| too_large())?),
        _ => into.put_i64(number),
    }
    Ok(())
}

fn put_float(form: Form, number: f64, into: &mut BytesMut) -> Result<(), String> {
    match form {
        Form::Float { bytes: 4 } if number.is_finite() && (number as f32).is_infinite() => {
            Err("it is too large for a real".to_owned())
        }
        Form::Float { bytes: 4 } => {
            into.put_f32(number as f32);
            Ok(())
        }
        Form::Float { .. } => {
            into.put_f64(number);
            Ok(())
        }
        _ => Err(unreadable()),
    }
}

fn put_numeric(form: Form, text: &str, into: &mut BytesMut) -> Result<(), String> {
    let digits = Digits::parse(text).ok_or_else(|| "it is no number".to_owned())?;
    match form {
        Form::Numeric { limit: Some((precision, scale)) } => {
            if !digits.fits(precision, scale) {
                return Err(format!("numeric({precision},{scale}) would round it or is too small"));
            }
            digits.with_scale(scale).put(into);
        }
        _ => digits.put(into),
    }
    Ok(())
}

fn put_uuid(text: &str, into: &mut BytesMut) -> Result<(), String> {
    let wrong = || "it is no UUID".to_owned();
    let hex: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    if hex.len() != 32 {
        return Err(wrong());
    }
    for pair in hex.chunks(2) {
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
        into.put_u8((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    }
    Ok(())
}
