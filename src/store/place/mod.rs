//! A **place** is a URL under which objects are stored; a **store** is a place that was opened.
//!
//! `s3://bucket/optional/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
//! `file:///absolute/folder`, or a plain path, which is taken relative to the folder of the
//! configuration file.

mod azure;
mod credentials;
mod gcs;
mod opened;
mod options;
mod s3;

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use url::Url;

pub use credentials::NoCredentials;
pub use opened::Store;
pub use options::{InvalidOption, Options, Role};

use super::refusal::Refusals;
use crate::domain::{Environment, ErrorKind, Explain, prefix_fault};

/// A URL under which objects are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    /// What `_file_name` starts with: the bucket, or for a folder its own name.
    name: String,
    /// Which place of the configuration it is, if it is one.
    role: Option<Role>,
    options: Options,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bucket { provider: Provider, bucket: String, prefix: String },
    Folder(PathBuf),
}

/// The provider of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    S3,
    Google,
    Azure,
}

impl Provider {
    const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

/// A URL that does not name a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// Neither the URL of a bucket nor `file:///folder` nor a path.
    #[error(
        "write s3://bucket, s3://bucket/prefix, gs://bucket, az://container, file:///folder or a path"
    )]
    Unknown,
    /// The URL holds a user, a password, a query or a fragment.
    #[error(
        "a URL must not have a user, password, query or fragment; credentials belong in the environment"
    )]
    Credentials,
    /// The prefix has two slashes side by side: every key below it would be taken for another one.
    #[error("the path of a bucket's URL must not have two slashes in a row")]
    Slashes,
    /// The folder does not have a name.
    #[error("the folder needs a name, or set source.name to the bucket's name")]
    Nameless,
}

/// A place that cannot be opened: a store's options contradict each other, a folder does not exist.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {place}")]
pub struct OpenError {
    /// The URL.
    place: String,
    /// Why.
    #[source]
    source: object_store::Error,
}

impl OpenError {
    /// Makes the error of a place from why it cannot be opened.
    pub fn new(place: impl Into<String>, source: object_store::Error) -> Self {
        Self { place: place.into(), source }
    }
}

impl Explain for OpenError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Failed
    }

    fn hint(&self) -> Option<String> {
        Some(super::hint(&self.source))
    }
}

impl Place {
    /// Reads `url`, a relative path being relative to `folder`. `name` replaces the bucket's or the
    /// folder's own name as the start of `_file_name`.
    ///
    /// # Errors
    /// [`InvalidPlace`].
    pub fn parse(url: &str, folder: &FilePath, name: Option<String>) -> Result<Self, InvalidPlace> {
        let kind = match Url::parse(url) {
            Ok(parsed) => Self::parse_url(&parsed)?,
            Err(_) if url.is_empty() || url.contains("://") => return Err(InvalidPlace::Unknown),
            Err(_) => Kind::Folder(folder.join(url)),
        };
        let own_name = match &kind {
            Kind::Bucket { bucket, .. } => Some(bucket.clone()),
            Kind::Folder(path) => name_of_folder(path),
        };
        let name = name.or(own_name).ok_or(InvalidPlace::Nameless)?;
        Ok(Self { kind, name, role: None, options: Options::default() })
    }

    /// Adds what the configuration says about the place besides its URL, and the role whose own variables of the
    /// environment apply to it.
    ///
    /// # Errors
    /// [`InvalidOption`] for an option that does not fit the place.
    pub fn with_options(self, role: Role, options: Options) -> Result<Self, InvalidOption> {
        match &self.kind {
            Kind::Bucket { provider, .. } => options.check_bucket(*provider == Provider::S3)?,
            Kind::Folder(_) => options.check_folder()?,
        }
        Ok(Self { role: Some(role), options, ..self })
    }

