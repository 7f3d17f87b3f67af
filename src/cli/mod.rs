//! The **command line**: what can be typed, and what is printed.
//!
//! One file per command, with its arguments, whose comments are its help, and its rendering. Results are printed only
//! here; progress, warnings and the log are written to standard error by `progress` and `telemetry`.

mod accept;
mod check;
mod compare;
mod completions;
mod day;
mod days;
#[cfg(feature = "demo")]
mod demo;
mod dependents;
mod doctor;
mod drift;
mod gaps;
mod init;
mod man;
mod output;
mod plan;
mod query;
mod range;
mod ranges;
mod rejects;
mod report;
mod rows;
mod run;
mod sample;
mod staging;
mod status;
mod undo;
mod verify;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use output::Output;

use crate::config::{self, Config};
use crate::domain::{Environment, Explain};
use crate::error::{Error, Exit};
use crate::printable::printable_message;
use crate::progress::{Bars, Listener, Notes, Silent};
use crate::project::Project;
use crate::{failpoint, target, telemetry};

/// The heading under which the help lists the options of every command.
const EVERYWHERE: &str = "Options of every command";

/// Loads the history of dated CSV exports from S3 into Postgres, defined in SQL.
///
/// Columns are found by name, nothing is dropped silently, every record is accounted for, and a
/// run can be killed at any moment and run again. Secrets come from the environment: AWS_* for the
/// buckets, DATABASE_URL or PG* for the target.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 data refused, 4 no files in the range, 75 try again later,
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "backfill", version, max_term_width = 100)]
struct Arguments {
    /// The configuration file
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE",
          default_value = config::FILE_NAME)]
    config: PathBuf,
    /// How results are printed
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FORM",
          default_value = "text")]
    output: Form,
    /// Show no progress and no warnings
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Tables for people
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Init(init::Arguments),
    Gaps(gaps::Arguments),
    Plan(plan::Arguments),
    Check(check::Arguments),
    Drift(drift::Arguments),
    Doctor(doctor::Arguments),
    Compare(compare::Arguments),
    Dependents(dependents::Arguments),
    Query(query::Arguments),
    Status(status::Arguments),
    Rejects(rejects::Arguments),
    Verify(verify::Arguments),
    Accept(accept::Arguments),
    Undo(undo::Arguments),
    Report(report::Arguments),
    Staging(staging::Arguments),
    Sample(sample::Arguments),
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// What every command gets.
pub struct Context {
    config: PathBuf,
    environment: Environment,
    output: Output,
    progress: Listener,
    /// Set while a shell handles Ctrl-C itself: it then cancels a statement and does not end the program.
    is_shell: Arc<AtomicBool>,
}

impl Context {
    /// Returns the configuration with the datasets of these prefixes; with all of them if no prefix is given.
    fn configured(&self, prefixes: &[String]) -> Result<Config, Error> {
        Ok(Config::read(&self.config)?.select(prefixes)?)
    }

    /// The configuration file.
    fn config_path(&self) -> &std::path::Path {
        &self.config
    }

    /// Opens the stores and the engine of a configuration.
    fn open(&self, config: Config) -> Result<Project, Error> {
        Project::open(config, &self.environment, Arc::clone(&self.progress))
    }
}

/// The stack of each thread. The most deeply nested SQL expression that is allowed needs at most half of it.
const STACK: usize = 64 << 20;

/// Parses the command line, runs the command and reports errors, on a thread with a large enough stack.
pub fn main() -> ExitCode {
    let main = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    match main.spawn(run_command).map(std::thread::JoinHandle::join) {
        Ok(Ok(exit)) => exit,
        // The panic has been reported on standard error already.
        Ok(Err(_)) => Exit::Failed.into(),
        Err(source) => {
            render(&Error::Runtime(source));
            Exit::Failed.into()
        }
    }
}

fn run_command() -> ExitCode {
    let arguments = Arguments::parse();
    let environment =
        Environment::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
    refuse_huge_pages();
    telemetry::start(environment.get("RUST_LOG"), arguments.quiet);
    if let Some(point) = environment.get("BACKFILL_FAILPOINT") {
        failpoint::arm(point);
    }
    let context = Context {
        config: arguments.config,
        environment,
        output: Output::new(arguments.output).quiet_if(arguments.quiet),
        progress: listener(arguments.quiet),
        is_shell: Arc::default(),
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // The work is as much computing as waiting: more threads than cores keep both going.
        .worker_threads(2 * cores)
        .thread_stack_size(STACK)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(until_interrupted(
                dispatch(arguments.command, &context),
                &context.is_shell,
            ));
            runtime.shutdown_timeout(Duration::from_secs(2));
            ended
        }
        Err(source) => Err(Error::Runtime(source)),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            render(&error);
            error.exit().into()
        }
    }
}

