//! Benchmarks of the steps that touch every byte, and the one peer that is a library.
//!
//! `cargo bench` measures; `benches/peers/compare` sets whole commands side by side with other
//! programs, and calls this one as `datafusion <folder of CSVs> <folder for Parquet>`. `look` measures
//! the commands that look at 182 exports on S3.

mod look;

use std::hint::black_box;
use std::io::Cursor;
use std::time::Duration;

use backfill::mirror::{Dialect, Reader};
use backfill::sample::Options;
use criterion::{Criterion, Throughput};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [peer, from, to] = &arguments[..]
        && peer == "datafusion"
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(csv_to_parquet(from, to));
    }
    if arguments.iter().any(|argument| argument == "look") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(look::look());
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(8))
        .configure_from_args();
    read(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// From the bytes of one export to record batches.
fn read(criterion: &mut Criterion) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = Options { days: 1, rows: 18_000, ..Options::default() };
    backfill::sample::write(folder.path(), &options, &mut |_| {})?;
    let export = std::fs::read_dir(folder.path().join("orders-create"))?
        .next()
        .ok_or("the sample has no file")??;
    let plain = std::fs::read(export.path())?;
    // The same fields, each in quotes, and one in ten with a line end inside.
    let quoted = quoted(&plain);
    let mut group = criterion.benchmark_group("read");
    for (name, bytes) in [("plain", plain), ("quoted", quoted)] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || bytes.clone(),
                |bytes| black_box(count_rows(bytes)),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
    Ok(())
}

fn count_rows(bytes: Vec<u8>) -> usize {
    let reader = Reader::new(Box::new(Cursor::new(bytes)), "bucket/x.csv", &Dialect::default());
    let mut reader = reader.expect("a header");
    let mut count = 0;
    while let Some(batch) = reader.next_batch().expect("a batch") {
        count += batch.rows.map_or(0, |rows| rows.num_rows());
    }
    count
}

fn quoted(plain: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(plain);
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let mut out = format!("{header}\r\n");
    for (number, line) in lines.filter(|line| !line.contains('"')).enumerate() {
        let fields: Vec<String> = line.split(',').map(|field| format!("\"{field}\"")).collect();
        let line = fields.join(",");
        out.push_str(&if number % 10 == 0 { line.replacen("\",", "\r\n\",", 1) } else { line });
        out.push_str("\r\n");
    }
    out.into_bytes()
}

/// What DataFusion does by itself: a folder of CSVs, all text, to Parquet.
async fn csv_to_parquet(from: &str, to: &str) -> Result<()> {
    let first = std::fs::read_dir(from)?.next().ok_or("no file")??;
    let text = std::fs::read_to_string(first.path())?;
    let header = text.lines().next().unwrap_or_default();
    let field = |name: &str| Field::new(name, DataType::Utf8View, true);
    let schema = Schema::new(header.split(',').map(field).collect::<Vec<_>>());
    let context = SessionContext::new_with_config(SessionConfig::new());
    let options = CsvReadOptions::new().has_header(true).schema(&schema);
    let rows = context.read_csv(from, options).await?;
    rows.write_parquet(to, DataFrameWriteOptions::new(), None).await?;
    Ok(())
}
