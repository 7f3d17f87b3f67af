//! **Lists** of the engine as PostgreSQL reads arrays: `{"a","b",NULL}`, each element in quotation marks.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use super::value::unreadable;

/// The type of the elements of a list, if they, or those of lists inside it, have a text that the server
/// reads.
pub fn is_list_of_values(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::List(field) | T::LargeList(field) | T::FixedSizeList(field, _) => {
            is_list_of_values(field.data_type()) || is_value(field.data_type())
        }
        _ => false,
    }
}

fn is_value(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Null | T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Boolean | T::Date32 | T::Decimal128(..)
    ) || data_type.is_integer()
        || data_type.is_floating()
        || matches!(data_type, T::Timestamp(..))
}

/// The lists as texts.
///
/// # Errors
/// If an element has no text.
pub fn texts(lists: &ArrayRef) -> Result<ArrayRef, String> {
    let lists = match lists.data_type() {
        DataType::List(_) => Arc::clone(lists),
        DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            cast(lists, &DataType::List(Arc::clone(field))).map_err(|_| unreadable())?
        }
        _ => return Err(unreadable()),
    };
    let mut built = StringViewBuilder::with_capacity(lists.len());
    for list in lists.as_list::<i32>().iter() {
        built.append_option(list.map(|elements| literal(&elements)).transpose()?);
    }
    Ok(Arc::new(built.finish()))
}

/// One list as an array's literal.
fn literal(elements: &ArrayRef) -> Result<String, String> {
    let is_nested = is_list_of_values(elements.data_type());
    let texts = match is_nested {
        true => texts(elements)?,
        false => cast(elements, &DataType::Utf8View).map_err(|_| unreadable())?,
    };
    let texts: &StringViewArray = texts.as_string_view();
    let elements: Vec<String> = texts.iter().map(|text| element(text, is_nested)).collect();
    Ok(format!("{{{}}}", elements.join(",")))
}

fn element(text: Option<&str>, is_list: bool) -> String {
    match text {
        None => "NULL".to_owned(),
        Some(list) if is_list => list.to_owned(),
        Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Builder, ListBuilder, StringBuilder};

    use super::*;

    #[test]
    fn elements_stand_in_quotation_marks_and_null_does_not() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("a, b"), None, Some("NULL"), Some("\"\\{}"), Some("")]);
        lists.append_null();
        lists.append_value(Vec::<Option<&str>>::new());
        let made = texts(&(Arc::new(lists.finish()) as ArrayRef)).expect("texts");
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
        let made = texts(&(Arc::new(lists.finish()) as ArrayRef)).expect("texts");
        assert_eq!(made.as_string_view().value(0), r#"{{"1","2"},{"3",NULL}}"#);
    }
}
