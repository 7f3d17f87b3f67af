//! `backfill man`: **manual pages**, one per command, made from the texts of `--help`.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::Context;
use crate::error::{Error, Exit};

/// Writes a manual page for every command.
///
/// To read them with `man backfill-run`: backfill man ~/.local/share/man/man1
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to write to; it is created if it is missing
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(serde::Serialize)]
struct Written {
    folder: String,
    pages: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Error::Output`].
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Error> {
    let pages = write_all(&arguments.folder).map_err(|source| Error::Output {
        what: format!("the manual pages to {}", arguments.folder.display()),
        source,
    })?;
    let written = Written { folder: arguments.folder.display().to_string(), pages };
    context.output.print(&written, render)?;
    Ok(Exit::Done)
}

/// Writes the page of the program and those of its commands; returns their names.
fn write_all(folder: &Path) -> io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let mut program = super::Arguments::command().disable_help_subcommand(true);
    // Gives every command its full name and the global options.
    program.build();
    let source = format!("backfill {}", program.get_version().unwrap_or_default());
    let mut pages = Vec::new();
    write(&program, &source, folder, &mut pages)?;
    Ok(pages)
}

fn write(
    command: &clap::Command,
    source: &str,
    folder: &Path,
    pages: &mut Vec<String>,
) -> io::Result<()> {
    let page = Man::new(command.clone()).source(source).manual("backfill");
    page.generate_to(folder)?;
    pages.push(page.get_filename());
    for part in command.get_subcommands() {
        write(part, source, folder, pages)?;
    }
    Ok(())
}

fn render(written: &Written) -> String {
    format!("{} manual pages in {}\n", written.pages.len(), written.folder)
}
