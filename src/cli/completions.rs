//! `backfill completions`: scripts that let a shell **complete** commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Context;
use crate::error::{Error, Exit};

/// Prints a script that lets a shell complete commands and options.
///
/// For bash: backfill completions bash > ~/.local/share/bash-completion/completions/backfill
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// [`Error::Output`].
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Error> {
    let mut script = Vec::new();
    let mut definitions = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut definitions, "backfill", &mut script);
    context.output.write(&script)?;
    Ok(Exit::Done)
}
