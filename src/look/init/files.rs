//! The files of a new dataset: its section of the configuration, and its SQL.

use std::fmt::Write;

use super::columns::Column;
use super::key::Guess;
use super::naming::ADDED;
use super::remarks::{Remarks, percent};
use crate::domain::{Dataset, FILE_DATE};
use crate::look::drift::around::csv_above;
use crate::printable::printable;
use crate::sql::identifier;
use crate::target::{Definition, Target};
use backfill_csv::{Around, Dialect, Encodings, UnusableNames};
use toml::{Table, Value};

/// How many names of a list stand in a line.
const NAMES_A_LINE: usize = 4;

/// A line of a comment has about this many characters.
const COMMENT: usize = 100;

/// The section of `backfill.toml`.
pub(super) fn section(dataset: &Dataset, columns: &[Column], remarks: &Remarks) -> String {
    let optional = headers(columns, |column| column.is_optional || column.headers.len() > 1);
    let personal = headers(columns, |column| column.is_personal);
    let csv = csv(&dataset.dialect);
    let entries = [
        (&remarks.unread, "prefix", Some(Value::from(dataset.prefix.clone()))),
        (&remarks.key, "key", Some(key(dataset))),
        (&Vec::new(), "table", Some(Value::from(dataset.table.to_string()))),
        (&remarks.csv, "csv", (!csv.is_empty()).then_some(Value::Table(csv))),
        (&remarks.optional, "optional_columns", optional),
        (&remarks.personal, "personal_columns", personal),
    ];
    let mut text = format!("\n[datasets.{}]\n", dataset.name);
    for (remarks, key, value) in entries {
        text.push_str(&comments("#", remarks));
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}

fn list(texts: impl Iterator<Item = String>) -> Value {
    Value::Array(texts.map(Value::from).collect())
}

/// The headers of some columns; `None` if there are none.
fn headers(columns: &[Column], is_chosen: fn(&Column) -> bool) -> Option<Value> {
    let chosen = columns.iter().filter(|column| is_chosen(column));
    let mut headers = chosen.flat_map(|column| column.headers.iter().cloned()).peekable();
    headers.peek().is_some().then(|| list(headers))
}

/// One pattern, or a list of them.
fn key(dataset: &Dataset) -> Value {
    match dataset.key.as_slice() {
        [pattern] => Value::from(pattern.to_string()),
        patterns => list(patterns.iter().map(ToString::to_string)),
    }
}

/// The settings of `csv` that are not the default.
fn csv(dialect: &Dialect) -> Table {
    let mut csv = Table::new();
    if dialect.encoding != Encodings::default() {
        let names = dialect.encoding.list().iter().map(|encoding| encoding.name().to_owned());
        csv.insert("encoding".to_owned(), list(names));
    }
    let above = Around {
        header_names: dialect.header_names.clone(),
        header_pattern: dialect.header_pattern.clone(),
        comment: dialect.comment.clone(),
        delimiter: dialect.delimiter,
        names: dialect.names.clone().unwrap_or_default(),
        ..Around::default()
    };
    csv.extend(csv_above(&above).into_iter().map(|(key, value)| (key.to_owned(), value)));
    if !dialect.skip_records.is_empty() {
        csv.insert("skip_records".to_owned(), list(dialect.skip_records.iter().cloned()));
    }
    if dialect.unusable_names == UnusableNames::Suffix {
        csv.insert("unusable_names".to_owned(), Value::from("suffix"));
    }
    if !dialect.aliases.is_empty() {
        let aliases = dialect.aliases.iter();
        let aliases = aliases.map(|(name, others)| (name.clone(), list(others.iter().cloned())));
        csv.insert("aliases".to_owned(), Value::Table(aliases.collect()));
    }
    csv
}

/// Each remark as a comment, whose lines begin with `mark`.
pub(super) fn comments(mark: &str, remarks: &[String]) -> String {
    remarks.iter().map(|remark| comment(mark, remark)).collect()
}

fn comment(mark: &str, remark: &str) -> String {
    // A name from outside may hold line endings, which would end the comment.
    let remark = remark.replace('\n', " ");
    let mut text = String::new();
    let mut line = mark.to_owned();
    for word in printable(&remark).split_whitespace() {
        if line.len() + word.len() >= COMMENT && line.len() > mark.len() {
            let _ = writeln!(text, "{line}");
            line = mark.to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    text + &line + "\n"
}

/// `target.sql`: the table that exists, or the table to create.
pub(super) fn target(
    dataset: &Dataset,
    columns: &[Column],
    there: Option<&Definition>,
    remarks: &Remarks,
) -> String {
    let remarks = if there.is_some() { &remarks.target } else { &remarks.types };
    let remarks = comments("--", remarks);
    match there {
        Some(there) => {
            let columns = there.columns.iter();
            let columns = columns.map(|(name, rest)| (identifier(name), rest.clone())).collect();
            let comment =
                "The existing table: the columns of stage.sql are compared with its columns.";
            let comments = format!("-- {comment}\n{remarks}");
            comments + &create_table(dataset, columns, &there.rules, &there.partitioning)
        }
        None => {
            let types = ["text NOT NULL", "bigint NOT NULL", "date NOT NULL", "timestamptz"];
            let added = ADDED.iter().zip(types).map(|(name, rest)| (*name, rest));
            let own = columns.iter().map(|c| (identifier(&c.name), c.data_type.clone()));
            let columns = own.chain(added.map(|(name, rest)| (name.to_owned(), rest.to_owned())));
            let comment = "Creates the table if it does not exist: one row per line of the export.";
            let comments = format!("-- {comment}\n{remarks}");
            comments + &create_table(dataset, columns.collect(), &[], "")
        }
    }
}

fn create_table(
    dataset: &Dataset,
    columns: Vec<(String, String)>,
    rules: &[String],
    partitioning: &str,
) -> String {
    let width = columns.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let columns = columns.iter().map(|(name, rest)| format!("    {name:width$}  {rest}"));
    let lines: Vec<String> =
        columns.chain(rules.iter().map(|rule| format!("    {rule}"))).collect();
    let table = identifier(&dataset.table.name);
    format!("CREATE TABLE {table} (\n{}\n){partitioning};\n", lines.join(",\n"))
}

/// `stage.sql`.
pub(super) fn stage(columns: &[Column], target: Option<&Target>, remarks: &Remarks) -> String {
    let mut lines: Vec<String> = columns.iter().map(Column::line).collect();
    lines.extend(["_file_name", "_row_id"].map(str::to_owned));
    lines.extend(file_date(target).map(str::to_owned));
    if target.is_none_or(|target| target.column("_loaded_at").is_some()) {
        lines.push("date_trunc('second', now()) AS _loaded_at".to_owned());
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    format!(
        "-- Turns each row of the files into a row of the target.\n{}SELECT\n{}\nFROM source\n",
        comments("--", &remarks.columns),
        lines.join(",\n")
    )
}

/// How `_file_date` is given to the target; `None` if the target has no such column.
fn file_date(target: Option<&Target>) -> Option<&'static str> {
    let Some(target) = target else { return Some(FILE_DATE) };
    match target.column(FILE_DATE)?.type_name.as_str() {
        "date" => Some(FILE_DATE),
        _ => Some("CAST(_file_date AS varchar) AS _file_date"),
    }
}

/// `dedupe.sql`; if no key is trusted, every row survives.
pub(super) fn dedupe(key: &[&Column], guess: &Guess) -> String {
    let every = "SELECT _file_name, _row_id\nFROM source\n";
    let columns: Vec<String> = key.iter().map(|column| column.source()).collect();
    let key = columns.join(", ");
    let newest = format!(
        "{every}QUALIFY row_number() OVER (\n    PARTITION BY {key}\n    \
         ORDER BY _file_date DESC, natural_order(_file_name) DESC, _row_id DESC\n) = 1\n"
    );
    match (columns.is_empty(), guess.is_trusted) {
        (true, _) => format!(
            "-- Keeps every row: no column or pair of columns is unique in every file.\n{every}"
        ),
        (false, true) => format!(
            "-- Keeps the newest row of each key over the whole range. The key {key} is a guess: \
             it is\n-- unique in each of the files that were read.\n{newest}"
        ),
        (false, false) => format!(
            "-- Keeps every row. {key}: unique in the files that were read, and {again} of a file's\n\
             -- values appear again in the next file. If those are the same rows, sent again, use this \
             instead:\n--\n{}--\n{every}",
            newest.lines().map(|line| format!("--     {line}\n")).collect::<String>(),
            again = percent(guess.again),
        ),
    }
}

/// `checks/*.sql`, by name.
pub(super) fn checks(columns: &[Column], key: &[&Column]) -> Vec<(String, String)> {
    let mut checks = vec![
        ("unknown_column", unknown_column(columns)),
        ("several_files_for_a_day", SEVERAL_FILES.to_owned()),
        ("unusual_row_count", ROW_COUNT.to_owned()),
    ];
    checks.extend(missing_column(columns).map(|text| ("missing_column", text)));
    checks.extend(unreadable_value(columns).map(|text| ("unreadable_value", text)));
    if !key.is_empty() {
        checks.push(("missing_key", missing_key(key)));
        checks.push(("duplicate_key_in_a_file", duplicate_key(key)));
        checks.push(("mostly_superseded", mostly_superseded(key)));
    }
    checks.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

const SEVERAL_FILES: &str = "\
-- A day with more than one file: all are loaded. Of rows with the same key, dedupe.sql keeps those of the
-- file with the later name (`_v10` is later than `_v2`).
-- severity: warn
SELECT _file_date, min(_file_name) AS _file_name, count(*) AS files
FROM files
GROUP BY _file_date
HAVING count(*) > 1
";

const ROW_COUNT: &str = "\
-- A file with less than half or more than twice the median number of rows per file in the range.
-- severity: warn
SELECT f._file_name, f._file_date, f.rows
FROM files AS f
CROSS JOIN (SELECT median(rows) AS usual_rows FROM files) AS m
WHERE f.rows * 2 < m.usual_rows OR f.rows > m.usual_rows * 2
";

fn literals<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    let lines: Vec<String> = quoted.chunks(NAMES_A_LINE).map(|names| names.join(", ")).collect();
    lines.join(",\n    ")
}

/// A check of the columns that every file should have; `None` if there are none.
fn missing_column(columns: &[Column]) -> Option<String> {
    let plain = columns.iter().filter(|column| column.headers.len() == 1 && !column.is_optional);
    let names: Vec<String> =
        plain.map(|column| format!("('{}')", column.headers[0].replace('\'', "''"))).collect();
    let lines: Vec<String> = names.chunks(NAMES_A_LINE).map(|names| names.join(", ")).collect();
    let text = format!(
        "-- A column that a file lacks: it is NULL in the rows of the file.\n-- severity: warn\n\
         SELECT f._file_name, f._file_date, expected.name\nFROM files AS f\nCROSS JOIN (VALUES\n    \
         {}\n) AS expected (name)\nLEFT JOIN file_columns AS c\n  \
         ON c._file_name = f._file_name AND c.name = expected.name\nWHERE c.name IS NULL\n",
        lines.join(",\n    ")
    );
    (!names.is_empty()).then_some(text)
}

fn unknown_column(columns: &[Column]) -> String {
    let names = columns.iter().flat_map(|column| column.headers.iter().map(String::as_str));
    format!(
        "-- A new column, which no file had when this check was written: it is not loaded.\n\
         -- severity: warn\nSELECT _file_name, _file_date, position, name\nFROM file_columns\n\
         WHERE name NOT IN (\n    {}\n)\n",
        literals(names)
    )
}

fn unreadable_value(columns: &[Column]) -> Option<String> {
    let conditions = columns.iter().filter(|column| column.may_be_unreadable());
    let conditions: Vec<String> = conditions
        .map(|column| {
            let (source, value) = (column.source(), column.value());
            let name = column.name.replace('\'', "''");
            let unreadable = format!(
                "    WHEN null_like({source}) IS NOT NULL AND {value} IS NULL\n        THEN '{name}'"
            );
            // A code that is read as a number would lose its leading zeros.
            match column.is_guessed_whole {
                true => format!("{unreadable}\n    WHEN trim({source}) LIKE '0_%' THEN '{name}'"),
                false => unreadable,
            }
        })
        .chain(columns.iter().filter_map(refused_by_target))
        .collect();
    (!conditions.is_empty()).then(|| {
        format!(
            "-- A value that does not fit the type of its column: it would be NULL in the target, be refused, or lose zeros.\n\
             -- severity: error\nSELECT _file_name, _file_date, _line, _row_id, unreadable\n\
             FROM (\n    SELECT _file_name, _file_date, _line, _row_id, CASE\n{}\n    END AS unreadable\n    \
             FROM source\n)\nWHERE unreadable IS NOT NULL\n",
            conditions.join("\n")
        )
    })
}

/// The case of a value that is read and that the type of the target's column does not take.
fn refused_by_target(column: &Column) -> Option<String> {
    let refused = column.refusal.as_ref()?.replace("{}", &column.value());
    Some(format!("    WHEN {refused}\n        THEN '{}'", column.name.replace('\'', "''")))
}

fn missing_key(key: &[&Column]) -> String {
    let empty: Vec<String> =
        key.iter().map(|column| format!("null_like({}) IS NULL", column.source())).collect();
    format!(
        "-- A row without a key: a later file cannot supersede it.\n-- severity: error\n\
         SELECT _file_name, _file_date, _line, _row_id\nFROM source\nWHERE {}\n",
        empty.join(" OR ")
    )
}

fn duplicate_key(key: &[&Column]) -> String {
    let columns: Vec<String> = key.iter().map(|column| column.source()).collect();
    let columns = columns.join(", ");
    format!(
        "-- The same key twice in a file: only the last line is loaded.\n-- severity: warn\n\
         SELECT _file_name, _file_date, max(_line) AS _line, count(*) AS times\nFROM source\n\
         GROUP BY _file_name, _file_date, {columns}\nHAVING count(*) > 1\n"
    )
}

fn mostly_superseded(key: &[&Column]) -> String {
    let columns: Vec<String> = key.iter().map(|column| column.source()).collect();
    let columns = columns.join(", ");
    format!(
        "-- More than half of the rows share their key with another row: it is probably not a key.\n\
         -- severity: error\n\
         SELECT sum(times) AS rows, count(*) AS keys\nFROM (\n    \
         SELECT count(*) AS times FROM source GROUP BY {columns}\n)\n\
         HAVING sum(times) > 2 * count(*)\n"
    )
}
