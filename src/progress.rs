//! **Progress**: what a step tells of its work while it works, and the bars that show it.
//!
//! Steps tell through [`Progress`] and never print. The bars go to standard error, only where it is
//! a terminal, and late: a step that is over within half a second draws nothing.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printable::printable_message;

/// What a step has to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Told by the steps what they do.
pub trait Progress: Send + Sync {
    /// A step begins: its name and how much it has to do.
    fn begin(&self, step: &str, total: Total);
    /// So much more is done.
    fn advance(&self, files: u64, bytes: u64, rows: u64);
    /// The step is over.
    fn end(&self);
    /// Something that a person should know.
    fn note(&self, text: &str);
}

/// Shares one listener among the tasks of a step.
pub type Listener = Arc<dyn Progress>;

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Total) {}
    fn advance(&self, _: u64, _: u64, _: u64) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}

/// Draws nothing, and writes notes to standard error: for logs and pipes.
pub struct Notes;

impl Progress for Notes {
    fn begin(&self, _: &str, _: Total) {}
    fn advance(&self, _: u64, _: u64, _: u64) {}
    fn end(&self) {}

    fn note(&self, text: &str) {
        write_note(text);
    }
}

fn write_note(text: &str) {
    // A closed standard error is no reason to stop a load.
    let _ = writeln!(std::io::stderr(), "{}", printable_message(text));
}

/// Draws one bar a step on standard error.
#[derive(Default)]
pub struct Bars {
    current: Mutex<Option<Bar>>,
}

struct Bar {
    bar: ProgressBar,
    files: u64,
    total_files: u64,
    rows: u64,
}

impl Bar {
    fn message(&self) -> String {
        format!("{}/{} files, {} rows", self.files, self.total_files, self.rows)
    }
}

impl Progress for Bars {
    fn begin(&self, step: &str, total: Total) {
        if total.files == 0 {
            return;
        }
        let target = ProgressDrawTarget::stderr_with_hz(8);
        let bar = ProgressBar::with_draw_target(Some(total.bytes), target);
        let template =
            "{prefix:>8} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(step.to_owned());
        bar.enable_steady_tick(Duration::from_millis(500));
        let started = Bar { bar, files: 0, total_files: total.files, rows: 0 };
        if let Ok(mut current) = self.current.lock() {
            *current = Some(started);
        }
    }

    fn advance(&self, files: u64, bytes: u64, rows: u64) {
        if let Ok(mut current) = self.current.lock()
            && let Some(bar) = current.as_mut()
        {
            bar.files += files;
            bar.rows += rows;
            bar.bar.inc(bytes);
            bar.bar.set_message(bar.message());
        }
    }

    fn end(&self) {
        if let Ok(mut current) = self.current.lock()
            && let Some(bar) = current.take()
        {
            bar.bar.finish_and_clear();
        }
    }

    fn note(&self, text: &str) {
        match self.current.lock() {
            Ok(current) => match current.as_ref() {
                Some(bar) => bar.bar.suspend(|| write_note(text)),
                None => write_note(text),
            },
            Err(_) => write_note(text),
        }
    }
}
