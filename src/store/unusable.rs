//! An object is **unusable** if its key cannot be a path. The store's client fails on a whole listing because of
//! one, or takes it for another object. So it is taken out of the listing before the client sees it.

use std::cell::RefCell;

use bytes::Bytes;

use super::xml::{elements, part};
use crate::domain::KeyFault;

/// An object that cannot be read by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The key; of a listing's answer the whole key, with the prefix of the place.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// What is wrong with it.
    pub fault: KeyFault,
}

tokio::task_local! {
    static FOUND: RefCell<Vec<Unusable>>;
}

/// Returns the result of a listing, and the objects that were taken out of its answers.
pub(super) async fn collecting<T>(listing: impl Future<Output = T>) -> (T, Vec<Unusable>) {
    let listing = async {
        let listed = listing.await;
        (listed, FOUND.with(RefCell::take))
    };
    FOUND.scope(RefCell::default(), listing).await
}

/// Whether this task is listing with [`collecting`].
pub(super) fn is_collecting() -> bool {
    FOUND.try_with(|_| ()).is_ok()
}

/// Takes the objects that cannot be read by their keys out of an answer. An answer that is not a listing is
/// returned unchanged.
pub(super) fn take_out(answer: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&answer) else { return answer };
    // S3 and Google use other element names than Azure.
    let (rest, found) = match without(text, "Contents", "Key", "Size") {
        (_, found) if found.is_empty() => without(text, "Blob", "Name", "Content-Length"),
        found => found,
    };
    if found.is_empty() {
        return answer;
    }
    // Without a collector nobody would learn of them, so nothing is taken out.
    match FOUND.try_with(|all| all.borrow_mut().extend(found)) {
        Ok(()) => rest.into(),
        Err(_) => answer,
    }
}

/// Splits a listing into its text without the elements whose keys have a fault, and these elements.
fn without(text: &str, object: &str, key: &str, size: &str) -> (String, Vec<Unusable>) {
    let (mut rest, mut found, mut taken) = (String::new(), Vec::new(), 0);
    for element in elements(text, object) {
        let name = part(element.inner, key).unwrap_or_default();
        let Some(fault) = fault(&name) else { continue };
        let size = part(element.inner, size).and_then(|size| size.parse().ok()).unwrap_or(0);
        found.push(Unusable { key: name, size, fault });
        rest.push_str(&text[taken..element.whole.start]);
        taken = element.whole.end;
    }
    rest.push_str(&text[taken..]);
    (rest, found)
}

/// Returns what is wrong with a key. Outer blanks are a fault because the client's XML reader drops them.
fn fault(key: &str) -> Option<KeyFault> {
    let is_trimmed = key.starts_with(' ') || key.ends_with(' ');
    KeyFault::of(key).or(is_trimmed.then_some(KeyFault::OuterBlank))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S3: &str = "<ListBucketResult><Name>exports</Name>\
        <Contents><Key>/x/r.csv</Key><Size>7</Size></Contents>\
        <Contents><Key>x/r.csv</Key><Size>1</Size></Contents>\
        <Contents><Key>x//r.csv</Key><Size>2</Size></Contents>\
        <Contents><Key>x/a&#x1;b.csv</Key><Size>3</Size></Contents></ListBucketResult>";

    #[tokio::test]
    async fn objects_with_unusable_keys_are_taken_out_one_by_one() {
        let (rest, found) = collecting(async { take_out(Bytes::from_static(S3.as_bytes())) }).await;
        let rest = String::from_utf8(rest.into()).expect("text");
        assert_eq!(
            rest,
            "<ListBucketResult><Name>exports</Name><Contents><Key>x/r.csv</Key><Size>1</Size></Contents>\
             </ListBucketResult>"
        );
        let found: Vec<_> =
            found.iter().map(|one| (one.key.as_str(), one.size, one.fault)).collect();
        assert_eq!(
            found,
            [
                ("/x/r.csv", 7, KeyFault::LeadingSlash),
                ("x//r.csv", 2, KeyFault::DoubleSlash),
                ("x/a\u{1}b.csv", 3, KeyFault::ControlCharacter),
            ]
        );
        let azure = "<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">x/../r.csv</Name>\
            <Properties><Content-Length>9</Content-Length></Properties></Blob></Blobs></EnumerationResults>";
        let (rest, found) =
            collecting(async { take_out(Bytes::from_static(azure.as_bytes())) }).await;
        assert_eq!(rest, "<EnumerationResults><Blobs></Blobs></EnumerationResults>");
        let expected = Unusable { key: "x/../r.csv".to_owned(), size: 9, fault: KeyFault::DotPart };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn outside_a_listing_that_collects_nothing_is_taken_out() {
        assert!(!is_collecting());
        assert_eq!(take_out(Bytes::from_static(S3.as_bytes())), S3);
        assert_eq!(take_out(Bytes::from_static(b"\xff")), &b"\xff"[..]);
    }
}
