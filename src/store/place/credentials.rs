//! The **credentials** of an S3 place: keys from the environment, or what `aws-config` finds by a
//! profile (SSO, assumed roles, `credential_process`), a web identity, a container or an instance.
//!
//! The library reads the process's own environment and `~/.aws`, not an [`Environment`]; this module only decides
//! which of its ways is used. No service is asked before the first request to the store. Credentials are kept
//! until shortly before they expire.
//!
//! [`Environment`]: crate::domain::Environment

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{Region, meta::region::ProvideRegion};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError,
};
use aws_smithy_http_client::tls::{Provider as Tls, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder as HttpClientBuilder, Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures::FutureExt;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use crate::store::S3;

/// Longer than any sign-in takes that does not wait for a person.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long before their expiry credentials are replaced.
const MARGIN: Duration = Duration::from_secs(300);
/// How long to wait before the next try if credentials that are still valid cannot be replaced.
const PAUSE: Duration = Duration::from_secs(30);

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Keys in the environment.
    Keys,
    /// A profile of `~/.aws/config`.
    Profile(String),
    /// A token in a file, given for a role.
    WebIdentity {
        /// The file.
        token_file: String,
        /// The role.
        role_arn: String,
        /// The name of the session in AWS's logs.
        session_name: String,
    },
    /// The first of the ways that AWS's own tools try.
    Chain,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => write!(f, "keys in the environment"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::WebIdentity { role_arn, .. } => write!(f, "web identity for {role_arn}"),
            Self::Chain => write!(f, "no keys and no profile are set"),
        }
    }
}

impl Origin {
    /// Returns the region of the profile that gives the credentials. Reads `~/.aws/config` and makes no request.
    pub(super) fn region(&self) -> Option<String> {
        let builder = ProfileFileRegionProvider::builder();
        let provider = match self {
            Self::Keys | Self::WebIdentity { .. } => return None,
            Self::Profile(name) => builder.profile_name(name).build(),
            Self::Chain => builder.build(),
        };
        // The library reads the file at once, so the future is ready when it is first polled.
        let region = ProvideRegion::region(&provider).now_or_never().flatten()?;
        Some(region.to_string())
    }

    async fn provider(&self, region: &str) -> SharedCredentialsProvider {
        let config = ProviderConfig::without_region()
            .with_region(Some(Region::new(region.to_owned())))
            .with_http_client(http_client());
        match self {
            Self::Profile(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(name)
                    .build(),
            ),
            Self::WebIdentity { token_file, role_arn, session_name } => {
                let identity = StaticConfiguration {
                    web_identity_token_file: token_file.into(),
                    role_arn: role_arn.clone(),
                    session_name: session_name.clone(),
                };
                SharedCredentialsProvider::new(
                    WebIdentityTokenCredentialsProvider::builder()
                        .configure(&config)
                        .static_configuration(identity)
                        .build(),
                )
            }
            Self::Keys | Self::Chain => {
                let region = Region::new(region.to_owned());
                let chain = DefaultCredentialsChain::builder().configure(config).region(region);
                SharedCredentialsProvider::new(chain.build().await)
            }
        }
    }
}

/// Makes a client with the same TLS as the rest of the program. It respects `HTTPS_PROXY` and `NO_PROXY`.
fn http_client() -> SharedHttpClient {
    HttpClientBuilder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        builder.tls_provider(Tls::Rustls(CryptoMode::Ring)).build()
    })
}

/// No credentials were found.
#[derive(Debug, thiserror::Error)]
#[error("no AWS credentials for {place} ({origin}){}", described(cause))]
pub struct NoCredentials {
    place: String,
    origin: Origin,
    /// Not an error source, which would be shown: it may hold what a `credential_process` wrote.
    cause: CredentialsError,
}

/// Says why there are no credentials, after a colon, without anything that another program has written.
fn described(cause: &CredentialsError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut current: Option<&dyn StdError> = Some(cause);
    while let Some(error) = current {
        let text = error.to_string();
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
        current = error.source();
    }
    let of_process = texts.iter().position(|text| text.contains("external process"));
    if let Some(place) = of_process {
        let status = texts[place].split("exit status: ").nth(1);
        let code: String =
            status.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        texts.truncate(place);
        texts.push(if code.is_empty() {
            "its credential_process failed".to_owned()
        } else {
            format!("its credential_process ended with the exit code {code}")
        });
    }
    texts.retain(|text| !text.starts_with("unexpected ") && !text.starts_with("error parsing"));
    format!(": {}", texts.join(": "))
}

