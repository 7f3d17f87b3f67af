//! A **field** is one column of the staged rows as it becomes a column of the target.

use chrono::DateTime;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};

use super::line;
use super::list;
use super::value::{Form, unreadable};
use crate::target::postgres::catalog::Column;

/// How one column is encoded: what it is read as, and what it is written as.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    carrier: DataType,
    form: Form,
    part: Part,
    /// How the elements of a list become those of an array.
    element: Option<Box<Field>>,
}

/// Which values of a column are put, if it is one of two: dlt keeps texts that do not fit a column's type
/// in a second column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of them.
    Whole,
    /// Those that fit the type; NULL stands for the others.
    Fitting,
    /// Those that do not, as text; NULL stands for the others.
    Misfits,
}

/// The values of one column, ready to be put.
pub(super) struct Values<'a> {
    form: Form,
    part: Part,
    array: Carried<'a>,
    /// Whether the column takes any text that Postgres can store.
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
    /// Finds out how `from` becomes the column's type.
    ///
    /// # Errors
    /// The reason if it cannot without losing or inventing something.
    pub(super) fn new(from: &DataType, column: &Column) -> Result<Self, String> {
        let form = Form::of(column);
        if let (ARRAY, Some(element)) = (column.category, list::element_type(from)) {
            let element = Self::new(element, &column.element())?;
            let carrier = DataType::Utf8View;
            return Ok(Self { carrier, form, part: Part::Whole, element: Some(Box::new(element)) });
        }
        let carrier = form.carrier(from).ok_or_else(|| {
            format!(
                "stage.sql returns {}, but the target has {}",
                type_name(from),
                column.type_text
            )
        })?;
        Ok(Self { carrier, form, part: Part::Whole, element: None })
    }

    /// Whether it takes texts, each of which has to be in the form of the column's type.
    pub(super) fn parses_texts(&self) -> bool {
        self.part == Part::Whole && self.split().is_some()
    }

    /// Splits the field in two: for texts that fit the column's type, and for those that do not. `None` if
    /// there is nothing to split: any text fits, or no text is given.
    pub(super) fn split(&self) -> Option<(Self, Self)> {
        let is_text = self.carrier == DataType::Utf8View;
        let takes_any_text = matches!(self.form, Form::Text { .. } | Form::Server);
        (is_text && !takes_any_text)
            .then(|| (self.with_part(Part::Fitting), self.with_part(Part::Misfits)))
    }

    fn with_part(&self, part: Part) -> Self {
        Self { part, ..self.clone() }
    }

    /// Casts the array to the type that it is read as.
    ///
    /// # Errors
    /// The reason if its values cannot be read as that type.
    pub(super) fn prepare(&self, array: &ArrayRef) -> Result<ArrayRef, String> {
        if *array.data_type() == self.carrier {
            return Ok(array.clone());
        }
        if let Some(element) = &self.element {
            return list::texts(array, element);
        }
        if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
            let numbers = cast(array, &DataType::Int64).map_err(|_| unreadable())?;
            let nanoseconds = numbers.as_primitive::<Int64Type>();
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

    /// Returns the prepared array's values.
    pub(super) fn values<'a>(&self, array: &'a ArrayRef) -> Values<'a> {
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
        Values { form: self.form, part: self.part, array, takes_any_text }
    }
}

/// The category of array types in the catalog.
const ARRAY: char = 'A';

/// Returns the name that SQL has for an Arrow type.
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

/// Returns how many decimals of a second a type keeps: its modifier, or six if it has none.
fn decimals(modifier: i32) -> u32 {
    u32::try_from(modifier).unwrap_or(6)
}

impl Form {
    /// Returns the form of a column's values.
    pub(crate) fn of(column: &Column) -> Self {
        let modifier = column.modifier;
        match (column.type_name.as_str(), column.category) {
            ("int2", _) => Self::Integer { bytes: 2 },
            ("int4", _) => Self::Integer { bytes: 4 },
            ("int8", _) => Self::Integer { bytes: 8 },
            ("float4", _) => Self::Float { is_single: true },
            ("float8", _) => Self::Float { is_single: false },
            ("numeric", _) => Self::Numeric { limit: column.precision_and_scale() },
            ("bool", _) => Self::Boolean,
            ("date", _) => Self::Date,
            ("timestamp", _) => Self::Timestamp { with_zone: false, decimals: decimals(modifier) },
            ("timestamptz", _) => Self::Timestamp { with_zone: true, decimals: decimals(modifier) },
            ("time", _) => Self::Time { decimals: decimals(modifier) },
            ("uuid", _) => Self::Uuid,
            ("json", _) => Self::Json { is_binary: false },
            ("jsonb", _) => Self::Json { is_binary: true },
            ("bytea", _) => Self::Bytes,
            ("varchar" | "bpchar", _) if modifier >= 4 => {
                Self::Text { max_characters: usize::try_from(modifier - 4).ok() }
            }
            // The server would cut longer ones.
            ("name", _) => Self::Short { max_bytes: 63 },
            ("char", _) => Self::Short { max_bytes: 1 },
            (_, 'S' | 'E') => Self::Text { max_characters: None },
            _ => Self::Server,
        }
    }

