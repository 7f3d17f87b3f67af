//! The **source**: that it can be reached and listed.

use futures::StreamExt;

use super::checklist::{Area, Checklist, HealthCheck};
use super::reach::{Ids, add_steps, answered, within_patience};
use crate::config::Config;
use crate::domain::{Environment, Explain};
use crate::source::{self, Listing};
use crate::store::{self, Store};

const IDS: Ids = Ids {
    answers: "source-reachable",
    clock: "source-clock",
    credentials: "source-credentials",
    region: "source-region",
    bucket: "source-bucket",
    region_key: "source.region",
};

/// Opens the source and lists the files of every dataset; a listing that failed is `None`.
pub async fn examine(
    config: &Config,
    environment: &Environment,
) -> (Option<Store>, Vec<Option<Listing>>, Vec<HealthCheck>) {
    let mut list = Checklist::new(Area::Source, config.source.to_string());
    let store = match config.source.open(environment) {
        Ok(store) => store,
        Err(error) => {
            let next = error.hint().unwrap_or_default();
            list.failed(IDS.credentials, error.to_string(), next);
            list.skipped("source-list", "the source cannot be opened");
            return (None, vec![None; config.datasets.len()], list.checks);
        }
    };
    let (listings, refused) = list_all(config, &store).await;
    add_listing(&mut list, &store, refused);
    (Some(store), listings, list.checks)
}

/// A listing that was refused: of which place, why, and what the store answered.
type Refused = (String, object_store::Error, store::Answer);

/// Lists the files of every dataset, unless the store does not answer.
async fn list_all(config: &Config, store: &Store) -> (Vec<Option<Listing>>, Option<Refused>) {
    let count = config.datasets.len();
    if let Some(dataset) = config.datasets.first().filter(|_| store.folder().is_none()) {
        let prefix = store.path(&dataset.prefix);
        let first = async { store.objects.list(Some(&prefix)).next().await.transpose() };
        match within_patience(first).await {
            Err(error) if store.last_answer().status == 0 => {
                let place = store.display(&dataset.prefix);
                return (vec![None; count], Some((place, error, store.last_answer())));
            }
            _ => {}
        }
    }
    let mut listings = Vec::new();
    let mut refused = None;
    for dataset in &config.datasets {
        // What one prefix does not reach, another will not: each would wait as long.
        let listing = match &refused {
            Some((_, false)) => None,
            _ => match source::history(store, dataset).await {
                Ok(listing) => Some(listing),
                Err(source::Error::List { place, source }) => {
                    let is_right = matches!(source, object_store::Error::PermissionDenied { .. });
                    refused = refused.or(Some(((place, source, store.last_answer()), is_right)));
                    None
                }
                Err(_) => None,
            },
        };
        listings.push(listing);
    }
    (listings, refused.map(|(refused, _)| refused))
}

fn add_listing(list: &mut Checklist, store: &Store, refused: Option<Refused>) {
    let error = refused.as_ref().map(|(_, error, _)| error);
    match (add_steps(list, &IDS, store, error), refused) {
        (false, _) => list.skipped("source-list", "the source cannot be reached"),
        (true, None) => list.passed("source-list", "the prefixes of all datasets can be listed"),
        (true, Some((place, error, answer))) => {
            list.subject = place;
            let found = format!("the prefix cannot be listed: {}", answered(&answer));
            let next = match error {
                object_store::Error::PermissionDenied { .. } => {
                    "grant s3:ListBucket on the bucket for this prefix (or the provider's right to list)"
                        .to_owned()
                }
                error => store::hint(&error),
            };
            list.failed("source-list", found, next);
        }
    }
}
