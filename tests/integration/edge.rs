//! The committed data: one fault a file, and three weeks of exports with a table that must come out.

use std::fmt::Write;
use std::fs::File;
use std::path::Path;

use backfill_csv::{Dialect, ReadError, Reader, decompress};
use backfill_sample::Options;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;

use crate::support::{Project, copy_folder, shipped};

/// What the reader says of a file, line by line.
fn describe(path: &Path) -> Result<String, ReadError> {
    let mut text = String::new();
    let file = File::open(path).expect("a file");
    let read = |source| ReadError::Read { offset: 0, source };
    let (input, compression) = decompress(file).map_err(read)?;
    let mut reader = Reader::new(input, "bucket/file.csv", &Dialect::default())?;
    let mut rejects = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        if let Some(rows) = batch.rows {
            let width = rows.num_columns() - 3;
            let number = |column: usize, row: usize| {
                rows.column(width + column).as_primitive::<Int64Type>().value(row)
            };
            for row in 0..rows.num_rows() {
                let value = |column: usize| rows.column(column).as_string::<i32>().value(row);
                let values: Vec<String> = (0..width).map(|c| format!("{:?}", value(c))).collect();
                let (id, line) = (number(1, row), number(2, row));
                writeln!(text, "  row {id}, line {line}: {}", values.join(" ")).expect("text");
            }
        }
        rejects.extend(batch.rejects);
    }
    for reject in rejects {
        let (id, line, offset) = (reject.row_id, reject.line, reject.offset);
        let raw = String::from_utf8_lossy(&reject.raw).into_owned();
        let reason = reject.reason;
        writeln!(text, "  reject {id}, line {line}, byte {offset}: {reason}: {raw:?}")
            .expect("text");
    }
    let summary = reader.summary();
    let header = summary.header.join(",");
    let mut facts = vec![header, summary.line_end.clone(), compression.name().to_owned()];
    facts.extend((summary.encoding != "utf-8").then(|| summary.encoding.clone()));
    facts.extend((summary.delimiter != ",").then(|| format!("delimiter {:?}", summary.delimiter)));
    facts.extend(summary.byte_order_mark.then(|| "byte order mark".to_owned()));
    let counts = [
        ("blank lines", summary.blank_lines),
        ("bare quotes", summary.bare_quotes),
        ("records with NUL", summary.records_with_nul),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    facts.extend(counts.map(|(name, count)| format!("{count} {name}")));
    Ok(format!("  {}\n{text}", facts.join("; ")))
}

#[test]
fn every_fault_is_read_as_expected() {
    let folder = shipped("data/edge");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = String::new();
    for path in &paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        let what = describe(path).unwrap_or_else(|error| format!("  refused: {error}\n"));
        write!(found, "{name}\n{what}").expect("text");
    }
    let expected = std::fs::read_to_string(shipped("data/expected/edge.txt")).unwrap_or_default();
    assert!(found == expected, "found:\n{found}\nexpected:\n{expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_weeks_with_every_quirk_give_the_expected_tables() {
    let project = Project::orders(&Options { days: 1, rows: 1, ..Options::default() }).await;
    std::fs::remove_dir_all(project.bucket()).expect("an old bucket");
    copy_folder(&shipped("data/exports"), &project.bucket());
    project.edit(
        "backfill.toml",
        "table = \"public.orders_create\"\n",
        "table = \"public.orders_create\"\nmax_rejects = \"100%\"\n",
    );
    project.backfill(&["run", "--start", "2025-09-22", "--end", "2025-10-12"]).await.ended(0);
    for table in ["orders_create", "orders_update"] {
        let file = shipped(&format!("data/expected/{table}.csv"));
        let expected = std::fs::read_to_string(file).expect("expectations");
        let expected: Vec<&str> = expected.lines().skip(1).collect();
        let columns = project
            .rows(&format!(
                "SELECT string_agg(format('coalesce(%I, ''\\N'')', attname), ', ' ORDER BY attnum) \
                 FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 \
                 AND attname NOT LIKE '\\_%'"
            ))
            .await;
        let columns = &columns[0];
        let rows = project
            .rows(&format!(
                "SELECT concat_ws(',', _file_name, _row_id, orders_id, products_id, \
                        md5(array_to_string(ARRAY[{columns}], chr(31)))) \
                 FROM {table} ORDER BY _file_name COLLATE \"C\", _row_id"
            ))
            .await;
        assert_eq!(rows, expected, "{table}");
    }
}
