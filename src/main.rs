//! `backfill`: parse, run, report, exit.

use std::process::ExitCode;

use backfill::cli;

fn main() -> ExitCode {
    cli::main()
}
