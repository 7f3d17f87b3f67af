//! **Telemetry**: the log, on standard error, quiet unless `RUST_LOG` says otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// What is logged where `RUST_LOG` is not set.
const DEFAULT: &str = "error,backfill=warn";
/// The same if warnings are hidden.
const QUIET: &str = "error";

/// Libraries that log what they send and receive: tokens, keys, and what a `credential_process` says.
const SECRETIVE: [&str; 9] = [
    "aws_config",
    "aws_credential_types",
    "aws_runtime",
    "aws_sdk_sso",
    "aws_sdk_sts",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "aws_sigv4",
    "hyper_util",
];

/// Starts the log. `filter` is what `RUST_LOG` says.
pub fn start(filter: Option<&str>, is_quiet: bool) {
    let default = if is_quiet { QUIET } else { DEFAULT };
    let mut filter = EnvFilter::new(filter.unwrap_or(default));
    for library in SECRETIVE {
        if let Ok(off) = format!("{library}=off").parse::<Directive>() {
            filter = filter.add_directive(off);
        }
    }
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(is_terminal);
    // A second start in one process keeps the first.
    let _ = log.with_env_filter(filter).with_target(false).try_init();
}
