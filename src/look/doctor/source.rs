//! The **source**: whether it can be reached and listed.

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

/// The check that lists the prefixes of the datasets.
const LIST: &str = "source-list";

/// Opens the source and lists the files of every dataset; `None` for a listing that failed.
pub(super) async fn examine(
    config: &Config,
    environment: &Environment,
) -> (Option<Store>, Vec<Option<Listing>>, Vec<HealthCheck>) {
    let mut list = Checklist::new(Area::Source, config.source.to_string());
    let store = match config.source.open(environment) {
        Ok(store) => store,
        Err(error) => {
            let next = error.hint().unwrap_or_default();
            list.failed(IDS.credentials, error.to_string(), next);
            list.skipped(LIST, "the source cannot be opened");
            return (None, vec![None; config.datasets.len()], list.checks);
        }
    };
    let (listings, refused) = list_all(config, &store).await;
    add_listing(&mut list, &store, refused);
    (Some(store), listings, list.checks)
}

/// A listing that was refused.
struct Refused {
    /// The prefix that was listed.
    place: String,
    error: object_store::Error,
    /// What the store answered.
    answer: store::Answer,
}

impl Refused {
    /// Whether other prefixes may be listed all the same: only a right for this prefix is missing.
    fn is_about_the_prefix(&self) -> bool {
        matches!(self.error, object_store::Error::PermissionDenied { .. })
    }
}

/// Lists the files of every dataset; also returns the first listing that was refused. Stops if the store does not
/// answer.
async fn list_all(config: &Config, store: &Store) -> (Vec<Option<Listing>>, Option<Refused>) {
    let count = config.datasets.len();
    if let Some(dataset) = config.datasets.first().filter(|_| store.folder().is_none()) {
        let prefix = store.path(&dataset.prefix);
        let first = async { store.objects.list(Some(&prefix)).next().await.transpose() };
        match within_patience(first).await {
            Err(error) if store.last_answer().status == 0 => {
                let place = store.display(&dataset.prefix);
                let refused = Refused { place, error, answer: store.last_answer() };
                return (vec![None; count], Some(refused));
            }
            _ => {}
        }
    }
    let mut listings = Vec::new();
    let mut refused: Option<Refused> = None;
    for dataset in &config.datasets {
        // If the store cannot be reached for one prefix, others would only wait as long and fail too.
        if refused.as_ref().is_some_and(|refused| !refused.is_about_the_prefix()) {
            listings.push(None);
            continue;
        }
        match source::history(store, dataset).await {
            Ok(listing) => listings.push(Some(listing)),
            Err(error) => {
                listings.push(None);
                if let source::Error::List { place, source } = error {
                    let answer = store.last_answer();
                    refused.get_or_insert(Refused { place, error: source, answer });
                }
            }
        }
    }
    (listings, refused)
}

fn add_listing(list: &mut Checklist, store: &Store, refused: Option<Refused>) {
    let error = refused.as_ref().map(|refused| &refused.error);
    match (add_steps(list, &IDS, store, error), refused) {
        (false, _) => list.skipped(LIST, "the source cannot be reached"),
        (true, None) => list.passed(LIST, "the prefixes of all datasets can be listed"),
        (true, Some(refused)) => {
            list.subject = refused.place;
            let found = format!("the prefix cannot be listed: {}", answered(&refused.answer));
            let next = match refused.error {
                object_store::Error::PermissionDenied { .. } => {
                    "grant s3:ListBucket on the bucket for this prefix (or the provider's equivalent)"
                        .to_owned()
                }
                error => store::hint(&error),
            };
            list.failed(LIST, found, next);
        }
    }
}
