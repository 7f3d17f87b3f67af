//! Opens `s3://bucket/prefix`, on AWS or on another store that speaks its protocol.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::client::{HttpConnector, ReqwestConnector};

use super::credentials::{AwsCredentials, Origin};
use super::options::{Layer, Options, client_options, first, own, shared};
use super::{Role, retries};
use crate::domain::Environment;
use crate::store::refusal::{Observed, Refusals};
use crate::store::uploads::{Signature, Uploads};

const SERVICE: &str = "AWS_";
const ENDPOINT: [&str; 2] = ["aws_endpoint_url_s3", "aws_endpoint_url"];
const OTHER_ENDPOINT: [&str; 1] = ["aws_endpoint"];
const REGION: [&str; 2] = ["aws_region", "aws_default_region"];
const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];
const WEB_IDENTITY: [&str; 2] = ["aws_web_identity_token_file", "aws_role_arn"];

/// Opens a bucket, and what lists its unfinished uploads, without any request to it; `place` is its URL, for
/// errors.
pub(super) fn open(
    bucket: &str,
    place: String,
    role: Option<Role>,
    options: &Options,
    environment: &Environment,
    refusals: &Refusals,
) -> object_store::Result<Uploads> {
    let own = own(environment, role, SERVICE);
    let shared = shared(environment, SERVICE);
    let settings = settings(&own, options, &shared);
    let endpoint = settings.get(&Key::Endpoint).cloned();
    let origin = origin(&own, options, &shared);
    let region = region(&settings, &origin);
    let (url, signature) = (bucket_url(bucket, &settings, &region), signature(&settings, options));
    let mut builder = AmazonS3Builder::new();
    for (key, value) in settings {
        builder = builder.with_config(key, value);
    }
    builder = with_options(builder, options);
    if origin != Origin::Keys {
        let credentials = AwsCredentials::new(place, origin, region.clone());
        builder = builder.with_credentials(Arc::new(credentials));
    }
    let store = builder
        .with_http_connector(Observed(refusals.clone()))
        .with_bucket_name(bucket)
        .with_region(region.clone())
        .with_client_options(client_options(endpoint.as_deref()))
        .with_retry(retries())
        .build()?;
    let client = ReqwestConnector::default().connect(&client_options(endpoint.as_deref()))?;
    Ok(Uploads { bucket: Arc::new(store), client, endpoint: url, region, signature })
}

/// Returns the URL of a bucket, as the store's client builds it.
fn bucket_url(bucket: &str, settings: &HashMap<Key, String>, region: &str) -> String {
    let is_in_host =
        settings.get(&Key::VirtualHostedStyleRequest).is_some_and(|value| is_true(value));
    match (settings.get(&Key::Endpoint), is_in_host) {
        (Some(endpoint), true) => endpoint.clone(),
        (Some(endpoint), false) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        (None, true) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        (None, false) => format!("https://s3.{region}.amazonaws.com/{bucket}"),
    }
}

fn signature(settings: &HashMap<Key, String>, options: &Options) -> Signature {
    if settings.get(&Key::SkipSignature).is_some_and(|value| is_true(value)) {
        Signature::None
    } else if options.requester_pays {
        Signature::RequesterPays
    } else {
        Signature::Signed
    }
}

fn with_options(mut builder: AmazonS3Builder, options: &Options) -> AmazonS3Builder {
    if let Some(key) = &options.kms_key {
        builder = builder.with_sse_kms_encryption(key);
    }
    if options.requester_pays {
        builder = builder.with_request_payer(true);
    }
    builder
}

