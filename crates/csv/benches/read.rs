//! From the bytes of one export to record batches: `cargo bench -p backfill-csv`.

#![allow(missing_docs, reason = "nothing uses it from outside")]

use std::hint::black_box;
use std::io::Cursor;
use std::time::Duration;

use backfill_csv::{Dialect, Reader};
use backfill_sample::Options;
use criterion::{Criterion, Throughput};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
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
    backfill_sample::write(folder.path(), &options, &mut |_| {})?;
    let export = std::fs::read_dir(folder.path().join("orders-create"))?
        .next()
        .ok_or("the sample has no file")??;
    let plain = std::fs::read(export.path())?;
    // The same fields, each in quotes, and one in ten with a line ending inside.
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
