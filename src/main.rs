//! `backfill`: parse, run, report, exit.

use std::process::ExitCode;

use backfill::cli;

/// Many threads that allocate much, hand it on and free it soon: the allocator decides over peak
/// memory and page faults. How many arenas it has stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