impl NoCredentials {
    /// Finds the error among the causes of a store's error.
    pub fn behind(error: &object_store::Error) -> Option<&Self> {
        let mut current = StdError::source(error);
        while let Some(error) = current {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            current = error.source();
        }
        None
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match &self.origin {
            Origin::Keys => "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
            Origin::Profile(name) => format!(
                "if the profile signs in by SSO, run `aws sso login --profile {name}`; check that \
                 `aws sts get-caller-identity --profile {name}` works here"
            ),
            Origin::WebIdentity { token_file, .. } => format!(
                "check that {token_file} may be read, and that the role trusts the token's issuer"
            ),
            Origin::Chain => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or `profile` in \
                              backfill.toml; AWS_SKIP_SIGNATURE=true reads a public bucket without credentials"
                .to_owned(),
        }
    }

    /// Whether the service that gives credentials did not answer.
    fn is_transient(&self) -> bool {
        if matches!(self.cause, CredentialsError::ProviderTimedOut(_)) {
            return true;
        }
        let mut current: Option<&dyn StdError> = Some(&self.cause);
        while let Some(error) = current {
            let connector = error.downcast_ref::<ConnectorError>();
            if connector.is_some_and(|error| error.is_io() || error.is_timeout()) {
                return !matches!(self.origin, Origin::Chain);
            }
            current = error.source();
        }
        false
    }
}

impl From<NoCredentials> for object_store::Error {
    fn from(error: NoCredentials) -> Self {
        if error.is_transient() {
            return Self::Generic { store: S3, source: Box::new(error) };
        }
        Self::Unauthenticated { path: error.place.clone(), source: Box::new(error) }
    }
}

/// Gives the store's client the credentials of a place.
pub(super) struct AwsCredentials {
    place: String,
    origin: Origin,
    region: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    provider: Option<SharedCredentialsProvider>,
    found: Option<Found>,
}

/// Credentials and how long they are valid; without an end they never expire.
struct Found {
    credential: Arc<AwsCredential>,
    replace_at: Option<SystemTime>,
    expires_at: Option<SystemTime>,
}

impl AwsCredentials {
    /// Takes credentials from `origin`, which is asked at the first request.
    pub(super) fn new(place: String, origin: Origin, region: String) -> Self {
        Self { place, origin, region, state: Mutex::default() }
    }

    async fn ask(&self, state: &mut State) -> Result<Found, NoCredentials> {
        let provider = match &state.provider {
            Some(provider) => provider.clone(),
            None => state.provider.insert(self.origin.provider(&self.region).await).clone(),
        };
        let answer = tokio::time::timeout(TIMEOUT, provider.provide_credentials()).await;
        answer
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(TIMEOUT)))
            .map(|credentials| Found::new(&credentials, SystemTime::now()))
            .map_err(|cause| NoCredentials {
                place: self.place.clone(),
                origin: self.origin.clone(),
                cause,
            })
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsCredentials({}, {})", self.place, self.origin)
    }
}

#[async_trait]
impl CredentialProvider for AwsCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Other requests wait here until the first one has the credentials.
        let mut state = self.state.lock().await;
        let now = SystemTime::now();
        if let Some(found) = state.found.as_ref().filter(|found| found.is_fresh(now)) {
            return Ok(Arc::clone(&found.credential));
        }
        match self.ask(&mut state).await {
            Ok(found) => Ok(Arc::clone(&state.found.insert(found).credential)),
            Err(error) => match state.found.as_mut().filter(|found| found.is_valid(now)) {
                Some(found) => {
                    tracing::warn!(place = self.place, %error, "credentials were not renewed yet");
                    found.replace_at = Some(now + PAUSE);
                    Ok(Arc::clone(&found.credential))
                }
                None => Err(error.into()),
            },
        }
    }
}

impl Found {
    fn new(credentials: &Credentials, now: SystemTime) -> Self {
        let expires_at = credentials.expiry();
        Self {
            credential: Arc::new(AwsCredential {
                key_id: credentials.access_key_id().to_owned(),
                secret_key: credentials.secret_access_key().to_owned(),
                token: credentials.session_token().map(ToOwned::to_owned),
            }),
            replace_at: expires_at.map(|end| replace_at(end, now)),
            expires_at,
        }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.replace_at.is_none_or(|end| now < end)
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Returns when to replace credentials: five minutes before they expire, or half-way if that is later.
fn replace_at(expires_at: SystemTime, now: SystemTime) -> SystemTime {
    let left = expires_at.duration_since(now).unwrap_or_default();
    expires_at - MARGIN.min(left / 2)
}

#[cfg(test)]
mod tests;
