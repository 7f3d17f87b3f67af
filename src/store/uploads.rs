//! **Uploads** that were started and never finished: S3 keeps and bills their parts until they are aborted. A run
//! that is killed during an upload leaves one behind.
//!
//! The store's client cannot list them, so the request is made and signed here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use url::Url;

use super::S3;
use super::xml::{elements, part};

/// The most pages of a listing that are read; each has a thousand uploads.
const PAGES: usize = 100;

/// The unfinished uploads of a bucket of S3.
#[derive(Debug)]
pub struct Uploads {
    /// The bucket.
    pub bucket: Arc<AmazonS3>,
    /// What sends requests.
    pub client: HttpClient,
    /// The URL of the bucket.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// How requests are signed.
    pub signature: Signature,
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Not signed, as for a public bucket.
    None,
    /// Signed with the credentials.
    Signed,
    /// Signed, and the requester pays.
    RequesterPays,
}

/// An upload that was started and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The object that it would become.
    pub path: Path,
    /// Its id.
    pub id: String,
    /// When it was started.
    pub begun: DateTime<Utc>,
}

impl Uploads {
    /// Lists the unfinished uploads below a path.
    ///
    /// # Errors
    /// If the store refuses, or cannot list them.
    pub async fn list(&self, below: &Path) -> object_store::Result<Vec<Upload>> {
        let prefix = format!("{below}/");
        let mut found = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES {
            let text = self.page(&prefix, marker.as_ref()).await?;
            found.extend(elements(&text, "Upload").filter_map(|element| upload(element.inner)));
            marker = next(&text);
            if marker.is_none() {
                break;
            }
        }
        // A store that does not know the prefix parameter may list all uploads.
        found.retain(|upload| upload.path.as_ref().starts_with(&prefix));
        Ok(found)
    }

    /// Ends an upload, so that its parts are deleted.
    ///
    /// # Errors
    /// If the store refuses.
    pub async fn abort(&self, upload: &Upload) -> object_store::Result<()> {
        self.bucket.abort_multipart(&upload.path, &upload.id).await
    }

    /// Requests one page of the listing, from a key and an id on.
    async fn page(
        &self,
        prefix: &str,
        marker: Option<&(String, String)>,
    ) -> object_store::Result<String> {
        let mut url = Url::parse(&self.endpoint).map_err(generic)?;
        url.query_pairs_mut().append_pair("uploads", "").append_pair("prefix", prefix);
        if let Some((key, id)) = marker {
            url.query_pairs_mut()
                .append_pair("key-marker", key)
                .append_pair("upload-id-marker", id);
        }
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        // A space in the query is signed as %20.
        *request.uri_mut() = url.as_str().replace('+', "%20").parse().map_err(generic)?;
        if self.signature != Signature::None {
            let credential = self.bucket.credentials().get_credential().await?;
            AwsAuthorizer::new(&credential, "s3", &self.region)
                .with_request_payer(self.signature == Signature::RequesterPays)
                .authorize(&mut request, None);
        }
        let (head, body) = self.client.execute(request).await.map_err(generic)?.into_parts();
        let body = body.bytes().await.map_err(generic)?;
        match head.status.as_u16() {
            200 => Ok(String::from_utf8_lossy(&body).into_owned()),
            status => Err(refused(status, prefix)),
        }
    }
}

fn refused(status: u16, prefix: &str) -> object_store::Error {
    let source = format!("the unfinished uploads cannot be listed: status {status}").into();
    match status {
        401 | 403 => object_store::Error::PermissionDenied { path: prefix.to_owned(), source },
        _ => object_store::Error::Generic { store: S3, source },
    }
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: S3, source: Box::new(error) }
}

fn upload(text: &str) -> Option<Upload> {
    let begun = DateTime::parse_from_rfc3339(&part(text, "Initiated")?).ok()?;
    Some(Upload {
        path: Path::parse(part(text, "Key")?).ok()?,
        id: part(text, "UploadId")?,
        begun: begun.to_utc(),
    })
}

/// Returns where the next page begins, if there is one.
fn next(text: &str) -> Option<(String, String)> {
    let is_cut = part(text, "IsTruncated")? == "true";
    let marker = (part(text, "NextKeyMarker")?, part(text, "NextUploadIdMarker")?);
    is_cut.then_some(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_page_by_page() {
        let text = "<ListMultipartUploadsResult><NextKeyMarker>b</NextKeyMarker>\
            <NextUploadIdMarker>2</NextUploadIdMarker><IsTruncated>true</IsTruncated>\
            <Upload><Key>mirror/a &amp;lt; b</Key><UploadId>1</UploadId>\
            <Initiated>2025-09-22T10:00:00.000Z</Initiated></Upload>\
            <Upload><Key>mirror/b</Key><UploadId>2</UploadId><Initiated>odd</Initiated></Upload>\
            </ListMultipartUploadsResult>";
        let found: Vec<Upload> =
            elements(text, "Upload").filter_map(|element| upload(element.inner)).collect();
        assert_eq!(found.len(), 1, "one without a date is left alone");
        assert_eq!((found[0].path.as_ref(), found[0].id.as_str()), ("mirror/a &lt; b", "1"));
        assert_eq!(next(text), Some(("b".to_owned(), "2".to_owned())));
        assert_eq!(next("<IsTruncated>false</IsTruncated>"), None);
    }
}
