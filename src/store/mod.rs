//! A **store** keeps objects: the exports of a source, and what staging holds. Only this module opens
//! one; [`layout`] says where in staging everything is stored.

mod folder;
pub mod inventory;
pub mod layout;
mod listing;
pub mod object;
pub mod path_text;
mod place;
mod refusal;
mod space;
mod unusable;
mod uploads;
mod xml;

pub use listing::Listed;
pub use place::{
    InvalidOption, InvalidPlace, NoCredentials, OpenError, Options, Place, Role, Store,
};
pub use refusal::Answer;
pub use space::free_bytes;
pub use unusable::Unusable;
pub use uploads::{Upload, Uploads};

use std::error::Error as StdError;

use crate::domain::ErrorKind;

/// The name of S3 in the errors of the store's client.
pub const S3: &str = "S3";
/// The name of Google Cloud Storage in its errors.
const GOOGLE: &str = "GCS";
/// The name of Azure Blob Storage in its errors.
const AZURE: &str = "MicrosoftAzure";
/// The name of a folder of this machine in its errors.
const FOLDER: &str = "LocalFileSystem";

/// Says what to do about an error of an object store.
pub fn hint(error: &object_store::Error) -> String {
    use object_store::Error as E;
    if let Some(error) = NoCredentials::behind(error) {
        return error.hint();
    }
    match error {
        _ if says_that_keys_are_wrong(error) => {
            "the access key or the session token is wrong or has expired: sign in again, then run again"
        }
        E::NotFound { .. } => "check the bucket, the prefix and the endpoint",
        E::Unauthenticated { .. } | E::PermissionDenied { .. } => {
            "check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, for s3://, \
             GOOGLE_APPLICATION_CREDENTIALS for gs://, AZURE_* for az://), and that they may list the bucket \
             and read (for staging: write) the prefix"
        }
        E::InvalidPath { .. } => {
            "a key contains characters that are not supported, such as a line break; rename that object, or give the \
             dataset a narrower prefix"
        }
        E::Generic { store: FOLDER, .. } => {
            "check that the folder exists, is readable (for staging: writable) and has free space, and run again: \
             what is done is kept"
        }
        E::Generic { store: GOOGLE, .. } => {
            "check GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, and the network; run \
             again: what is done is kept"
        }
        E::Generic { store: AZURE, .. } => {
            "check AZURE_STORAGE_ACCOUNT_NAME, the credentials in AZURE_* and the network; run \
             again: what is done is kept"
        }
        E::Precondition { .. } => "the object was replaced while it was read; run again",
        _ => "check the endpoint, the region and the network; run again: what is done is kept",
    }
    .to_owned()
}

/// Whether the same command may succeed later.
pub fn is_transient(error: &object_store::Error) -> bool {
    !says_that_keys_are_wrong(error)
        && matches!(
            error,
            object_store::Error::Generic { store: S3 | GOOGLE | AZURE, .. }
                | object_store::Error::Precondition { .. }
        )
}

/// Whether the store says that the credentials are wrong or have expired, in an answer that is not 401 or 403.
fn says_that_keys_are_wrong(error: &object_store::Error) -> bool {
    let object_store::Error::Generic { source, .. } = error else { return false };
    let mut current: Option<&dyn StdError> = Some(source.as_ref());
    while let Some(error) = current {
        let text = error.to_string();
        if ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"]
            .iter()
            .any(|code| text.contains(code))
        {
            return true;
        }
        current = error.source();
    }
    false
}

/// Finds a store's error in a chain of causes, also inside wrapped I/O errors.
pub fn find_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a object_store::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<object_store::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        current = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The kind of a store's error.
pub fn kind(error: &object_store::Error) -> ErrorKind {
    if is_transient(error) { ErrorKind::Transient } else { ErrorKind::Failed }
}

/// The kind of an error that may be caused by a store's error.
pub fn kind_behind(error: &(dyn StdError + 'static)) -> ErrorKind {
    find_error(error).map_or(ErrorKind::Failed, kind)
}

/// The kind of an error while reading staging. A missing object is a temporary failure: it was there before, and
/// the next run makes it again.
pub fn kind_of_staging(error: &(dyn StdError + 'static)) -> ErrorKind {
    match find_error(error) {
        Some(object_store::Error::NotFound { .. }) => ErrorKind::Transient,
        _ => kind_behind(error),
    }
}

/// Says what to do about an error while reading staging, if it is caused by a store's error.
pub fn hint_of_staging(error: &(dyn StdError + 'static)) -> Option<String> {
    Some(match find_error(error)? {
        object_store::Error::NotFound { .. } => {
            "an object in staging was deleted while it was needed; run again: it is made again"
                .to_owned()
        }
        error => hint(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stores_error_is_found_at_any_depth() {
        let busy = object_store::Error::Generic { store: S3, source: "503 Slow Down".into() };
        let io = std::io::Error::other(busy);
        let parquet = datafusion::parquet::errors::ParquetError::External(Box::new(io));
        let twice = std::io::Error::other(parquet);
        assert_eq!(kind_behind(&twice), ErrorKind::Transient);
        assert_eq!(kind_behind(&std::io::Error::other("disk full")), ErrorKind::Failed);
        let not_found =
            object_store::Error::NotFound { path: String::new(), source: "no such key".into() };
        let missing = std::io::Error::other(not_found);
        assert_eq!(kind_behind(&missing), ErrorKind::Failed);
        assert_eq!(kind_of_staging(&missing), ErrorKind::Transient);
        assert!(hint_of_staging(&missing).is_some_and(|hint| hint.contains("run again")));
    }
}