    /// Returns the type as which values of an Arrow type are read; `None` if the column does not take them.
    fn carrier(self, from: &DataType) -> Option<DataType> {
        use DataType as T;
        let from = if let T::Dictionary(_, value) = from { value } else { from };
        let is_text = matches!(from, T::Utf8 | T::LargeUtf8 | T::Utf8View);
        let micros = T::Timestamp(TimeUnit::Microsecond, None);
        match (self, from) {
            (Self::Bytes, T::Binary | T::LargeBinary | T::BinaryView) => Some(T::BinaryView),
            // What the server reads as bytes: \x and hexadecimal digits.
            (Self::Bytes, _) if !is_text => None,
            (_, T::Null) => Some(T::Utf8View),
            _ if is_text => Some(T::Utf8View),
            (Self::Text { .. } | Self::Server, T::Date32 | T::Decimal128(..)) => Some(T::Utf8View),
            (Self::Text { .. } | Self::Server, from) if from.is_integer() => Some(T::Utf8View),
            (Self::Integer { .. }, from) if from.is_integer() && *from != T::UInt64 => {
                Some(T::Int64)
            }
            (Self::Float { .. }, T::Float32 | T::Float64) => Some(T::Float64),
            (Self::Float { .. }, T::Int8 | T::Int16 | T::Int32) => Some(T::Float64),
            (Self::Numeric { .. }, T::Decimal128(..)) => Some(from.clone()),
            (Self::Numeric { .. }, from) if from.is_integer() => Some(T::Decimal128(20, 0)),
            (Self::Boolean, T::Boolean) => Some(T::Boolean),
            (Self::Date, T::Date32) => Some(T::Date32),
            (Self::Timestamp { with_zone: false, .. }, T::Date32 | T::Timestamp(_, None)) => {
                Some(micros)
            }
            (Self::Timestamp { with_zone: true, .. }, T::Timestamp(_, Some(_))) => {
                Some(T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
            }
            _ => None,
        }
    }
}

impl Values<'_> {
    /// Whether the row's value is NULL.
    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
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

    /// Whether the column keeps only the texts that do not fit another one.
    #[inline]
    pub(super) fn is_variant(&self) -> bool {
        self.part == Part::Misfits
    }

    /// Puts the row's value or NULL, if the column takes a part of the values; returns whether it was the
    /// value. `None` if the column takes them all, and nothing is put yet.
    #[inline]
    pub(super) fn put_part(&self, row: usize, into: &mut Vec<u8>) -> Option<bool> {
        let Carried::Text(array) = &self.array else { return None };
        let start = into.len();
        match self.part {
            Part::Whole => return None,
            // dlt stores no value for an empty text in such a column.
            _ if array.value(row).is_empty() => {}
            Part::Fitting if self.form.put_text(array.value(row), into).is_ok() => {
                return Some(true);
            }
            Part::Misfits if self.form.put_text(array.value(row), &mut Vec::new()).is_err() => {
                line::put_escaped(array.value(row), into);
                return Some(true);
            }
            Part::Fitting | Part::Misfits => {}
        }
        into.truncate(start);
        into.extend_from_slice(line::NULL);
        Some(false)
    }

    /// Puts the row's value; if the column takes any text, without escaping anything in it.
    ///
    /// # Errors
    /// The reason if the target's type cannot hold it.
    #[inline]
    pub(super) fn put_unescaped(&self, row: usize, into: &mut Vec<u8>) -> Result<(), String> {
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
    /// The reason if the target's type cannot hold it.
    pub(super) fn put(&self, row: usize, into: &mut Vec<u8>) -> Result<(), String> {
        match &self.array {
            Carried::Text(array) => self.form.put_text(array.value(row), into),
            Carried::Integer(array) => self.form.put_integer(array.value(row), into),
            Carried::Float(array) => self.form.put_float(array.value(row), into),
            Carried::Decimal(array) => self.form.put_numeric(&array.value_as_string(row), into),
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
                self.form.put_timestamp(time.ok_or_else(unreadable)?.naive_utc(), into)
            }
            Carried::Bytes(array) => {
                line::put_bytes(array.value(row), into);
                Ok(())
            }
        }
    }
}
