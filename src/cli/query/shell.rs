//! The **shell** of `backfill query`: statements typed at a prompt, with history and completion.

use std::path::PathBuf;
use std::time::Instant;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use super::super::rows::{Format, Rows, execution_error};
use super::plan;
use crate::engine;
use crate::error::Error;
use crate::sql::identifier;

/// How many rows are shown on the screen at most; a file takes all.
const SHOWN_ROWS: usize = 500;

/// The help of the shell.
const HELP: &str = "\
A statement ends with a semicolon. Other commands:
  \\d            list the tables
  \\d TABLE      list the columns of a table
  \\o FILE       write rows to this file (.csv, .json or .parquet); \\o alone: to the screen again
  \\f FORMAT     show rows as table, csv or json
  \\timing       turn the timing of statements on or off
  \\q            quit, as does Ctrl-D; Ctrl-C cancels a statement
";

/// Words that are completed beside the names of tables and columns.
const WORDS: &str = "SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT JOIN LEFT USING QUALIFY OVER PARTITION \
    DISTINCT COUNT COALESCE CASE WHEN THEN ELSE END CAST TRY_CAST EXPLAIN DESCRIBE BETWEEN LIKE IS NULL \
    try_to_date try_to_timestamp try_to_timestamptz try_to_decimal try_to_bool null_like \
    natural_order";

/// Reads statements until the end of input, and runs each. Everything that is typed is kept in the file `history`, with
/// the values in it. The errors of statements are shown.
///
/// # Errors
/// [`Error`] if the terminal fails.
pub(super) async fn run(
    session: &SessionContext,
    prompt: &str,
    history: Option<PathBuf>,
) -> Result<(), Error> {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(false);
    let mut editor: Editor<Names, FileHistory> =
        Editor::with_config(config.build()).map_err(terminal_error)?;
    editor.set_helper(Some(Names { words: names(session).await? }));
    if let Some(path) = &history {
        // The first time, the file does not exist yet.
        let _ = editor.load_history(path);
    }
    let mut shell = Shell { session, to: None, format: Format::Table, timing: false };
    shell.say("\\? for help; statements end with a semicolon; \\q quits\n")?;
    let mut typed = String::new();
    loop {
        let sign = if typed.is_empty() { format!("{prompt}> ") } else { "-> ".to_owned() };
        // The editor blocks this thread; the threads of the engine go on.
        match tokio::task::block_in_place(|| editor.readline(&sign)) {
            Ok(line) => typed.push_str(&format!("{line}\n")),
            Err(ReadlineError::Interrupted) => typed.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal_error(error)),
        }
        let text = command_of(typed.trim());
        let is_command = text.starts_with('\\');
        if text.is_empty() {
            typed.clear();
        } else if is_command || text.ends_with(';') {
            typed.clear();
            let _ = editor.add_history_entry(&text);
            let done = tokio::select! {
                done = shell.run(&text) => done,
                _ = tokio::signal::ctrl_c() => shell.say("cancelled\n").map(|()| Next::Read),
            };
            match done {
                Ok(Next::Read) => {}
                Ok(Next::Quit) => break,
                Err(error) => super::super::render(&error),
            }
        }
    }
    if let Some(path) = history {
        // Failing to keep the history is not worth an error.
        let _ = editor.save_history(&path);
    }
    Ok(())
}

fn terminal_error(error: ReadlineError) -> Error {
    Error::Output { what: "to the terminal".to_owned(), source: std::io::Error::other(error) }
}

/// Returns what was typed, with the words of other shells, such as `quit`, turned into commands of this one.
fn command_of(typed: &str) -> String {
    let word = typed.trim_end_matches(';').trim_end().to_lowercase();
    let command = match word.as_str() {
        "help" | "?" => "\\?",
        "exit" | "quit" => "\\q",
        _ => typed,
    };
    command.to_owned()
}

/// What the shell does after a command.
enum Next {
    /// It reads the next one.
    Read,
    /// It ends.
    Quit,
}

/// A session with its settings.
struct Shell<'a> {
    session: &'a SessionContext,
    to: Option<(PathBuf, Format)>,
    format: Format,
    timing: bool,
}

