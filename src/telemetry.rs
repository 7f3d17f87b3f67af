//! **Telemetry**: the log, on standard error, quiet unless `RUST_LOG` says otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is logged where `RUST_LOG` is not set.
const DEFAULT: &str = "error,backfill=warn";

/// Starts the log.
pub fn start(filter: Option<&str>) {
    let filter = EnvFilter::new(filter.unwrap_or(DEFAULT));
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(is_terminal);
    // A second start in one process keeps the first.
    let _ = log.with_env_filter(filter).with_target(false).try_init();
}
