//! How one column of the staged rows becomes a column of the target.

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

use super::line;
use super::numeric::Digits;
use crate::load::target::Column;

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
    Float { is_single: bool },
    Numeric { limit: Option<(usize, usize)> },
    Boolean,
    Date,
    Timestamp { with_zone: bool },
    Time,
    Uuid,
    Json,
    Bytes,
}

/// The values of one column, ready to be put.
pub struct Values<'a> {
    form: Form,
    array: Carried<'a>,
    /// Whether any text will do that Postgres can store.
    takes_any_text: bool,
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
        let takes_any_text = self.form == Form::Text { max_characters: None };
        Values { form: self.form, array, takes_any_text }
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
            ("float4", _) => Self::Float { is_single: true },
            ("float8", _) => Self::Float { is_single: false },
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
            ("json" | "jsonb", _) => Self::Json,
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
    #[inline]
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

    /// Puts the row's value; where any text will do, as it is, with nothing in it escaped.
    ///
    /// # Errors
    /// Why the target's type cannot hold it.
    #[inline]
    pub fn put_unescaped(&self, row: usize, into: &mut Vec<u8>) -> Result<(), String> {
        match &self.array {
            Carried::Text(array) if self.takes_any_text => {
                line::put_view(array.views()[row], || array.value(row), into);
                Ok(())
            }
            _ => self.put(row, into),
        }
    }

    /// Puts the row's value.
    ///
    /// # Errors
    /// Why the target's type cannot hold it.
    pub fn put(&self, row: usize, into: &mut Vec<u8>) -> Result<(), String> {
        match &self.array {
            Carried::Text(array) => put_text(self.form, array.value(row), into),
            Carried::Integer(array) => put_integer(self.form, array.value(row), into),
            Carried::Float(array) => put_float(self.form, array.value(row), into),
            Carried::Decimal(array) => put_numeric(self.form, &array.value_as_string(row), into),
            Carried::Boolean(array) => {
                line::put_boolean(array.value(row), into);
                Ok(())
            }
            Carried::Date(array) => {
                let day = array.value_as_date(row).ok_or_else(unreadable)?;
                line::put_date(day, into);
                Ok(())
            }
            Carried::Timestamp(array) => {
                let time = DateTime::from_timestamp_micros(array.value(row));
                put_timestamp(self.form, time.ok_or_else(unreadable)?.naive_utc(), into)
            }
            Carried::Bytes(array) => {
                line::put_bytes(array.value(row), into);
                Ok(())
            }
        }
    }
}

fn put_text(form: Form, text: &str, into: &mut Vec<u8>) -> Result<(), String> {
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
            line::put_escaped(text, into);
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
        Form::Boolean => {
            let value = match text {
                "t" | "true" | "TRUE" => true,
                "f" | "false" | "FALSE" => false,
                _ => return Err("it is neither true nor false; use try_to_bool".to_owned()),
            };
            line::put_boolean(value, into);
            Ok(())
        }
        Form::Date => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
            line::put_date(day.map_err(|_| "it is no date written YYYY-MM-DD".to_owned())?, into);
            Ok(())
        }
        Form::Timestamp { with_zone } => {
            let time = match with_zone {
                true => DateTime::parse_from_rfc3339(text).ok().map(|time| time.naive_utc()),
                false => naive_time(text),
            };
            put_timestamp(form, time.ok_or_else(|| "it is no ISO 8601 time".to_owned())?, into)
        }
        Form::Time => {
            let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f");
            line::put_time(time.map_err(|_| "it is no time written HH:MM:SS".to_owned())?, into);
            Ok(())
        }
        Form::Uuid => put_uuid(text, into),
        Form::Json => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|_| "it is no JSON".to_owned())?;
            line::put_escaped(text, into);
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

fn put_timestamp(form: Form, time: NaiveDateTime, into: &mut Vec<u8>) -> Result<(), String> {
    let zone: &[u8] = match form {
        Form::Timestamp { with_zone: true } => b"+00",
        Form::Timestamp { with_zone: false } => b"",
        _ => return Err(unreadable()),
    };
    line::put_timestamp(time, zone, into);
    Ok(())
}

fn put_integer(form: Form, number: i64, into: &mut Vec<u8>) -> Result<(), String> {
    let bytes = match form {
        Form::Integer { bytes } => bytes,
        _ => return Err(unreadable()),
    };
    let fits = match bytes {
        2 => i16::try_from(number).is_ok(),
        4 => i32::try_from(number).is_ok(),
        _ => true,
    };
    if !fits {
        return Err(format!("it does not fit into {bytes} bytes"));
    }
    line::put_integer(number, into);
    Ok(())
}

fn put_float(form: Form, number: f64, into: &mut Vec<u8>) -> Result<(), String> {
    match form {
        Form::Float { is_single: true } if number.is_finite() && (number as f32).is_infinite() => {
            Err("it is too large for a real".to_owned())
        }
        Form::Float { is_single: true } => {
            line::put_float(number as f32, into);
            Ok(())
        }
        Form::Float { is_single: false } => {
            line::put_float(number, into);
            Ok(())
        }
        _ => Err(unreadable()),
    }
}

fn put_numeric(form: Form, text: &str, into: &mut Vec<u8>) -> Result<(), String> {
    let digits = Digits::parse(text).ok_or_else(|| "it is no number".to_owned())?;
    if let Form::Numeric { limit: Some((precision, scale)) } = form
        && !digits.fits(precision, scale)
    {
        return Err(format!("numeric({precision},{scale}) would round it or is too small"));
    }
    into.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_uuid(text: &str, into: &mut Vec<u8>) -> Result<(), String> {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    if digits.len() != 32 || !digits.iter().all(is_digit) {
        return Err("it is no UUID".to_owned());
    }
    into.extend_from_slice(&digits);
    Ok(())
}
