//! `backfill doctor`.

use std::sync::Arc;

use clap::Args;

use super::Context;
use crate::error::{Error, Exit};
use crate::look;
use crate::look::doctor::OldUploads;
use crate::show;

/// Checks everything that a run needs, before it is needed, without loading anything.
///
/// Looks at the source, staging, the database, and for each dataset at its files, its SQL and its target.
/// Each line says ok, WARN, FAILED or skip, what was found and what to do next. It does not stop at
/// the first failure. To test staging, it writes a small object there, reads it and deletes it. In the database
/// it tries everything in transactions that are rolled back.
///
/// Exit codes: 0 if nothing failed (warnings are allowed), 1 if anything failed, 2 if the configuration cannot be
/// read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
    /// Abort uploads to staging on S3 that began more than a day ago and were never finished
    #[arg(long)]
    abort_uploads: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Error`] if the configuration cannot be read or the result cannot be printed.
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let config = context.configured(&arguments.prefixes)?;
    let progress = Arc::clone(&context.progress);
    let old_uploads = if arguments.abort_uploads { OldUploads::Abort } else { OldUploads::Count };
    let environment = &context.environment;
    let diagnosis = look::doctor::doctor(&config, environment, progress, old_uploads).await;
    context.output.print(&diagnosis, show::doctor)?;
    Ok(if diagnosis.failed == 0 { Exit::Done } else { Exit::Failed })
}
