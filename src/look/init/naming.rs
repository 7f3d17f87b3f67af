//! Names of columns in the target: those that dlt, the daily loader, gives.
//!
//! The rules are in [`dlt_name`](crate::domain::dlt_name). Names that no table takes, or that two columns would share,
//! are changed here.

use std::collections::HashSet;

use crate::domain::dlt_name::column_name;

/// The longest name that Postgres keeps, in bytes.
const LONGEST: usize = 63;

/// The columns that `stage.sql` adds to those of the files: where a row comes from, and when it was loaded.
pub(super) const ADDED: [&str; 4] = ["_file_name", "_row_id", "_file_date", "_loaded_at"];

/// The columns that every table of Postgres has by itself.
const SYSTEM: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// The names of several columns. A number is appended to a name that another column has, that is [`ADDED`], or that
/// the server uses itself.
pub(super) fn column_names<'a>(headers: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken: HashSet<String> =
        ADDED.iter().chain(&SYSTEM).map(|name| (*name).to_owned()).collect();
    let mut names = Vec::new();
    for header in headers {
        let name = usable(column_name(header));
        let numbers = (2..).map(|number| numbered(&name, number));
        let free = std::iter::once(name.clone()).chain(numbers).find(|n| !taken.contains(n));
        let free = free.unwrap_or(name);
        taken.insert(free.clone());
        names.push(free);
    }
    names
}

/// A name that a table takes. The name by dlt's rules may be empty, if the header has only punctuation, or too long in
/// bytes, if it has digits outside ASCII.
fn usable(name: String) -> String {
    match name.as_str() {
        "" => "x".to_owned(),
        name => name.chars().filter(char::is_ascii).take(LONGEST).collect(),
    }
}

/// A name with a number appended, cut so that it is not longer than a name may be.
fn numbered(name: &str, number: u32) -> String {
    let number = format!("_{number}");
    let kept = name.len().min(LONGEST - number.len());
    format!("{}{number}", &name[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_daily_loader() {
        for (header, name) in [
            ("Order Id", "order_id"),
            ("orderId", "order_id"),
            ("OrderID", "order_id"),
            ("  order id", "order_id"),
            ("Order-Id", "order_id"),
            ("%Off", "_off"),
            ("Off %", "offx"),
            ("\u{e9}", "x"),
            ("1st", "_1st"),
            ("a+b", "axb"),
            ("a@b", "aab"),
            ("Click ID", "click_id"),
            ("IsTestCC", "is_test_cc"),
            ("3DS", "_3_ds"),
            ("Order Id (1)", "order_id_1x"),
            ("Sub-Affiliate", "sub_affiliate"),
            ("a__b", "a__b"),
            ("_a", "_a"),
            ("__", "x"),
        ] {
            assert_eq!(usable(column_name(header)), name, "{header}");
        }
    }

    #[test]
    fn every_name_is_one_that_postgres_keeps_apart() {
        let long = "a_rather_long_name_of_a_column_that_goes_on_and_on_and_on_and_on_and_on_and_on";
        let names = column_names(["id", "ID", long, &format!("{long}2")].into_iter());
        assert_eq!(names[..2], ["id", "id_2"]);
        assert!(names.iter().all(|name| name.len() <= LONGEST));
        assert_ne!(names[2], names[3]);
        let names = column_names([long, &long.to_uppercase(), "_File-Name"].into_iter());
        assert!(names.iter().all(|name| name.len() <= LONGEST), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert_eq!(names[2], "_file_name_2");
    }
}