impl Shell<'_> {
    /// Runs a command or a statement.
    async fn run(&mut self, text: &str) -> Result<Next, Error> {
        if text.starts_with('\\') {
            return self.command(text).await;
        }
        self.statement(text.trim_end_matches(';')).await?;
        Ok(Next::Read)
    }

    /// Runs a statement and shows its rows.
    async fn statement(&self, sql: &str) -> Result<(), Error> {
        let started = Instant::now();
        let query = plan(self.session, sql).await?;
        let done = match &self.to {
            Some((path, format)) => {
                let count = Rows::of(query).await?.save(*format, path).await?;
                format!("wrote {count} row(s) to {}", path.display())
            }
            None if self.format == Format::Table => {
                let first = query.limit(0, Some(SHOWN_ROWS + 1));
                let first = first.map_err(engine::Error::execution)?;
                let count = Rows::of(first).await?.print(self.format).await?;
                match count > SHOWN_ROWS as u64 {
                    true => format!("the first {count} rows; \\o FILE writes all of them"),
                    false => format!("{count} row(s)"),
                }
            }
            None => {
                Rows::of(query).await?.print(self.format).await?;
                String::new()
            }
        };
        let took = match self.timing {
            true => format!("{:.3} s", started.elapsed().as_secs_f64()),
            false => String::new(),
        };
        let parts: Vec<String> = [done, took].into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { Ok(()) } else { self.say(&format!("{}\n", parts.join(", "))) }
    }

    /// Runs a command that begins with a backslash.
    async fn command(&mut self, line: &str) -> Result<Next, Error> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim().trim_end_matches(';');
        match (word.trim_end_matches(';'), rest) {
            ("\\q", _) => return Ok(Next::Quit),
            ("\\?" | "\\h", _) => self.say(HELP)?,
            ("\\d", "") => self.statement(TABLES).await?,
            ("\\d", table) => self.statement(&columns_of(table)).await?,
            ("\\timing", _) => {
                self.timing = !self.timing;
                self.say(if self.timing { "timing is on\n" } else { "timing is off\n" })?;
            }
            ("\\o", "") => self.to = None,
            ("\\o", path) => {
                let path = PathBuf::from(path);
                let format = Format::of_path(&path).ok_or_else(|| {
                    Error::Usage("the file's name must end in .csv, .json or .parquet".to_owned())
                })?;
                self.to = Some((path, format));
            }
            ("\\f", "table") => self.format = Format::Table,
            ("\\f", "csv") => self.format = Format::Csv,
            ("\\f", "json") => self.format = Format::Json,
            _ => self.say(HELP)?,
        }
        Ok(Next::Read)
    }

    fn say(&self, text: &str) -> Result<(), Error> {
        super::super::output::Output::new(super::super::Form::Text).say(text)
    }
}

/// The query of `\d`.
const TABLES: &str = "\
SELECT table_schema AS dataset, table_name AS \"table\", count(*) AS columns
FROM information_schema.columns WHERE table_schema <> 'information_schema'
GROUP BY ALL ORDER BY 1, 2";

/// Returns the query of `\d TABLE`.
fn columns_of(table: &str) -> String {
    let (schema, name) = match table.split_once('.') {
        Some((schema, name)) => (format!("AND table_schema = {}", name_literal(schema)), name),
        None => (String::new(), table),
    };
    format!(
        "SELECT column_name AS \"column\", data_type AS type FROM information_schema.columns \
         WHERE table_name = {} {schema} ORDER BY table_schema, ordinal_position",
        name_literal(name)
    )
}

/// Writes a name as a SQL string, without the quotes that it may have as an identifier.
fn name_literal(name: &str) -> String {
    format!("'{}'", name.trim_matches('"').replace('\'', "''"))
}

/// Returns every name that can be completed.
async fn names(session: &SessionContext) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT unnest([table_name, column_name]) AS name \
               FROM information_schema.columns WHERE table_schema <> 'information_schema'";
    let batches = plan(session, sql).await?.collect().await.map_err(execution_error)?;
    let mut words: Vec<String> = WORDS.split_whitespace().map(str::to_owned).collect();
    for batch in batches {
        let texts = cast(batch.column(0), &DataType::Utf8View);
        let texts = texts.map_err(|error| execution_error(error.into()))?;
        words.extend(texts.as_string_view().iter().flatten().map(identifier));
    }
    words.sort_by_key(|word| word.to_lowercase());
    Ok(words)
}

/// Completes names.
struct Names {
    words: Vec<String>,
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..position];
        let first = before.char_indices().rev().take_while(|(_, c)| is_part_of_name(*c)).last();
        let start = first.map_or(position, |(index, _)| index);
        let typed = before[start..].to_lowercase();
        if typed.is_empty() {
            return Ok((position, Vec::new()));
        }
        let fitting = self.words.iter().filter(|word| begins_with(word, &typed));
        let pairs = fitting.map(|word| Pair { display: word.clone(), replacement: word.clone() });
        Ok((start, pairs.collect()))
    }
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '"'
}

/// Whether a word, with or without its quotes, begins with what was typed in lower case.
fn begins_with(word: &str, typed: &str) -> bool {
    let word = word.to_lowercase();
    word.starts_with(typed) || word.trim_start_matches('"').starts_with(typed)
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}