    fn parse_url(url: &Url) -> Result<Kind, InvalidPlace> {
        let extras = [url.query(), url.fragment(), url.password()];
        if extras.iter().any(Option::is_some) || !url.username().is_empty() {
            return Err(InvalidPlace::Credentials);
        }
        let provider = Provider::ALL.into_iter().find(|known| known.scheme() == url.scheme());
        match (provider, url.scheme(), url.host_str()) {
            (Some(provider), _, Some(bucket)) => {
                let path = url.path().strip_prefix('/').unwrap_or_default();
                if prefix_fault(path).is_some() {
                    return Err(InvalidPlace::Slashes);
                }
                let (bucket, prefix) = (bucket.to_owned(), path.trim_end_matches('/').to_owned());
                Ok(Kind::Bucket { provider, bucket, prefix })
            }
            (None, "file", None) => {
                url.to_file_path().map(Kind::Folder).map_err(|()| InvalidPlace::Unknown)
            }
            _ => Err(InvalidPlace::Unknown),
        }
    }

    /// Opens the place, with credentials and endpoint from `AWS_*`, `GOOGLE_*` or `AZURE_*` of the
    /// environment.
    ///
    /// No request is made yet, so that a missing bucket and missing credentials show at the first request. The
    /// region of an AWS profile is read from `~/.aws/config` here.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, environment: &Environment) -> Result<Store, OpenError> {
        let opened = match &self.kind {
            Kind::Bucket { provider, bucket, prefix } => {
                self.open_bucket(*provider, bucket, prefix, environment)
            }
            Kind::Folder(path) => self.open_folder(path),
        };
        opened.map_err(|source| OpenError::new(self.to_string(), source))
    }

    fn open_bucket(
        &self,
        provider: Provider,
        bucket: &str,
        prefix: &str,
        environment: &Environment,
    ) -> object_store::Result<Store> {
        let refusals = Refusals::default();
        let (role, options) = (self.role, &self.options);
        let (objects, uploads) = match provider {
            Provider::S3 => {
                let place = self.described();
                let uploads = s3::open(bucket, place, role, options, environment, &refusals)?;
                (Arc::clone(&uploads.bucket) as Arc<dyn ObjectStore>, Some(Arc::new(uploads)))
            }
            Provider::Google => (gcs::open(bucket, role, options, environment, &refusals)?, None),
            Provider::Azure => (azure::open(bucket, role, options, environment, &refusals)?, None),
        };
        Ok(Store {
            objects,
            url: store_url(&format!("{}://{bucket}", provider.scheme()))?,
            base: Path::parse(prefix)?,
            name: self.name_with(prefix),
            display: self.to_string(),
            folder: None,
            refusals,
            uploads,
        })
    }

    fn open_folder(&self, path: &FilePath) -> object_store::Result<Store> {
        let absolute = from_root(path).map_err(|source| generic("file", source))?;
        Ok(Store {
            objects: Arc::new(LocalFileSystem::new().with_automatic_cleanup(false)),
            url: ObjectStoreUrl::local_filesystem(),
            base: Path::from_absolute_path(&absolute)?,
            name: self.name.clone(),
            display: self.to_string(),
            folder: Some(absolute),
            refusals: Refusals::default(),
            uploads: None,
        })
    }

    fn name_with(&self, prefix: &str) -> String {
        if prefix.is_empty() { self.name.clone() } else { format!("{}/{prefix}", self.name) }
    }

    /// Returns the URL with the place's role in the configuration.
    fn described(&self) -> String {
        match self.role {
            Some(role) => format!("the {role} {self}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Bucket { provider, bucket, prefix } => {
                write!(f, "{}://{bucket}", provider.scheme())?;
                if prefix.is_empty() { Ok(()) } else { write!(f, "/{prefix}") }
            }
            Kind::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

fn store_url(url: &str) -> object_store::Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(url).map_err(|source| generic("URL", source))
}

fn generic(
    store: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> object_store::Error {
    object_store::Error::Generic { store, source: Box::new(source) }
}

/// Retries of 5xx answers, time-outs and lost connections: six tries within two minutes.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_secs(120),
    }
}

