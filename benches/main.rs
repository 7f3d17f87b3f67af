//! Benchmarks of the steps that touch every byte, and the one peer that is a library.
//!
//! `cargo bench` measures; `benches/peers/compare` sets whole commands side by side with other
//! programs, and calls this one as `datafusion <folder of CSVs> <folder for Parquet>`. `look` measures
//! the commands that look at 182 exports on S3.

mod look;

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
    Err("say what to measure: `cargo bench --bench main -- look`".into())
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
