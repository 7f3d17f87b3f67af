//! The **options** of a place: what `backfill.toml` and the environment say about how to reach it.
//!
//! There are three layers, in order of precedence: variables of the environment for one place
//! (`SOURCE_AWS_REGION`), the file (`region` of `[source]`), and variables of the environment for both places
//! (`AWS_REGION`). The file holds no secret.

use std::collections::BTreeMap;
use std::fmt;

use object_store::ClientOptions;
use url::Url;

use crate::domain::Environment;

/// The role of a place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Where the exports are.
    Source,
    /// Where mirrors, rejects and staged rows go.
    Staging,
}

impl Role {
    /// The prefix of the variables that apply to this place alone.
    pub fn variable_prefix(self) -> &'static str {
        match self {
            Self::Source => "SOURCE_",
            Self::Staging => "STAGING_",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Staging => "staging",
        })
    }
}

/// What the configuration file says about a place besides its URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The URL of the service, for stores other than the provider's own.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// The profile in `~/.aws/config` that gives the credentials.
    pub profile: Option<String>,
    /// Whether requests say that the requester pays.
    pub requester_pays: bool,
    /// The KMS key with which S3 encrypts what is written.
    pub kms_key: Option<String>,
}

/// An option that does not fit the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidOption {
    /// The key of the option in the file.
    pub key: &'static str,
    /// What is wrong with it.
    reason: &'static str,
}

impl Options {
    /// Checks the options of a place in a bucket; only S3 has all of them.
    pub(super) fn check_bucket(&self, is_s3: bool) -> Result<(), InvalidOption> {
        if let Some(key) = self.given().find(|key| *key != "endpoint")
            && !is_s3
        {
            return Err(InvalidOption { key, reason: "only an s3:// URL can have it" });
        }
        let texts =
            [("region", &self.region), ("profile", &self.profile), ("kms_key", &self.kms_key)];
        if let Some((key, _)) = texts.iter().find(|(_, text)| text.as_deref() == Some("")) {
            return Err(InvalidOption { key, reason: "must not be empty" });
        }
        match &self.endpoint {
            Some(endpoint) => check_endpoint(endpoint),
            None => Ok(()),
        }
    }

    /// Checks the options of a folder, which has none.
    pub(super) fn check_folder(&self) -> Result<(), InvalidOption> {
        match self.given().next() {
            Some(key) => Err(InvalidOption { key, reason: "a folder cannot have it" }),
            None => Ok(()),
        }
    }

    /// The keys of the options that are given.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("profile", self.profile.is_some()),
            ("requester_pays", self.requester_pays),
            ("kms_key", self.kms_key.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_given)| is_given.then_some(key))
    }
}

fn check_endpoint(endpoint: &str) -> Result<(), InvalidOption> {
    let url = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let reason = match url {
        None => "write https://host or http://host",
        Some(url)
            if !url.username().is_empty() || url.password().is_some() || url.query().is_some() =>
        {
            "an endpoint must not have a user, password or query; credentials belong in the environment"
        }
        Some(_) => return Ok(()),
    };
    Err(InvalidOption { key: "endpoint", reason })
}

/// Variables of one layer of the environment: lower-case names as the store's client knows them, and
/// values that are not empty.
pub(super) type Layer = BTreeMap<String, String>;

/// Returns the variables of a service (`AWS_`) that apply to every place.
pub(super) fn shared(environment: &Environment, service: &str) -> Layer {
    layer(environment, "", service)
}

/// Returns the variables of a service that apply to one place alone, by their names without the prefix of the
/// place.
pub(super) fn own(environment: &Environment, role: Option<Role>, service: &str) -> Layer {
    match role {
        Some(role) => layer(environment, role.variable_prefix(), service),
        None => Layer::new(),
    }
}

fn layer(environment: &Environment, place: &str, service: &str) -> Layer {
    let prefix = format!("{place}{service}");
    environment
        .starting_with(&prefix)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name[place.len()..].to_ascii_lowercase(), value.to_owned()))
        .collect()
}

/// Returns the value of the first of `names` that a layer has.
pub(super) fn first<'a>(layer: &'a Layer, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| layer.get(*name)).map(String::as_str)
}

/// Returns the client's options for requests to `endpoint`; plain HTTP only if the endpoint's URL says so.
pub(super) fn client_options(endpoint: Option<&str>) -> ClientOptions {
    let is_plain = endpoint.is_some_and(|url| url.to_ascii_lowercase().starts_with("http://"));
    ClientOptions::new().with_timeout(std::time::Duration::from_secs(60)).with_allow_http(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_do_not_fit_are_refused_by_name() {
        let profile = Options { profile: Some("work".to_owned()), ..Options::default() };
        assert_eq!(profile.check_bucket(true), Ok(()));
        assert_eq!(profile.check_bucket(false).expect_err("not on gs://").key, "profile");
        assert_eq!(profile.check_folder().expect_err("not in a folder").key, "profile");
        let empty = Options { region: Some(String::new()), ..Options::default() };
        assert_eq!(empty.check_bucket(true).expect_err("empty").key, "region");
    }

    #[test]
    fn an_endpoint_is_a_web_address_without_credentials() {
        for (endpoint, is_valid) in [
            ("https://s3.example.com", true),
            ("http://localhost:9000", true),
            ("localhost:9000", false),
            ("s3.example.com", false),
            ("https://key:secret@s3.example.com", false),
            ("https://s3.example.com?token=secret", false),
        ] {
            assert_eq!(check_endpoint(endpoint).is_ok(), is_valid, "{endpoint}");
        }
    }

    #[test]
    fn variables_of_one_place_apply_to_it_alone() {
        let environment = Environment::new(
            [("AWS_REGION", "a"), ("SOURCE_AWS_REGION", "b"), ("STAGING_AWS_REGION", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(first(&shared(&environment, "AWS_"), &["aws_region"]), Some("a"));
        let source = own(&environment, Some(Role::Source), "AWS_");
        assert_eq!(first(&source, &["aws_region"]), Some("b"));
        assert!(own(&environment, Some(Role::Staging), "AWS_").is_empty());
    }
}