/// Returns the region that is given, or that of the profile, or the default, which stores other than AWS expect.
fn region(settings: &HashMap<Key, String>, origin: &Origin) -> String {
    let is_signed = settings.get(&Key::SkipSignature).is_none_or(|value| !is_true(value));
    let given = settings.get(&Key::Region).cloned();
    given
        .or_else(|| is_signed.then(|| origin.region()).flatten())
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// Combines the three layers into the client's settings. Each of endpoint, region and keys is taken from one layer
/// as a whole: a session token of one layer is not used with the keys of another.
fn settings(own: &Layer, options: &Options, shared: &Layer) -> HashMap<Key, String> {
    let mut settings = HashMap::new();
    for (name, value) in shared.iter().chain(own) {
        if let Ok(key) = Key::from_str(name) {
            settings.insert(key, value.clone());
        }
    }
    for key in [Key::S3Endpoint, Key::Endpoint, Key::DefaultRegion, Key::Region] {
        settings.remove(&key);
    }
    let region =
        first(own, &REGION).or(options.region.as_deref()).or_else(|| first(shared, &REGION));
    let endpoint = endpoint(own).or(options.endpoint.as_deref()).or_else(|| endpoint(shared));
    settings.extend(region.map(|region| (Key::Region, region.to_owned())));
    settings.extend(endpoint.map(|endpoint| (Key::Endpoint, endpoint.to_owned())));
    if first(own, &KEYS).is_some() {
        for (name, key) in [
            ("aws_access_key_id", Key::AccessKeyId),
            ("aws_secret_access_key", Key::SecretAccessKey),
            ("aws_session_token", Key::Token),
        ] {
            if !own.contains_key(name) {
                settings.remove(&key);
            }
        }
    }
    settings
}

fn endpoint(layer: &Layer) -> Option<&str> {
    first(layer, &ENDPOINT).or_else(|| first(layer, &OTHER_ENDPOINT))
}

/// Returns where the credentials come from. The first layer that names any decides, and in a layer keys come before
/// a profile, as with AWS's own tools.
fn origin(own: &Layer, options: &Options, shared: &Layer) -> Origin {
    origin_named_in(own, own, shared)
        .or_else(|| options.profile.clone().map(Origin::Profile))
        .or_else(|| origin_named_in(shared, own, shared))
        .unwrap_or(Origin::Chain)
}

fn origin_named_in(layer: &Layer, own: &Layer, shared: &Layer) -> Option<Origin> {
    if first(layer, &KEYS).is_some() {
        return Some(Origin::Keys);
    }
    if let Some(profile) = layer.get("aws_profile") {
        return Some(Origin::Profile(profile.clone()));
    }
    first(layer, &WEB_IDENTITY)?;
    let session_name = own_or_shared("aws_role_session_name", own, shared);
    Some(Origin::WebIdentity {
        token_file: own_or_shared("aws_web_identity_token_file", own, shared)?,
        role_arn: own_or_shared("aws_role_arn", own, shared)?,
        session_name: session_name.unwrap_or_else(|| "backfill".to_owned()),
    })
}

fn own_or_shared(name: &str, own: &Layer, shared: &Layer) -> Option<String> {
    own.get(name).or_else(|| shared.get(name)).cloned()
}

/// Whether the store's client takes a value for yes.
fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "on" | "yes" | "y")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer<const N: usize>(pairs: [(&str, &str); N]) -> Layer {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn profile(name: &str) -> Options {
        Options { profile: Some(name.to_owned()), ..Options::default() }
    }

    #[test]
    fn the_first_layer_that_names_credentials_decides() {
        let none = Layer::new();
        let keys = layer([("aws_access_key_id", "a"), ("aws_secret_access_key", "s")]);
        let named = layer([("aws_profile", "env")]);
        let options = Options::default();
        assert_eq!(origin(&none, &options, &none), Origin::Chain);
        assert_eq!(origin(&none, &options, &keys), Origin::Keys);
        assert_eq!(origin(&none, &profile("file"), &keys), Origin::Profile("file".to_owned()));
        assert_eq!(origin(&keys, &profile("file"), &named), Origin::Keys);
        assert_eq!(origin(&named, &profile("file"), &keys), Origin::Profile("env".to_owned()));
        let both: Layer = keys.into_iter().chain(named).collect();
        assert_eq!(origin(&none, &options, &both), Origin::Keys);
    }

    #[test]
    fn a_web_identity_may_be_named_in_two_layers() {
        let own = layer([("aws_role_arn", "arn:role")]);
        let shared = layer([("aws_web_identity_token_file", "/token")]);
        let Origin::WebIdentity { token_file, role_arn, .. } =
            origin(&own, &Options::default(), &shared)
        else {
            panic!("a web identity");
        };
        assert_eq!((token_file.as_str(), role_arn.as_str()), ("/token", "arn:role"));
    }

    #[test]
    fn a_session_token_is_not_used_with_the_keys_of_another_layer() {
        let shared = layer([
            ("aws_access_key_id", "a"),
            ("aws_secret_access_key", "s"),
            ("aws_session_token", "t"),
        ]);
        let own = layer([("aws_access_key_id", "b"), ("aws_secret_access_key", "s")]);
        let settings = settings(&own, &Options::default(), &shared);
        assert_eq!(settings.get(&Key::AccessKeyId).map(String::as_str), Some("b"));
        assert_eq!(settings.get(&Key::Token), None);
    }

    #[test]
    fn the_places_endpoint_and_region_come_before_those_for_both() {
        let shared = layer([("aws_endpoint_url_s3", "http://both"), ("aws_region", "both")]);
        let own = layer([("aws_endpoint_url", "http://own"), ("aws_default_region", "own")]);
        let file = Options {
            endpoint: Some("http://file".to_owned()),
            region: Some("file".to_owned()),
            ..Options::default()
        };
        for (own, options, expected) in [
            (&own, &file, "own"),
            (&Layer::new(), &file, "file"),
            (&Layer::new(), &Options::default(), "both"),
        ] {
            let settings = settings(own, options, &shared);
            assert_eq!(settings[&Key::Region], expected);
            assert_eq!(settings[&Key::Endpoint], format!("http://{expected}"));
        }
    }
}
