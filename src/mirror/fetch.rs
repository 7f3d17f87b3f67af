//! To **fetch** is to read an object of the source in bounded ranges, ahead of the reader.
//!
//! Every range is one request of at most [`RANGE_BYTES`], read to its end before the reader sees
//! it, so that a slow reader cannot make a request time out. Each request insists on the version
//! that was listed: an object replaced meanwhile is noticed, not mixed.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use tokio_util::io::{StreamReader, SyncIoBridge};
use tokio_util::task::AbortOnDropHandle;

use crate::store::S3;

/// The bytes of one request: 4 MiB.
pub const RANGE_BYTES: u64 = 4 << 20;
/// How many requests of one file are under way at once.
const REQUESTS_AHEAD: usize = 2;
/// How often a range is requested if its body is cut short.
const BODY_ATTEMPTS: u32 = 4;

/// Returns the object's bytes, for a thread that may block. Must be called inside a Tokio runtime.
///
/// `on_bytes` is called with the length of every range that has arrived.
pub(super) fn fetch(
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    on_bytes: impl Fn(u64) + Send + Sync + Clone + 'static,
) -> impl io::Read + Send + 'static {
    let object = Arc::new(object);
    let ranges = (0..object.size.div_ceil(RANGE_BYTES))
        .map(|index| index * RANGE_BYTES)
        .map(move |start| start..(start + RANGE_BYTES));
    let chunks = stream::iter(ranges)
        .map(move |range| {
            let (store, object) = (Arc::clone(&store), Arc::clone(&object));
            let on_bytes = on_bytes.clone();
            let end = range.end.min(object.size);
            let task = tokio::spawn(async move {
                let bytes = get_range(&*store, &object, range.start..end).await?;
                on_bytes(bytes.len() as u64);
                Ok(bytes)
            });
            // A request is cancelled as soon as nobody waits for it any more.
            let task = AbortOnDropHandle::new(task);
            async move {
                let joined = task.await;
                joined.unwrap_or_else(|source| Err(object_store::Error::JoinError { source }))
            }
        })
        .buffered(REQUESTS_AHEAD)
        .map_err(io::Error::other::<object_store::Error>);
    SyncIoBridge::new(StreamReader::new(Box::pin(chunks)))
}

async fn get_range(
    store: &dyn ObjectStore,
    object: &ObjectMeta,
    range: Range<u64>,
) -> object_store::Result<Bytes> {
    let mut attempt = 1;
    loop {
        match get_range_once(store, object, range.clone()).await {
            Err(object_store::Error::Generic { .. }) if attempt < BODY_ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
                attempt += 1;
            }
            other => return other,
        }
    }
}

async fn get_range_once(
    store: &dyn ObjectStore,
    object: &ObjectMeta,
    range: Range<u64>,
) -> object_store::Result<Bytes> {
    let length = range.end - range.start;
    let options = GetOptions {
        if_match: object.e_tag.clone(),
        range: Some(range.into()),
        ..GetOptions::default()
    };
    let answer = store.get_opts(&object.location, options).await?;
    let replaced = answer.meta.size != object.size
        || (object.e_tag.is_none()
            && answer.meta.last_modified.timestamp() != object.last_modified.timestamp());
    if replaced {
        return Err(object_store::Error::Precondition {
            path: object.location.to_string(),
            source: "the object was replaced since it was listed".into(),
        });
    }
    let bytes = answer.bytes().await?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(object_store::Error::Generic {
            store: S3,
            source: "the download ended too early".into(),
        })
    }
}
