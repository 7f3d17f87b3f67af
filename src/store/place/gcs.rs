//! Opens `gs://bucket/prefix`, with credentials from `GOOGLE_*` of the environment, from the
//! application default credentials of `gcloud`, or from the machine's service account.

use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

use super::options::{Options, client_options, first, own, shared};
use super::{Role, retries};
use crate::domain::Environment;
use crate::store::refusal::{Observed, Refusals};

const SERVICE: &str = "GOOGLE_";

/// Opens a bucket without any request to it.
pub(super) fn open(
    bucket: &str,
    role: Option<Role>,
    options: &Options,
    environment: &Environment,
    refusals: &Refusals,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let own = own(environment, role, SERVICE);
    let shared = shared(environment, SERVICE);
    let endpoint = first(&own, &["google_base_url"])
        .or(options.endpoint.as_deref())
        .or_else(|| first(&shared, &["google_base_url"]));
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in shared.iter().chain(&own) {
        if let Ok(key) = GoogleConfigKey::from_str(name) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    let store = builder
        .with_http_connector(Observed(refusals.clone()))
        .with_bucket_name(bucket)
        .with_client_options(client_options(endpoint))
        .with_retry(retries())
        .build()?;
    Ok(Arc::new(store))
}
