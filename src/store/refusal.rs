//! A **refusal** is a 401, 403 or 404 of the store. Where a listing is refused, the store's client
//! tells no status, and of a 403 it does not tell an archived object from a forbidden one; this
//! remembers both on the way.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::Path;

/// The status and the error code of S3 and of Azure for an object that must be restored before it
/// can be read.
const ARCHIVED: [(u16, &[u8]); 2] =
    [(403, b"<Code>InvalidObjectState</Code>"), (409, b"<Code>BlobArchived</Code>")];

/// What the store's answers said beside what its client tells.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    /// The status of the last answer.
    status: Arc<AtomicU16>,
    /// The paths of objects that are archived, each with the bucket or without.
    archived: Arc<Mutex<HashSet<Path>>>,
}

impl Refusals {
    /// Whether the store has refused to give out an object because it is archived.
    pub fn is_archived(&self, object: &Path) -> bool {
        let Ok(archived) = self.archived.lock() else { return false };
        archived.iter().any(|path| path == object || path.as_ref().ends_with(&format!("/{object}")))
    }

    /// Makes a listing's error say what the store's last answer was.
    pub fn explain(&self, error: object_store::Error, path: &str) -> object_store::Error {
        let object_store::Error::Generic { store, source } = error else { return error };
        let path = path.to_owned();
        match self.status.load(Ordering::SeqCst) {
            401 => object_store::Error::Unauthenticated { path, source },
            403 => object_store::Error::PermissionDenied { path, source },
            404 => object_store::Error::NotFound { path, source },
            _ => object_store::Error::Generic { store, source },
        }
    }
}

/// Connects as usual, and looks at every answer.
#[derive(Debug)]
pub struct Observed(pub Refusals);

impl HttpConnector for Observed {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Observer { inner, refusals: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Observer {
    inner: HttpClient,
    refusals: Refusals,
}

#[async_trait]
impl HttpService for Observer {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let path = Path::from_url_path(request.uri().path()).ok();
        let answer = self.inner.execute(request).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        self.refusals.status.store(status, Ordering::SeqCst);
        let Some((_, code)) = ARCHIVED.iter().find(|(refused, _)| *refused == status) else {
            return answer;
        };
        let (head, body) = answer?.into_parts();
        let body = body.bytes().await?;
        if memchr::memmem::find(&body, code).is_some()
            && let (Some(path), Ok(mut archived)) = (path, self.refusals.archived.lock())
        {
            archived.insert(path);
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}