/// Turns huge memory pages off: with them, the many small buffers of wide rows take several times the memory that they
/// use, and more time to be cleared.
fn refuse_huge_pages() {
    #[cfg(target_os = "linux")]
    if nix::sys::prctl::set_thp_disable(true).is_err() {
        tracing::debug!("huge pages could not be turned off");
    }
}

fn listener(quiet: bool) -> Listener {
    match (quiet, std::io::stderr().is_terminal()) {
        (true, _) => Arc::new(Silent),
        (false, true) => Arc::new(Bars::default()),
        (false, false) => Arc::new(Notes),
    }
}

async fn dispatch(command: Command, context: &Context) -> Result<Exit, Error> {
    match command {
        Command::Run(arguments) => run::run(arguments, context).await,
        Command::Init(arguments) => init::run(arguments, context).await,
        Command::Gaps(arguments) => gaps::run(arguments, context).await,
        Command::Plan(arguments) => plan::run(arguments, context).await,
        Command::Check(arguments) => check::run(arguments, context).await,
        Command::Drift(arguments) => drift::run(arguments, context).await,
        Command::Doctor(arguments) => doctor::run(arguments, context).await,
        Command::Compare(arguments) => compare::run(arguments, context).await,
        Command::Dependents(arguments) => dependents::run(arguments, context).await,
        Command::Verify(arguments) => verify::run(arguments, context).await,
        Command::Accept(arguments) => accept::run(arguments, context).await,
        Command::Undo(arguments) => undo::run(arguments, context).await,
        Command::Query(arguments) => query::run(arguments, context).await,
        Command::Status(arguments) => status::run(arguments, context).await,
        Command::Rejects(arguments) => rejects::run(arguments, context).await,
        Command::Report(arguments) => report::run(arguments, context).await,
        Command::Staging(arguments) => staging::run(arguments, context).await,
        Command::Sample(arguments) => sample::run(arguments, context),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(arguments, context).await,
        Command::Completions(arguments) => completions::run(&arguments, context),
        Command::Man(arguments) => man::run(&arguments, context),
    }
}

/// Runs a command until it ends, or until Ctrl-C or a termination signal. Cancelling it drops its connections, so that
/// the server rolls open transactions back.
async fn until_interrupted(
    command: impl Future<Output = Result<Exit, Error>>,
    is_shell: &AtomicBool,
) -> Result<Exit, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    let interrupted = async {
        while tokio::signal::ctrl_c().await.is_ok() {
            if !is_shell.load(Ordering::Relaxed) {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = command => return ended,
        () = interrupted => Err(Error::Interrupted),
        _ = terminated => Err(Error::Interrupted),
    };
    // Gives the connections time to close, so that the server stops its work.
    tokio::time::sleep(Duration::from_millis(100)).await;
    target::until_cancelled().await;
    ended
}

/// Removes the XML of a store's answer from a cause, except for its error code: the XML may quote what was signed.
fn scrub(text: &str) -> String {
    let starts = ["<?", "<!", "<Error", "<html"].into_iter().filter_map(|start| text.find(start));
    let Some(start) = starts.min() else { return text.to_owned() };
    let (before, xml) = text.split_at(start);
    let code = xml.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code).unwrap_or_default();
    format!("{}{code}", before.trim_end_matches(|c: char| c != ' '))
}

/// Renders an error: what went wrong, why, and what to do next.
fn render(error: &Error) {
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let shown = scrub(&current.to_string());
        // Libraries tend to repeat their causes in their own text.
        if !last.contains(&shown) {
            text.push_str(&format!("caused by: {shown}\n"));
            last = shown;
        }
        cause = current.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // If standard error is closed, nobody reads it.
    let _ = std::io::stderr().write_all(printable_message(&text).as_bytes());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_of_all_commands_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn of_a_stores_answer_only_the_code_is_shown() {
        let text = "status code: 403 Forbidden: <?xml version=\"1.0\"?><Error><Code>Denied</Code>\
                    <StringToSign>secret</StringToSign></Error>";
        assert_eq!(scrub(text), "status code: 403 Forbidden: Denied");
        assert_eq!(scrub("refused: <Error><Code>Denied</Code></Error>"), "refused: Denied");
        assert_eq!(scrub("no column a<b in <stdin>"), "no column a<b in <stdin>");
    }
}
