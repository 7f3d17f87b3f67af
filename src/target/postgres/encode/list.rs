//! **Lists** of the engine as PostgreSQL reads arrays: `{"a","b",NULL}`, each element in quotation marks.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use super::field::Field;
use super::value::unreadable;

/// Returns the type of the elements of a list, or of those of the lists inside it; `None` if it is not a list.
pub(super) fn element_type(data_type: &DataType) -> Option<&DataType> {
    use DataType as T;
    match data_type {
        T::List(field) | T::LargeList(field) | T::FixedSizeList(field, _) => {
            element_type(field.data_type()).or(Some(field.data_type()))
        }
        _ => None,
    }
}

/// Writes lists as texts.
///
/// # Errors
/// The reason if the array's type does not take an element.
pub(super) fn texts(array: &ArrayRef, element: &Field) -> Result<ArrayRef, String> {
    let lists = match array.data_type() {
        DataType::List(_) => Arc::clone(array),
        DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            cast(array, &DataType::List(Arc::clone(field))).map_err(|_| unreadable())?
        }
        _ => return Err(unreadable()),
    };
    let mut built = StringViewBuilder::with_capacity(lists.len());
    for list in lists.as_list::<i32>().iter() {
        built.append_option(list.map(|elements| literal(&elements, element)).transpose()?);
    }
    Ok(Arc::new(built.finish()))
}

/// Writes one list as an array's literal.
fn literal(elements: &ArrayRef, element: &Field) -> Result<String, String> {
    let parts = match element_type(elements.data_type()) {
        Some(_) => inner_lists(elements, element)?,
        None => values(elements, element)?,
    };
    Ok(format!("{{{}}}", parts.join(",")))
}

fn inner_lists(lists: &ArrayRef, element: &Field) -> Result<Vec<String>, String> {
    let texts = texts(lists, element)?;
    Ok(texts.as_string_view().iter().map(|list| list.unwrap_or(NULL).to_owned()).collect())
}

/// Writes the values of a list, each as in an array. Each is checked as a value of a column of the element's type, so
/// that nothing of it is lost.
fn values(elements: &ArrayRef, element: &Field) -> Result<Vec<String>, String> {
    let prepared = element.prepare(elements)?;
    let checked = element.values(&prepared);
    let texts = cast(elements, &DataType::Utf8View).map_err(|_| unreadable())?;
    let mut scratch = Vec::new();
    let mut parts = Vec::with_capacity(elements.len());
    for (row, text) in texts.as_string_view().iter().enumerate() {
        let Some(text) = text else {
            parts.push(NULL.to_owned());
            continue;
        };
        scratch.clear();
        checked.put(row, &mut scratch)?;
        parts.push(quoted(text));
    }
    Ok(parts)
}

/// An element of an array that is NULL.
const NULL: &str = "NULL";

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Builder, Int64Builder, ListBuilder, StringBuilder};

    use super::*;
    use crate::target::Column;

    /// Prepares lists for a column of this type.
    fn made(lists: ArrayRef, type_name: &str, modifier: i32) -> Result<ArrayRef, String> {
        let column = Column {
            type_name: type_name.to_owned(),
            category: 'A',
            modifier,
            ..Column::default()
        };
        let field = Field::new(lists.data_type(), &column)?;
        field.prepare(&lists)
    }

    #[test]
    fn elements_that_the_type_would_round_are_refused() {
        let mut lists = ListBuilder::new(Float64Builder::new());
        lists.append_value([Some(16_777_217.0)]);
        let lists: ArrayRef = Arc::new(lists.finish());
        assert!(made(Arc::clone(&lists), "_float8", -1).is_ok());
        assert!(made(lists, "_float4", -1).is_err());
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("1.25")]);
        let lists: ArrayRef = Arc::new(lists.finish());
        // numeric(4, 2) and numeric(4, 1)
        assert!(made(Arc::clone(&lists), "_numeric", (4 << 16 | 2) + 4).is_ok());
        assert!(made(lists, "_numeric", (4 << 16 | 1) + 4).is_err());
    }

    #[test]
    fn elements_are_quoted_and_null_is_not() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("a, b"), None, Some("NULL"), Some("\"\\{}"), Some("")]);
        lists.append_null();
        lists.append_value(Vec::<Option<&str>>::new());
        let made = made(Arc::new(lists.finish()), "_text", -1).expect("texts");
        let made: Vec<Option<&str>> = made.as_string_view().iter().collect();
        let first = r#"{"a, b",NULL,"NULL","\"\\{}",""}"#;
        assert_eq!(made, [Some(first), None, Some("{}")]);
    }

    #[test]
    fn lists_of_lists_are_arrays_of_arrays() {
        let mut lists = ListBuilder::new(ListBuilder::new(Int64Builder::new()));
        lists.values().append_value([Some(1), Some(2)]);
        lists.values().append_value([Some(3), None]);
        lists.append(true);
        let made = made(Arc::new(lists.finish()), "_int8", -1).expect("texts");
        assert_eq!(made.as_string_view().value(0), r#"{{"1","2"},{"3",NULL}}"#);
    }
}
