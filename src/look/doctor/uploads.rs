//! Unfinished **uploads** in the folders of staging. They are counted, and the old ones are aborted on request.

use chrono::{TimeDelta, Utc};

use super::checklist::Checklist;
use crate::store::{Store, Upload, Uploads, layout};

/// What is done with unfinished uploads that are more than a day old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldUploads {
    /// They are counted.
    Count,
    /// They are aborted.
    Abort,
}

const ID: &str = "staging-uploads";
/// An upload that was begun more than this many days ago does not belong to a run that is still going on.
const DAYS: i64 = 1;

/// Adds what is known of unfinished uploads; adds nothing if the store has no such uploads.
pub(super) async fn add(list: &mut Checklist, store: &Store, old_uploads: OldUploads) {
    let Some(uploads) = &store.uploads else { return };
    let mut found = Vec::new();
    for folder in layout::FOLDERS {
        match uploads.list(&store.path(folder)).await {
            Ok(listed) => found.extend(listed),
            Err(object_store::Error::PermissionDenied { .. }) => {
                return list
                    .skipped(ID, "listing them is not allowed (s3:ListBucketMultipartUploads)");
            }
            Err(_) => return list.skipped(ID, "the store does not list unfinished uploads"),
        }
    }
    let recent = Utc::now() - TimeDelta::days(DAYS);
    let count = found.len();
    found.retain(|upload| upload.begun < recent);
    match (found.iter().map(|upload| upload.begun).min(), old_uploads) {
        (None, _) if count == 0 => list.passed(ID, "there is no unfinished upload"),
        (None, _) => list.passed(ID, format!("{count} upload(s) began within the last day")),
        (Some(first), OldUploads::Count) => list.warned(
            ID,
            format!(
                "{} upload(s) were never finished, the first of {}; their parts are stored and billed",
                found.len(),
                first.format("%Y-%m-%d")
            ),
            "run `backfill doctor --abort-uploads`, and add a lifecycle rule AbortIncompleteMultipartUpload \
             to the bucket",
        ),
        (Some(_), OldUploads::Abort) => abort(list, uploads, &found).await,
    }
}

async fn abort(list: &mut Checklist, uploads: &Uploads, old: &[Upload]) {
    let mut aborted = 0;
    for upload in old {
        match uploads.abort(upload).await {
            // An upload that is not found was aborted or finished by somebody else.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => aborted += 1,
            Err(_) => {
                return list.failed(
                    ID,
                    format!("{aborted} of {} old uploads were aborted; the store refused to abort another", old.len()),
                    "grant s3:AbortMultipartUpload",
                );
            }
        }
    }
    list.passed(ID, format!("{aborted} old upload(s) were aborted"));
}
