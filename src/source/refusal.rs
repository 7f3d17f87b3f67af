//! A **refusal** is a 401, 403 or 404 of the store. Where a listing is refused, the store's client
//! tells no status; this remembers it on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

/// The status of the store's last answer.
#[derive(Clone, Debug, Default)]
pub struct LastStatus(Arc<AtomicU16>);

impl LastStatus {
    /// Makes a listing's error say what the store's last answer was.
    pub fn explain(&self, error: object_store::Error, path: &str) -> object_store::Error {
        let object_store::Error::Generic { source, .. } = error else { return error };
        let path = path.to_owned();
        match self.0.load(Ordering::SeqCst) {
            401 => object_store::Error::Unauthenticated { path, source },
            403 => object_store::Error::PermissionDenied { path, source },
            404 => object_store::Error::NotFound { path, source },
            _ => object_store::Error::Generic { store: "S3", source },
        }
    }
}

/// Connects as usual, and keeps the status of every answer.
#[derive(Debug)]
pub struct Observed(pub LastStatus);

impl HttpConnector for Observed {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Observer { inner, status: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Observer {
    inner: HttpClient,
    status: LastStatus,
}

#[async_trait]
impl HttpService for Observer {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.inner.execute(request).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        self.status.0.store(status, Ordering::SeqCst);
        answer
    }
}
