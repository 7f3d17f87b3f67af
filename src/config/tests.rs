//! The configuration as it is written, and what is wrong with it.

use std::path::Path;

use super::*;
use crate::domain::{Placement, RejectLimit};

const MINIMAL: &str = r#"
[source]
url = "s3://exports"
[staging]
url = "staging"
[datasets.orders_create]
prefix = "orders-create"
key = "report_{date:%Y-%m-%d}T*.csv"
table = "orders_create"
"#;

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("project/backfill.toml"))
}

#[test]
fn a_minimal_file_has_sensible_defaults() {
    let config = parse(MINIMAL).expect("valid");
    let dataset = &config.datasets[0];
    assert_eq!(dataset.prefix, "orders-create/");
    assert_eq!(dataset.table.to_string(), "public.orders_create");
    assert_eq!(dataset.sql, Path::new("project/sql/orders_create"));
    assert_eq!(dataset.max_rejects, RejectLimit::Percent(0.1));
    assert_eq!(config.limits.sql_memory, 512 << 20);
}

#[test]
fn unknown_keys_and_impossible_values_are_refused() {
    for (from, to) in [
        ("table = ", "tabel = "),
        ("[staging]", "[stagging]"),
        ("{date:%Y-%m-%d}", ""),
        ("{date:%Y-%m-%d}", "{date:%Y-%U-%d}"),
        ("s3://exports", "ftp://exports"),
        ("orders-create\"", "/orders-create\""),
        ("orders-create\"", "orders//create\""),
        ("orders-create\"", "orders/../create\""),
        ("[datasets.orders_create]", "[datasets.\"Orders Create\"]"),
        ("table = \"orders_create\"", "table = \"a.b.c\""),
        ("table = ", "mode = \"replace\"\ntable = "),
        ("table = ", "max_rejects = \"many\"\ntable = "),
        ("table = ", "csv = { delimiter = \";;\" }\ntable = "),
        ("table = ", "personal_columns = [\"a*b\"]\ntable = "),
        ("table = ", "personal_columns = [\"\"]\ntable = "),
        ("table = ", "ignored_columns = [\"a*b\"]\ntable = "),
        ("table = ", "refuse_drift = [\"new\"]\ntable = "),
        ("table = ", "refuse_drift = \"any\"\ntable = "),
        ("datasets.orders_create", "datasets.information_schema"),
        ("[staging]", "[limits]\nsql_memory = \"1 MiB\"\n[staging]"),
        ("[staging]", "[limits]\nfiles_at_once = 0\n[staging]"),
        ("table = ", "mode = \"merge\"\ntable = "),
        ("table = ", "merge_key = [\"id\"]\ntable = "),
        ("table = ", "mode = \"merge\"\nmerge_key = []\ntable = "),
        ("table = ", "replace_by = \"days\"\ntable = "),
        ("table = ", "mode = \"replace-range\"\nreplace_by = \"weeks\"\ntable = "),
        ("[staging]\nurl = \"staging\"", "[staging]\nurl = \"staging\"\nprofile = \"p\""),
        ("[staging]\nurl = \"staging\"", "[staging]\nurl = \"staging\"\nkms_key = \"k\""),
        ("url = \"s3://exports\"", "url = \"s3://exports\"\nkms_key = \"k\""),
    ] {
        assert!(MINIMAL.contains(from), "{from}");
        assert!(parse(&MINIMAL.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn modes_and_places_have_their_own_keys() {
    let text = MINIMAL
        .replace("table = ", "mode = \"merge\"\nmerge_key = [\"id\"]\nconstants = { x = \"1\" }\ntable = ")
        .replace(
            "url = \"s3://exports\"",
            "url = \"s3://exports\"\nregion = \"eu-west-1\"\nprofile = \"p\"\nrequester_pays = true",
        )
        .replace("url = \"staging\"", "url = \"s3://staging\"\nendpoint = \"http://x\"\nkms_key = \"k\"");
    let config = parse(&text).expect("valid");
    let Placement::Merge(rule) = &config.datasets[0].placement else { panic!("a merge") };
    assert_eq!(
        (rule.key.as_slice(), rule.order.as_slice()),
        (&["id".to_owned()][..], &["_file_date".to_owned()][..])
    );
    assert_eq!(config.datasets[0].constants["x"], "1");
}

#[test]
fn the_room_of_the_database_is_given_in_decimal_or_binary_units() {
    let limits = "[limits]\ndatabase = \"500 MB\"\ndisk = \"8 GiB\"\n[staging]";
    let limits = parse(&MINIMAL.replace("[staging]", limits)).expect("valid").limits;
    assert_eq!((limits.database, limits.disk), (Some(500_000_000), Some(8 << 30)));
    assert_eq!(parse(MINIMAL).expect("valid").limits.disk, None);
}

fn parse_with(references: &str) -> Result<Config, Error> {
    parse(&format!("{MINIMAL}{references}"))
}

#[test]
fn references_are_files_of_the_project_or_of_a_store() {
    let config = parse_with(
        "[references.countries]\npath = \"ref/countries.csv\"\n\
         [references.shops]\npath = \"s3://exports/ref/shops.parquet\"\ncsv = { delimiter = \";\" }\n\
         [references.rates]\npath = \"rates.csv\"",
    );
    let references = config.expect("valid").references;
    let places: Vec<String> =
        references.iter().map(|found| format!("{} {}", found.place, found.key)).collect();
    assert_eq!(
        places,
        ["project/ref countries.csv", "s3://exports ref/shops.parquet", "project/. rates.csv"]
    );
    for (name, path, reason) in [
        ("source", "a.csv", "every dataset has a table `source`"),
        ("orders_create", "a.csv", "there is a dataset `orders_create`"),
        ("Countries", "a.csv", "a-z, 0-9 and _"),
        ("countries", "ref/", "a file, not a folder"),
        ("countries", "ftp://x/a.csv", "s3://bucket"),
    ] {
        let text = format!("[references.{name}]\npath = \"{path}\"");
        let error = parse_with(&text).expect_err(name);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn no_value_is_shown_that_may_be_a_secret() {
    for (from, to) in [
        ("[staging]", "database_url = \"postgres://me:secret@db/x\"\n[staging]"),
        ("[staging]", "[limits]\nfiles_at_once = \"postgres://me:se\\\"cret@db/x\"\n[staging]"),
        ("[staging]", "password = secret\n[staging]"),
        ("[staging]", "password = \"secret\n[staging]"),
        ("s3://exports", "s3://me:secret@exports"),
        ("[datasets.orders_create]", "[datasets]\norders_create = \"secret\"\n[more]"),
        ("table = ", "csv = \"secret\"\ntable = "),
        ("table = ", "max_rejects = \"secret\"\ntable = "),
        ("table = ", "refuse_drift = [\"secret\"]\ntable = "),
    ] {
        assert!(MINIMAL.contains(from), "{from}");
        let error = parse(&MINIMAL.replace(from, to)).expect_err(to);
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        let messages: Vec<String> = causes.map(ToString::to_string).collect();
        assert!(!messages.concat().contains("cret"), "{messages:?}");
    }
    let error = parse(&MINIMAL.replace("table = ", "tabel = ")).expect_err("an unknown key");
    let message = error.to_string();
    let names_the_key = message.contains("unknown field `tabel`");
    assert!(message.contains("line 9, column 1") && names_the_key, "{message}");
}

#[test]
fn a_value_of_another_kind_is_answered_with_what_to_write() {
    for (line, expected) in [
        (
            "refuse_drift = \"any\"",
            "a list of kinds of drift, such as [\"new-column\"] or [\"any\"]",
        ),
        (
            "max_rejects = \"many\"",
            "a count such as 20, or a share of the records such as \"0.1%\"",
        ),
        ("max_rejects = true", "such as \"0.1%\""),
        ("optional_columns = \"city\"", "expected a list, such as [\"one\", \"other\"]"),
        ("csv = { null_values = \"NA\" }", "expected a list, such as [\"one\", \"other\"]"),
        ("constants = \"acme\"", "expected a table, such as { name = \"text\" }"),
    ] {
        let error = parse(&MINIMAL.replace("table = ", &format!("{line}\ntable = ")));
        let error = error.expect_err(line).to_string();
        assert!(error.contains(expected), "{line}: {error}");
        assert!(!error.contains("sequence"), "{line}: {error}");
    }
}

#[test]
fn prefixes_select_datasets_with_or_without_the_slash() {
    let config = parse(MINIMAL).expect("valid");
    assert_eq!(config.clone().select(&["orders-create".into()]).expect("known").datasets.len(), 1);
    assert!(config.clone().select(&["orders-create/".into()]).is_ok());
    let mut kept = config.clone();
    kept.keep(|dataset| dataset.name != "orders_create");
    assert_eq!((kept.datasets.len(), kept.beside.len()), (0, 1));
    assert!(config.select(&["orders".into()]).is_err());
}

#[test]
fn reject_limits_compare_counts_and_shares() {
    assert!(!RejectLimit::Count(2).is_exceeded(2, 10));
    assert!(RejectLimit::Count(2).is_exceeded(3, 10));
    assert!(!RejectLimit::Percent(0.1).is_exceeded(1, 1000));
    assert!(RejectLimit::Percent(0.1).is_exceeded(2, 1000));
    assert!(!RejectLimit::Percent(0.1).is_exceeded(0, 0));
}
