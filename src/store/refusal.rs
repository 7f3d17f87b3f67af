//! A **refusal** is a 401, 403 or 404 of the store. Where a listing is refused, the store's client
//! tells no status, and of a 403 it does not tell an archived object from a forbidden one; this
//! remembers both on the way, and what else an [`Answer`] says. From the answers to a listing it takes out what
//! the client would fail on.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::Path;

use super::unusable;

/// The statuses of answers whose text says why.
const REFUSING: [u16; 6] = [301, 307, 400, 403, 404, 409];

/// The status and the error code of S3 and of Azure for an object that must be restored before it
/// can be read.
const ARCHIVED: [(u16, &[u8]); 2] =
    [(403, b"<Code>InvalidObjectState</Code>"), (409, b"<Code>BlobArchived</Code>")];

/// What the store's last answer said besides its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status; 0 if there was no answer.
    pub status: u16,
    /// The error code of S3 or of Azure, if it refused.
    pub code: Option<String>,
    /// The region in which the bucket is, if it said so.
    pub region: Option<String>,
    /// How many seconds the store's clock is ahead of ours, if it said what time it is.
    pub seconds_ahead: Option<i64>,
}

impl Answer {
    fn of_head(answer: &HttpResponse) -> Self {
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let date = header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        Self {
            status: answer.status().as_u16(),
            code: None,
            region: header("x-amz-bucket-region").and_then(word),
            seconds_ahead: date.map(|date| (date.to_utc() - Utc::now()).num_seconds()),
        }
    }

    /// Adds what the text of a refusal says.
    fn add_text(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let tag = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            word(rest.split_once("</")?.0)
        };
        self.code = tag("Code");
        self.region = self.region.take().or_else(|| tag("Region"));
    }
}

/// A text that is one word of letters, digits and hyphens, as codes and regions are.
fn word(text: &str) -> Option<String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(is_part)).then(|| text.to_owned())
}

/// What the store's answers said beside what its client tells.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    /// The last answer.
    answer: Arc<Mutex<Answer>>,
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

    /// The last answer.
    pub fn answer(&self) -> Answer {
        self.answer.lock().map(|answer| answer.clone()).unwrap_or_default()
    }

    fn note(&self, answer: Answer) {
        if let Ok(mut last) = self.answer.lock() {
            *last = answer;
        }
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

/// An answer without the objects whose keys cannot be paths.
async fn without_unusable(answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (head, body) = answer.into_parts();
    let body = unusable::take_out(body.bytes().await?);
    Ok(HttpResponse::from_parts(head, body.into()))
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
        let mut seen = answer.as_ref().map(Answer::of_head).unwrap_or_default();
        if !REFUSING.contains(&status) {
            self.refusals.note(seen);
            return match unusable::is_collecting() {
                true => without_unusable(answer?).await,
                false => answer,
            };
        }
        let (head, body) = answer?.into_parts();
        let body = body.bytes().await?;
        seen.add_text(&body);
        self.refusals.note(seen);
        let archived = ARCHIVED.iter().find(|(refused, _)| *refused == status);
        if let Some((_, code)) = archived
            && memchr::memmem::find(&body, code).is_some()
            && let (Some(path), Ok(mut archived)) = (path, self.refusals.archived.lock())
        {
            archived.insert(path);
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}
