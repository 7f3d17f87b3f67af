//! **Failpoints**: named places where a test has the process killed, as if the machine had died.
//!
//! They exist in debug builds only. `BACKFILL_FAILPOINT=load.before-commit:3` kills the process
//! with SIGKILL when it reaches that place for the third time.

/// Every failpoint, in the order in which a run passes them.
pub const ALL: &[&str] = &[
    LISTED,
    MIRROR_BEGUN,
    MIRROR_BATCH,
    MIRROR_REJECTS_WRITTEN,
    MIRROR_BEFORE_VISIBLE,
    MIRROR_FILE_DONE,
    REGISTERED,
    LOAD_TARGET_READY,
    CHECKED,
    DEDUPED,
    LOAD_LEDGER_READY,
    LOAD_RUN_RECORDED,
    STAGE_BEGUN,
    STAGE_BEFORE_VISIBLE,
    STAGE_FILE_DONE,
    STAGE_BEFORE_MANIFEST,
    STAGE_MANIFEST_WRITTEN,
    LOAD_BEGUN,
    LOAD_LOCKED,
    LOAD_COPYING,
    LOAD_COPIED,
    LOAD_LEDGER_WRITTEN,
    LOAD_BEFORE_COMMIT,
    LOAD_COMMITTED,
    LOAD_BATCH_VERIFIED,
    VERIFY_COUNTED,
    VERIFY_STORED,
];

/// The failpoints of `undo`, in the order in which it passes them.
pub const OF_UNDO: &[&str] =
    &[UNDO_BEGUN, UNDO_REMOVED, UNDO_RESTORED, LOAD_BEFORE_COMMIT, LOAD_COMMITTED, UNDO_COMMITTED];

macro_rules! failpoints {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(#[doc = concat!("The failpoint `", $text, "`.")] pub const $name: &str = $text;)*
    };
}

failpoints! {
    LISTED = "list.done",
    MIRROR_BEGUN = "mirror.begun",
    MIRROR_BATCH = "mirror.batch",
    MIRROR_REJECTS_WRITTEN = "mirror.rejects-written",
    MIRROR_BEFORE_VISIBLE = "mirror.before-visible",
    MIRROR_FILE_DONE = "mirror.file-done",
    REGISTERED = "register.done",
    CHECKED = "check.done",
    DEDUPED = "dedupe.done",
    STAGE_BEGUN = "stage.begun",
    STAGE_BEFORE_VISIBLE = "stage.before-visible",
    STAGE_FILE_DONE = "stage.file-done",
    STAGE_BEFORE_MANIFEST = "stage.before-manifest",
    STAGE_MANIFEST_WRITTEN = "stage.manifest-written",
    LOAD_LEDGER_READY = "load.ledger-ready",
    LOAD_TARGET_READY = "load.target-ready",
    LOAD_RUN_RECORDED = "load.run-recorded",
    LOAD_BEGUN = "load.begun",
    LOAD_LOCKED = "load.locked",
    LOAD_COPYING = "load.copying",
    LOAD_COPIED = "load.copied",
    LOAD_LEDGER_WRITTEN = "load.ledger-written",
    LOAD_BEFORE_COMMIT = "load.before-commit",
    LOAD_COMMITTED = "load.committed",
    LOAD_BATCH_VERIFIED = "load.batch-verified",
    VERIFY_COUNTED = "verify.counted",
    VERIFY_STORED = "verify.stored",
    UNDO_BEGUN = "undo.begun",
    UNDO_REMOVED = "undo.removed",
    UNDO_RESTORED = "undo.restored",
    UNDO_COMMITTED = "undo.committed",
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static ARMED: OnceLock<(String, usize)> = OnceLock::new();
    static PASSED: AtomicUsize = AtomicUsize::new(0);

    /// Arms one failpoint: `name` or `name:count`.
    pub fn arm(text: &str) {
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let _ = ARMED.set((name.to_owned(), count.parse().unwrap_or(1)));
    }

    /// Kills the process where `point` is armed and its time has come.
    pub fn reach(point: &str) {
        let Some((name, count)) = ARMED.get() else { return };
        if name == point && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::SIGKILL);
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
    }
}

#[cfg(not(debug_assertions))]
mod armed {
    /// Does nothing in a release build.
    pub fn arm(_: &str) {}

    /// Does nothing in a release build.
    #[inline(always)]
    pub fn reach(_: &str) {}
}

pub use armed::{arm, reach};
