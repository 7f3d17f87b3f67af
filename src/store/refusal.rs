//! A **refusal** is a 401, 403 or 404 of the store. If a listing is refused, the store's client does not report
//! the status, and for a 403 it does not distinguish an archived object from a forbidden one. This module looks at
//! every answer on its way to the client and remembers both, and what else an [`Answer`] says. It also takes out of
//! a listing what the client would fail on.

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

/// The statuses of answers whose text says why the store refused.
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
        let date = header(answer, "date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        Self {
            status: answer.status().as_u16(),
            code: None,
            region: header(answer, "x-amz-bucket-region").and_then(word),
            seconds_ahead: date.map(|date| (date.to_utc() - Utc::now()).num_seconds()),
        }
    }

    /// Adds what the text of a refusal says.
    fn add_text(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        self.code = word_in(&text, "Code");
        self.region = self.region.take().or_else(|| word_in(&text, "Region"));
    }
}

fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Returns the word in the first element of a name.
fn word_in(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    word(rest.split_once("</")?.0)
}

/// Returns a text if it is one word of letters, digits and hyphens, as codes and regions are.
fn word(text: &str) -> Option<String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (!text.is_empty() && text.len() <= 64 && is_word).then(|| text.to_owned())
}

/// What the store's answers said, besides what its client reports.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    /// The last answer.
    answer: Arc<Mutex<Answer>>,
    /// The status of the last answer.
    status: Arc<AtomicU16>,
    /// The paths of archived objects, with or without the bucket.
    archived: Arc<Mutex<HashSet<Path>>>,
}

impl Refusals {
    /// Whether the store has refused to give out an object because it is archived.
    pub(super) fn is_archived(&self, object: &Path) -> bool {
        let Ok(archived) = self.archived.lock() else { return false };
        archived.iter().any(|path| path == object || path.as_ref().ends_with(&format!("/{object}")))
    }

    /// Returns the last answer.
    pub(super) fn answer(&self) -> Answer {
        self.answer.lock().map(|answer| answer.clone()).unwrap_or_default()
    }

    fn note(&self, answer: Answer) {
        if let Ok(mut last) = self.answer.lock() {
            *last = answer;
        }
    }

    /// Turns a listing's error into the one that the status of the store's last answer means.
    pub(super) fn explain(&self, error: object_store::Error, path: &str) -> object_store::Error {
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

/// Connects as usual, and observes every answer.
#[derive(Debug)]
pub(super) struct Observed(pub Refusals);

impl HttpConnector for Observed {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Observer { inner, refusals: self.0.clone() }))
    }
}

/// Takes the objects whose keys cannot be paths out of an answer.
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
            return if unusable::is_collecting() {
                without_unusable(answer?).await
            } else {
                answer
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_regions_are_single_words() {
        let text = "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region>\
                    <Message>use another endpoint</Message></Error>";
        assert_eq!(word_in(text, "Code").as_deref(), Some("PermanentRedirect"));
        assert_eq!(word_in(text, "Region").as_deref(), Some("eu-west-1"));
        assert_eq!(word_in(text, "Message"), None, "free text is not shown");
        assert_eq!(word_in(text, "Bucket"), None);
        assert_eq!(word(&"x".repeat(65)), None);
    }

    #[test]
    fn a_refusal_adds_what_its_text_says() {
        let mut answer = Answer { region: Some("us-east-1".to_owned()), ..Answer::default() };
        answer.add_text(b"<Code>AccessDenied</Code><Region>eu-west-1</Region>");
        assert_eq!(answer.code.as_deref(), Some("AccessDenied"));
        assert_eq!(answer.region.as_deref(), Some("us-east-1"), "the header counts first");
    }

    #[test]
    fn a_listings_error_becomes_what_the_status_means() {
        for (status, expected) in [(401, "401"), (403, "403"), (404, "404"), (500, "other")] {
            let refusals = Refusals::default();
            refusals.status.store(status, Ordering::SeqCst);
            let error = object_store::Error::Generic { store: "S3", source: "x".into() };
            let found = match refusals.explain(error, "orders/") {
                object_store::Error::Unauthenticated { .. } => "401",
                object_store::Error::PermissionDenied { .. } => "403",
                object_store::Error::NotFound { .. } => "404",
                _ => "other",
            };
            assert_eq!(found, expected);
        }
    }
}
