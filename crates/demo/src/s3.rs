//! An embedded **S3 server**: it serves the subfolders of a folder as buckets, over HTTP on a local port, and checks
//! signatures. It remembers the requests that it answered, and a script can make it fail.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Error;

/// The only user's key.
const ACCESS_KEY: &str = "backfill";
/// The only user's secret, of a server that listens on this machine only.
const SECRET_KEY: &str = "backfill-on-this-machine-only";

/// A faulty answer of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 Slow Down.
    SlowDown,
    /// 403 Access Denied.
    Forbidden,
    /// 403 for an archived object.
    Archived,
    /// 400 because the bucket is in this region; the answer names it unless it is empty.
    WrongRegion(&'static str),
    /// 404 because there is no such bucket.
    NoSuchBucket,
    /// 403 because the clocks differ by too much.
    TimeTooSkewed,
    /// A normal answer, from a server whose clock is this many seconds ahead.
    ClockAhead(i64),
}

/// Decides on a request, given as `METHOD /path?query`.
type Script = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

/// A running S3 server; it stops when it is dropped.
pub struct S3Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<Option<Script>>>,
    task: JoinHandle<()>,
}

impl S3Server {
    /// Serves the subfolders of `folder` as buckets.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub async fn start(folder: &Path) -> Result<Self, Error> {
        let files = FileSystem::new(folder).map_err(|error| failed(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| failed(error.to_string()))?;
        let port = listener.local_addr().map_err(|error| failed(error.to_string()))?.port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(None));
        let task =
            tokio::spawn(serve(listener, service, Arc::clone(&requests), Arc::clone(&script)));
        Ok(Self { port, requests, script, task })
    }

    /// The `AWS_*` variables of the server.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Returns the requests answered since the last call, as `METHOD /path?query`, with the range if there is one.
    pub fn take_requests(&self) -> Vec<String> {
        self.requests.lock().map(|mut log| std::mem::take(&mut *log)).unwrap_or_default()
    }

    /// Lets `script` decide on every request from now on.
    pub fn follow(&self, script: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        if let Ok(mut current) = self.script.lock() {
            *current = Some(Box::new(script));
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn failed(reason: String) -> Error {
    Error::Start { server: "S3 server", reason }
}

async fn serve(
    listener: TcpListener,
    service: S3Service,
    requests: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<Option<Script>>>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, requests, script) =
            (service.clone(), Arc::clone(&requests), Arc::clone(&script));
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let fault = note(&request, &requests, &script);
                let service = service.clone();
                async move { Ok::<_, Infallible>(answer(&service, request, fault).await) }
            });
            let connection = Builder::new(TokioExecutor::new());
            let _ = connection.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

/// Remembers a request, and asks the script for a fault.
fn note(
    request: &Request<Incoming>,
    requests: &Mutex<Vec<String>>,
    script: &Mutex<Option<Script>>,
) -> Option<Fault> {
    let mut line = format!("{} {}", request.method(), request.uri());
    if let Some(range) = request.headers().get("range").and_then(|range| range.to_str().ok()) {
        line.push(' ');
        line.push_str(range);
    }
    let fault = script.lock().ok()?.as_mut().and_then(|script| script(&line));
    if let Ok(mut requests) = requests.lock() {
        requests.push(line);
    }
    fault
}

async fn answer(
    service: &S3Service,
    request: Request<Incoming>,
    fault: Option<Fault>,
) -> Response<Body> {
    let (status, code) = match fault {
        Some(Fault::SlowDown) => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Fault::Forbidden) => (StatusCode::FORBIDDEN, "AccessDenied"),
        Some(Fault::Archived) => (StatusCode::FORBIDDEN, "InvalidObjectState"),
        Some(Fault::WrongRegion(_)) => (StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed"),
        Some(Fault::NoSuchBucket) => (StatusCode::NOT_FOUND, "NoSuchBucket"),
        Some(Fault::TimeTooSkewed) => (StatusCode::FORBIDDEN, "RequestTimeTooSkewed"),
        Some(Fault::ClockAhead(_)) | None => match Service::call(service, request).await {
            Ok(response) => return with_date(response, fault),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        },
    };
    let region = match fault {
        Some(Fault::WrongRegion(region)) if !region.is_empty() => {
            format!("<Region>{region}</Region>")
        }
        _ => String::new(),
    };
    let text = format!("<Error><Code>{code}</Code>{region}</Error>");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// Sets the time of an answer by a clock that is ahead, if that is the fault.
fn with_date(mut response: Response<Body>, fault: Option<Fault>) -> Response<Body> {
    if let Some(Fault::ClockAhead(seconds)) = fault {
        let date = Utc::now() + TimeDelta::seconds(seconds);
        if let Ok(date) = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string().parse() {
            response.headers_mut().insert("date", date);
        }
    }
    response
}
