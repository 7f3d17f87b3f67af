//! The configuration as it is written, and what is wrong with it.

use std::path::Path;

use super::*;

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
        ("{date:%Y-%m-%d}", "{date:%Y-%b-%d}"),
        ("s3://exports", "ftp://exports"),
        ("orders-create\"", "/orders-create\""),
        ("[datasets.orders_create]", "[datasets.\"Orders Create\"]"),
        ("table = \"orders_create\"", "table = \"a.b.c\""),
        ("table = ", "mode = \"replace\"\ntable = "),
        ("table = ", "max_rejects = \"many\"\ntable = "),
        ("table = ", "csv = { delimiter = \";;\" }\ntable = "),
        ("[staging]", "[limits]\nsql_memory = \"1 MiB\"\n[staging]"),
        ("[staging]", "[limits]\nfiles_at_once = 0\n[staging]"),
    ] {
        assert!(MINIMAL.contains(from), "{from}");
        assert!(parse(&MINIMAL.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn prefixes_select_datasets_with_or_without_the_slash() {
    let config = parse(MINIMAL).expect("valid");
    assert_eq!(config.clone().select(&["orders-create".into()]).expect("known").datasets.len(), 1);
    assert!(config.clone().select(&["orders-create/".into()]).is_ok());
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
