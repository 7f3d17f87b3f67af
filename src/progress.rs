//! **Progress**: what a step reports while it works, and the bars that show it.
//!
//! Steps report to a [`Progress`] and never print. The bars are drawn on standard error, only if it is a terminal,
//! and only after half a second, so that a short step draws nothing.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::domain::Notice;
use crate::printable::printable_message;

/// What a step has to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Receives what the steps report.
pub trait Progress: Send + Sync {
    /// A step begins; `step` is its name.
    fn begin(&self, step: &str, total: Total);
    /// This much more is done.
    fn advance(&self, files: u64, bytes: u64, rows: u64);
    /// The step has ended.
    fn end(&self);
    /// There is something that a person should know.
    fn notice(&self, notice: &Notice);
}

/// A listener that the tasks of a step share.
pub type Listener = Arc<dyn Progress>;

/// Ignores everything.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Total) {}
    fn advance(&self, _: u64, _: u64, _: u64) {}
    fn end(&self) {}
    fn notice(&self, _: &Notice) {}
}

/// Draws nothing, and writes notices to standard error: for logs and pipes.
pub struct Notes;

impl Progress for Notes {
    fn begin(&self, _: &str, _: Total) {}
    fn advance(&self, _: u64, _: u64, _: u64) {}
    fn end(&self) {}

    fn notice(&self, notice: &Notice) {
        write_notice(notice);
    }
}

fn write_notice(notice: &Notice) {
    // A closed standard error must not stop a load.
    let _ = writeln!(std::io::stderr(), "{}", printable_message(&notice.to_string()));
}

/// Passes everything on to a listener, each notice only once, and keeps the notices.
pub struct Recorder {
    listener: Listener,
    notices: Mutex<Vec<Notice>>,
}

impl Recorder {
    /// Makes a recorder that passes everything on to `listener`.
    pub fn new(listener: Listener) -> Self {
        Self { listener, notices: Mutex::default() }
    }

    /// The notices about a dataset so far, in their order.
    pub fn notices(&self, dataset: &str) -> Vec<Notice> {
        let Ok(notices) = self.notices.lock() else { return Vec::new() };
        let about = notices.iter().filter(|notice| notice.dataset.as_deref() == Some(dataset));
        about.cloned().collect()
    }
}

impl Progress for Recorder {
    fn begin(&self, step: &str, total: Total) {
        self.listener.begin(step, total);
    }

    fn advance(&self, files: u64, bytes: u64, rows: u64) {
        self.listener.advance(files, bytes, rows);
    }

    fn end(&self) {
        self.listener.end();
    }

    fn notice(&self, notice: &Notice) {
        if let Ok(mut notices) = self.notices.lock() {
            if notices.contains(notice) {
                return;
            }
            notices.push(notice.clone());
        }
        self.listener.notice(notice);
    }
}

/// Draws one bar per step on standard error.
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

    fn notice(&self, notice: &Notice) {
        match self.current.lock() {
            Ok(current) => match current.as_ref() {
                Some(bar) => bar.bar.suspend(|| write_notice(notice)),
                None => write_notice(notice),
            },
            Err(_) => write_notice(notice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, Finding};

    /// Counts the notices that reach it.
    #[derive(Default)]
    struct Counter(Mutex<usize>);

    impl Progress for Counter {
        fn begin(&self, _: &str, _: Total) {}
        fn advance(&self, _: u64, _: u64, _: u64) {}
        fn end(&self) {}
        fn notice(&self, _: &Notice) {
            *self.0.lock().expect("no panic") += 1;
        }
    }

    #[test]
    fn a_notice_is_shown_once_and_kept() {
        let counter = Arc::new(Counter::default());
        let recorder = Recorder::new(Arc::clone(&counter) as Listener);
        for key in ["a", "b", "a"] {
            recorder.notice(&empty(key));
        }
        recorder.notice(&Notice::of("orders", Event::RecordsRejected { records: 1, files: 1 }));
        assert_eq!(*counter.0.lock().expect("no panic"), 3);
        assert_eq!(recorder.notices("people"), [empty("a"), empty("b")]);
        let json = serde_json::to_value(&recorder.notices("orders")[0]).expect("JSON");
        assert_eq!(
            (json["level"].as_str(), json["code"].as_str()),
            (Some("warning"), Some("records-rejected"))
        );
    }

    /// A notice that a file has zero bytes.
    fn empty(key: &str) -> Notice {
        let event = Event::Listed(Finding::ZeroBytes { key: key.to_owned() });
        Notice::of("people", event)
    }
}
