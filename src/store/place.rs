//! A **place** is a URL under which objects are kept; a **store** is a place that was opened.
//!
//! `s3://bucket/optional/prefix`, `file:///absolute/folder`, or a plain path, which is taken
//! relative to the folder of the configuration file.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::refusal::{Observed, Refusals};
use crate::domain::{Environment, ErrorKind, Explain};

/// A URL under which objects are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    /// What `_file_name` starts with: the bucket, or for a folder its own name.
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    S3 { bucket: String, prefix: String },
    Folder(PathBuf),
}

/// A URL that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// Neither `s3://bucket` nor `file:///folder` nor a path.
    #[error("write s3://bucket, s3://bucket/prefix, file:///folder or a path")]
    Unknown,
    /// A password or a query has no business in a URL of the configuration.
    #[error("a URL holds no user, password, query or fragment; credentials belong in AWS_*")]
    Credentials,
    /// The folder has no name of its own.
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
    /// A place and why it cannot be opened.
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
            Kind::S3 { bucket, .. } => Some(bucket.clone()),
            Kind::Folder(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        };
        let name = name.or(own_name).ok_or(InvalidPlace::Nameless)?;
        Ok(Self { kind, name })
    }

    fn parse_url(url: &Url) -> Result<Kind, InvalidPlace> {
        let extras = [url.query(), url.fragment(), url.password()];
        if extras.iter().any(Option::is_some) || !url.username().is_empty() {
            return Err(InvalidPlace::Credentials);
        }
        match (url.scheme(), url.host_str()) {
            ("s3", Some(bucket)) => {
                let prefix = url.path().trim_matches('/').to_owned();
                Ok(Kind::S3 { bucket: bucket.to_owned(), prefix })
            }
            ("file", None) => {
                url.to_file_path().map(Kind::Folder).map_err(|()| InvalidPlace::Unknown)
            }
            _ => Err(InvalidPlace::Unknown),
        }
    }

    /// Opens the place, with credentials and endpoint from `AWS_*` of the environment.
    ///
    /// Nothing is read yet, so that a missing bucket shows at the first request.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, environment: &Environment) -> Result<Store, OpenError> {
        let opened = match &self.kind {
            Kind::S3 { bucket, prefix } => self.open_s3(bucket, prefix, environment),
            Kind::Folder(path) => self.open_folder(path),
        };
        opened.map_err(|source| OpenError::new(self.to_string(), source))
    }

    fn open_s3(
        &self,
        bucket: &str,
        prefix: &str,
        environment: &Environment,
    ) -> object_store::Result<Store> {
        let mut builder = AmazonS3Builder::new();
        let mut region_known = false;
        for (name, value) in environment.starting_with("AWS_") {
            let Ok(key) = AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase()) else { continue };
            region_known |=
                matches!(key, AmazonS3ConfigKey::Region | AmazonS3ConfigKey::DefaultRegion);
            builder = builder.with_config(key, value);
        }
        if !region_known {
            builder = builder.with_region("us-east-1");
        }
        let timeout = ClientOptions::new().with_timeout(Duration::from_secs(60));
        let allow_http = environment
            .starting_with("AWS_ENDPOINT")
            .any(|(_, value)| value.to_ascii_lowercase().starts_with("http://"));
        let refusals = Refusals::default();
        let store = builder
            .with_http_connector(Observed(refusals.clone()))
            .with_bucket_name(bucket)
            .with_client_options(timeout.with_allow_http(allow_http))
            .with_retry(retries())
            .build()?;
        let url = format!("s3://{bucket}");
        Ok(Store {
            objects: Arc::new(store),
            url: store_url(&url)?,
            base: Path::parse(prefix)?,
            name: self.name_with(prefix),
            display: self.to_string(),
            folder: None,
            refusals,
        })
    }

    fn open_folder(&self, path: &FilePath) -> object_store::Result<Store> {
        let absolute = std::path::absolute(path).map_err(|source| generic("file", source))?;
        Ok(Store {
            objects: Arc::new(LocalFileSystem::new().with_automatic_cleanup(false)),
            url: ObjectStoreUrl::local_filesystem(),
            base: Path::from_absolute_path(&absolute)?,
            name: self.name.clone(),
            display: self.to_string(),
            folder: Some(absolute),
            refusals: Refusals::default(),
        })
    }

    fn name_with(&self, prefix: &str) -> String {
        if prefix.is_empty() { self.name.clone() } else { format!("{}/{prefix}", self.name) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Kind::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Kind::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A place that was opened.
#[derive(Clone, Debug)]
pub struct Store {
    /// The store's objects; every path in it starts with the URL's own prefix.
    pub objects: Arc<dyn ObjectStore>,
    /// The URL under which a SQL session knows the store.
    pub url: ObjectStoreUrl,
    base: Path,
    name: String,
    display: String,
    folder: Option<PathBuf>,
    refusals: Refusals,
}

impl Store {
    /// The path of `key` in the store.
    pub fn path(&self, key: &str) -> Path {
        key.split('/').filter(|part| !part.is_empty()).fold(self.base.clone(), |path, part| {
            // A part that is already a legal path part is kept as it is, percent signs included.
            match Path::parse(part) {
                Ok(legal) => Path::from_iter(path.parts().chain(legal.parts())),
                Err(_) => path.join(part),
            }
        })
    }

    /// The key of the object at `path`, without the store's own prefix.
    pub fn key(&self, path: &Path) -> String {
        let base = self.base.as_ref();
        let path = path.as_ref();
        match path.strip_prefix(base) {
            Some(rest) => rest.trim_start_matches('/').to_owned(),
            None => path.to_owned(),
        }
    }

    /// The name by which rows refer to the object `key`: `bucket/prefix/key`.
    pub fn file_name(&self, key: &str) -> String {
        format!("{}/{key}", self.name)
    }

    /// The URL of `key`, for people.
    pub fn display(&self, key: &str) -> String {
        format!("{}/{key}", self.display.trim_end_matches('/'))
    }

    /// Whether the store has refused to give out an object because it is archived.
    pub fn is_archived(&self, object: &Path) -> bool {
        self.refusals.is_archived(object)
    }

    /// Makes a listing's error say what the store answered.
    pub fn explain(&self, error: object_store::Error, key: &str) -> object_store::Error {
        self.refusals.explain(error, key)
    }

    /// The folder on this machine, where the store is one.
    pub fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }
}

fn store_url(url: &str) -> object_store::Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(url).map_err(|source| generic("S3", source))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Place, InvalidPlace> {
        Place::parse(url, FilePath::new("/project"), None)
    }

    #[test]
    fn buckets_folders_and_relative_paths_are_places() {
        assert_eq!(parse("s3://exports").expect("a bucket").to_string(), "s3://exports");
        assert_eq!(parse("s3://exports/a/b/").expect("a prefix").to_string(), "s3://exports/a/b");
        assert_eq!(parse("file:///data/exports").expect("a folder").to_string(), "/data/exports");
        assert_eq!(parse("staging").expect("a path").to_string(), "/project/staging");
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        assert_eq!(parse("ftp://exports"), Err(InvalidPlace::Unknown));
        assert_eq!(parse("s3://"), Err(InvalidPlace::Unknown));
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
