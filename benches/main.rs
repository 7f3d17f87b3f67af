//! `cargo bench` measures the commands that look at 182 exports on S3; `cargo bench -p backfill-csv`
//! measures the reader.
//!
//! `benches/peers/compare` measures whole commands beside other programs. One of these is a library:
//! `datafusion <folder of CSVs> <folder for Parquet>` runs it here.

mod look;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match &arguments[..] {
        [peer, from, to] if peer == "datafusion" => runtime.block_on(csv_to_parquet(from, to)),
        _ => runtime.block_on(look::look()),
    }
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
