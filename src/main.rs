//! `backfill`: parse, run, report, exit.

use std::process::ExitCode;

use backfill::cli;

/// Many threads that allocate much and free it soon: the allocator decides over peak memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
