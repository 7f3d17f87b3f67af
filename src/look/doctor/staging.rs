//! **Staging**: whether objects can be written, read and deleted, and whether there is room.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::{ObjectStoreExt, PutPayload};

use super::checklist::{Area, Checklist, HealthCheck};
use super::reach::{Ids, add_steps, answered, within_patience};
use super::uploads::{self, OldUploads};
use crate::config::Config;
use crate::domain::{Environment, Explain};
use crate::printable;
use crate::store::{self, Store, free_bytes, layout};

const IDS: Ids = Ids {
    answers: "staging-reachable",
    clock: "staging-clock",
    credentials: "staging-credentials",
    region: "staging-region",
    bucket: "staging-bucket",
    region_key: "staging.region",
};

/// The check that writes an object.
const WRITE: &str = "staging-write";
/// The check that reads it back.
const READ: &str = "staging-read";
/// The check that deletes it.
const DELETE: &str = "staging-delete";
/// The content of the object that is written, read back and deleted.
const CONTENT: &str = "backfill doctor wrote this and deletes it again\n";

/// Opens staging and tries what a run does with it; `bytes` is the total size of the exports.
pub(super) async fn examine(
    config: &Config,
    environment: &Environment,
    bytes: u64,
    old_uploads: OldUploads,
) -> (Option<Store>, Vec<HealthCheck>) {
    let mut list = Checklist::new(Area::Staging, config.staging.to_string());
    let opened = match config.staging.open(environment) {
        Ok(store) => {
            try_object(&mut list, &store).await;
            uploads::add(&mut list, &store, old_uploads).await;
            add_space(&mut list, &store, bytes);
            Some(store)
        }
        Err(error) => {
            let next = error.hint().unwrap_or_default();
            list.failed(IDS.credentials, error.to_string(), next);
            list.skipped_all(&[WRITE, READ, DELETE], "staging cannot be opened");
            None
        }
    };
    add_temporary_space(&mut list, environment);
    (opened, list.checks)
}

/// Writes an object, reads it back and deletes it.
async fn try_object(list: &mut Checklist, store: &Store) {
    let key = layout::trial(&format!("{:016x}", rand::random::<u64>()));
    let path = store.path(&key);
    let made = store.folder().map(folders_to_make).unwrap_or_default();
    let payload = PutPayload::from_static(CONTENT.as_bytes());
    let written = within_patience(store.objects.put(&path, payload)).await;
    let error = written.as_ref().err();
    let is_reached = store.folder().is_some() || add_steps(list, &IDS, store, error);
    if let Err(error) = written {
        add_unwritable(list, store, &error, is_reached);
        return;
    }
    list.passed(WRITE, "an object can be written");
    let read = async { store.objects.get(&path).await?.bytes().await };
    add_reading(list, store, read.await);
    match store.objects.delete(&path).await {
        Ok(()) => list.passed(DELETE, "the object can be deleted"),
        Err(_) => list.warned(
            DELETE,
            "the object cannot be deleted; runs work all the same, but old objects stay and cost money",
            format!(
                "grant s3:DeleteObject and s3:AbortMultipartUpload, or add a lifecycle rule that expires \
                 objects and aborts unfinished uploads; then delete {} by hand",
                store.display(&key)
            ),
        ),
    }
    remove_folders(store, &key, &made);
}

/// Adds whether the object was read as it was written.
fn add_reading(list: &mut Checklist, store: &Store, read: object_store::Result<Bytes>) {
    match read {
        Ok(bytes) if bytes == CONTENT => list.passed(READ, "the object reads as it was written"),
        Ok(_) => list.failed(
            READ,
            "the object reads differently from how it was written",
            "look at what is between this program and the store, such as a proxy or a cache",
        ),
        Err(error) => {
            let found = format!("the object cannot be read: {}", answered(&store.last_answer()));
            list.failed(READ, found, right_or(&error, "s3:GetObject"));
        }
    }
}

fn add_unwritable(
    list: &mut Checklist,
    store: &Store,
    error: &object_store::Error,
    is_reached: bool,
) {
    match (is_reached, store.folder()) {
        (false, _) => list.skipped(WRITE, "staging cannot be reached"),
        (true, Some(_)) => list.failed(
            WRITE,
            "the folder cannot be written",
            "check its permissions and that its disk has free space, or set staging.url to another place",
        ),
        (true, None) => {
            let found = format!("no object can be written: {}", answered(&store.last_answer()));
            list.failed(WRITE, found, right_or(error, "s3:PutObject"));
        }
    }
    list.skipped_all(&[READ, DELETE], "no object can be written");
}

/// What to do about a refusal: grant a right if it is missing, or what the error says.
fn right_or(error: &object_store::Error, right: &str) -> String {
    match error {
        object_store::Error::PermissionDenied { .. } => {
            format!("grant {right} on the objects below staging.url (or the provider's equivalent)")
        }
        error => store::hint(error),
    }
}

/// The folders that writing to `folder` creates, the innermost first.
fn folders_to_make(folder: &Path) -> Vec<PathBuf> {
    folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
}

/// Removes the folders that were created for the object.
fn remove_folders(store: &Store, key: &str, made: &[PathBuf]) {
    let Some(folder) = store.folder() else { return };
    let of_trials = Path::new(key).parent().map(|trials| folder.join(trials));
    for folder in of_trials.iter().chain(made) {
        // Removing a folder fails if it holds something else by now, and then it should stay.
        let _ = std::fs::remove_dir(folder);
    }
}

fn add_space(list: &mut Checklist, store: &Store, bytes: u64) {
    const ID: &str = "staging-space";
    let Some(free) = store.folder().and_then(free_bytes) else { return };
    let (free_text, needed) = (printable::bytes(free), printable::bytes(bytes));
    if free < bytes {
        list.warned(
            ID,
            format!("{free_text} are free, and the exports have {needed}"),
            "free some space, set staging.url to a larger disk or a bucket, or load a shorter range",
        );
    } else {
        list.passed(ID, format!("{free_text} are free, for exports of {needed}"));
    }
}

/// If fewer bytes are free, sorts and joins that do not fit into memory may fail.
const LITTLE_SPACE: u64 = 1 << 30;

fn add_temporary_space(list: &mut Checklist, environment: &Environment) {
    const ID: &str = "temporary-space";
    let folder = environment.get("TMPDIR").unwrap_or("/tmp");
    list.subject = folder.to_owned();
    let folder = Path::new(folder);
    match free_bytes(folder).filter(|_| folder.is_dir()) {
        None => list.failed(
            ID,
            "the folder for temporary files cannot be used",
            "set TMPDIR to a folder that exists",
        ),
        Some(free) if free < LITTLE_SPACE => list.warned(
            ID,
            format!("{} are free for what SQL spills", printable::bytes(free)),
            "set TMPDIR to a folder with more free space, or raise limits.sql_memory",
        ),
        Some(free) => {
            let free = printable::bytes(free);
            list.passed(ID, format!("{free} are free for what SQL writes to disk"));
        }
    }
}
