//! Opens `az://container/prefix` of the account `AZURE_STORAGE_ACCOUNT_NAME`, with credentials from
//! `AZURE_*` of the environment or from the machine's managed identity.

use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::options::{Options, client_options, first, own, shared};
use super::{Role, retries};
use crate::domain::Environment;
use crate::store::refusal::{Observed, Refusals};

const SERVICE: &str = "AZURE_";
const ENDPOINT: [&str; 2] = ["azure_storage_endpoint", "azure_endpoint"];

/// Opens a container without any request to it.
pub(super) fn open(
    container: &str,
    role: Option<Role>,
    options: &Options,
    environment: &Environment,
    refusals: &Refusals,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let own = own(environment, role, SERVICE);
    let shared = shared(environment, SERVICE);
    let endpoint = first(&own, &ENDPOINT)
        .or(options.endpoint.as_deref())
        .or_else(|| first(&shared, &ENDPOINT));
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in shared.iter().chain(&own) {
        if let Ok(key) = AzureConfigKey::from_str(name) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    // In Azure's app services this variable holds the address of the managed identity.
    if let Some(url) = environment.get("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(url);
    }
    let store = builder
        .with_http_connector(Observed(refusals.clone()))
        .with_container_name(container)
        .with_client_options(client_options(endpoint))
        .with_retry(retries())
        .build()?;
    Ok(Arc::new(store))
}