/// Returns the name of a folder, also of one that is written as `.` or `..`; `None` for the root.
fn name_of_folder(path: &FilePath) -> Option<String> {
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        None => from_root(path).ok()?.file_name()?.to_owned(),
    };
    Some(name.to_string_lossy().into_owned())
}

/// Makes a path absolute and free of `..`, which no key may hold. The links of an existing folder are followed; for
/// one that does not exist yet, only the names count.
fn from_root(path: &FilePath) -> std::io::Result<PathBuf> {
    use std::path::Component;
    let absolute = std::path::absolute(path)?;
    if !absolute.components().any(|part| part == Component::ParentDir) {
        return Ok(absolute);
    }
    absolute.canonicalize().or_else(|_| {
        let mut plain = PathBuf::new();
        for part in absolute.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                part => plain.push(part),
            }
        }
        Ok(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Place, InvalidPlace> {
        Place::parse(url, FilePath::new("/project"), None)
    }

    #[test]
    fn a_path_with_dots_is_resolved_whether_its_folders_exist_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("a folder");
        std::fs::create_dir(real.join("here")).expect("a folder");
        for (given, expected) in [("here/..", ""), ("a/../b", "b"), ("a/./b", "a/b")] {
            let found = from_root(&real.join(given)).expect("a path");
            assert_eq!(found, real.join(expected), "{given}");
        }
    }

    fn name(url: &str, folder: &str) -> Result<String, InvalidPlace> {
        Place::parse(url, FilePath::new(folder), None).map(|place| place.name)
    }

    #[test]
    fn a_folder_that_is_written_as_a_dot_has_its_own_name() {
        let here = std::env::current_dir().expect("a folder");
        let here = here.file_name().expect("a name").to_string_lossy().into_owned();
        for dot in [".", "./", "./."] {
            assert_eq!(name(dot, "").as_deref(), Ok(here.as_str()), "{dot}");
            assert_eq!(name(dot, "/project").as_deref(), Ok("project"), "{dot}");
        }
        assert_eq!(name("..", "/there-is-none/project").as_deref(), Ok("there-is-none"));
        assert_eq!(name("..", "/project"), Err(InvalidPlace::Nameless));
    }

    #[test]
    fn buckets_folders_and_relative_paths_are_places() {
        assert_eq!(parse("s3://exports").expect("a bucket").to_string(), "s3://exports");
        assert_eq!(parse("s3://exports/a/b/").expect("a prefix").to_string(), "s3://exports/a/b");
        assert_eq!(parse("gs://exports/a").expect("Google's").to_string(), "gs://exports/a");
        assert_eq!(parse("az://exports").expect("Azure's").to_string(), "az://exports");
        assert_eq!(parse("file:///data/exports").expect("a folder").to_string(), "/data/exports");
        assert_eq!(parse("staging").expect("a path").to_string(), "/project/staging");
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        assert_eq!(parse("ftp://exports"), Err(InvalidPlace::Unknown));
        assert_eq!(parse("s3://"), Err(InvalidPlace::Unknown));
        assert_eq!(parse("s3://exports//a"), Err(InvalidPlace::Slashes));
        assert_eq!(parse("s3://exports/a//b"), Err(InvalidPlace::Slashes));
        assert_eq!(parse(""), Err(InvalidPlace::Unknown));
        assert_eq!(parse("s3://key:secret@exports"), Err(InvalidPlace::Credentials));
        assert_eq!(parse("s3://exports?region=x"), Err(InvalidPlace::Credentials));
    }

    #[test]
    fn keys_go_into_the_store_and_come_back() {
        let environment = Environment::default();
        let store = parse("s3://exports/a").expect("a place").open(&environment).expect("opened");
        let path = store.path("orders-create/x y%20.csv");
        assert_eq!(store.key(&path), "orders-create/x y%20.csv");
        assert_eq!(store.file_name("k.csv"), "exports/a/k.csv");
        assert_eq!(store.display("k.csv"), "s3://exports/a/k.csv");
    }
}
