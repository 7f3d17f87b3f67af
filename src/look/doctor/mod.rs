//! The **doctor** examines everything that a run needs before it is needed: the source, staging, the database, the
//! references, and of each dataset its files, its SQL and its target.
//!
//! It does not stop at the first failure: a check that depends on something that failed is skipped, with the reason.
//! It leaves nothing behind: the object that it writes to staging is deleted, and in the database everything happens
//! in transactions that are rolled back.

mod checklist;
mod database;
mod files;
mod fits;
mod found;
mod protection;
mod reach;
mod references;
mod server;
mod source;
mod staging;
mod target;
mod uploads;

use crate::config::Config;
use crate::domain::{Environment, Explain};
use crate::engine::Engine;
use crate::progress::Listener;
use crate::source::Listing;
use crate::store::Store;
use crate::target::Database;

pub use checklist::{Area, Diagnosis, HealthCheck, State};
pub use uploads::OldUploads;

/// What the checks of the datasets need; `None` for what cannot be used.
struct Means {
    config: Config,
    source: Option<Store>,
    engine: Option<Engine>,
    database: Option<UsableDatabase>,
    progress: Listener,
}

/// A database that can be asked.
struct UsableDatabase {
    database: Database,
    is_writable: bool,
}

/// Examines everything; `old_uploads` says whether old unfinished uploads in staging are counted or aborted.
pub async fn doctor(
    config: &Config,
    environment: &Environment,
    progress: Listener,
    old_uploads: OldUploads,
) -> Diagnosis {
    let (source, listings, mut checks) = source::examine(config, environment).await;
    let bytes = listings.iter().flatten().map(bytes_of).sum();
    let (staging, of_staging) = staging::examine(config, environment, bytes, old_uploads).await;
    checks.extend(of_staging);
    let (database, of_database) = database::examine(config, environment).await;
    checks.extend(of_database);
    checks.extend(references::examine(config, environment).await);
    let engine = staging.and_then(|staging| Engine::new(&staging, config.limits).ok());
    let means = Means { config: config.clone(), source, engine, database, progress };
    for (dataset, listing) in config.datasets.iter().zip(listings) {
        let (sql, headers, of_files) = files::examine(&means, dataset, listing.as_ref()).await;
        checks.extend(of_files);
        let (catalog, of_sql) = fits::examine(&means, dataset, sql, &headers).await;
        checks.extend(of_sql);
        checks.extend(target::examine(&means, dataset, catalog.as_ref()).await);
    }
    Diagnosis::of(checks)
}

fn bytes_of(listing: &Listing) -> u64 {
    listing.files.iter().map(|file| file.identity.size).sum()
}

/// An error as one sentence with its cause, and what to do next.
fn explained(error: &impl Explain) -> (String, String) {
    let mut found = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let text = current.to_string();
        cause = current.source();
        // Many libraries repeat the cause of an error in its text, so only the last cause is added, if it is new.
        if cause.is_none() && !found.contains(&text) {
            found = format!("{found}: {text}");
        }
    }
    let next = error.hint().unwrap_or_else(|| "run again with RUST_LOG=debug".to_owned());
    (found, next)
}
