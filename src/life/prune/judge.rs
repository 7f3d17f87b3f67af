//! The **judge** says of each object of staging whether it goes, and why.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use object_store::ObjectStoreExt;

use super::needed::{Needed, NeededOfDataset};
use super::pruned::Reason;
use super::rule::{Rule, days_before};
use crate::error::Error;
use crate::stage;
use crate::store::Store;
use crate::store::inventory::{self, Held};
use crate::store::layout::{self, Key, Kind};

/// Says what goes.
pub struct Judge {
    needed: Needed,
    /// What no run will use goes if it was written before.
    useless_before: DateTime<Utc>,
    /// Whatever was written before goes, if there is such a time.
    old_before: Option<DateTime<Utc>>,
    /// Whatever was written before goes, because there is too much.
    surplus_before: Option<DateTime<Utc>>,
    /// Nothing that was written since goes.
    newest: DateTime<Utc>,
    /// When the mirrors that stay were written, by dataset, date and name.
    kept: HashMap<String, DateTime<Utc>>,
    /// Whether mirrors that were to go could not be deleted: then no rejects go.
    has_stuck_mirrors: bool,
    /// Dataset, date and stem of these.
    stems: HashSet<String>,
}

impl Judge {
    /// A judge who knows what is needed.
    pub fn new(needed: Needed, rule: Rule, now: DateTime<Utc>) -> Self {
        let day_ago = days_before(now, 1);
        let old_before = rule.older_than_days.map(|days| days_before(now, days).min(day_ago));
        Self {
            needed,
            useless_before: old_before.unwrap_or(day_ago),
            old_before,
            surplus_before: None,
            newest: day_ago,
            kept: HashMap::new(),
            has_stuck_mirrors: false,
            stems: HashSet::new(),
        }
    }

    /// Has everything go that was written before a time, because there is too much.
    pub fn limit(&mut self, before: Option<DateTime<Utc>>) {
        self.surplus_before = before;
    }

    /// Nothing goes that was written since.
    pub fn newest_to_delete(&self) -> DateTime<Utc> {
        self.newest
    }

    /// Forgets which mirrors stay.
    pub fn begin(&mut self) {
        self.kept.clear();
        self.stems.clear();
    }

    /// Has no rejects go, because some of their mirrors are still there.
    pub fn keep_rejects(&mut self) {
        self.has_stuck_mirrors = true;
    }

    /// How old an object counts, and why it goes, if it does. Mirrors are to be judged before what belongs to
    /// them.
    pub fn judge(&mut self, key: &Key, held: &Held) -> (DateTime<Utc>, Option<Reason>) {
        let written = held.modified;
        if key.is_leftover {
            return (written, self.judge_leftover(key, held));
        }
        match key.kind {
            Kind::Mirrors => {
                let reason = self.by_use(written, self.is_outdated_mirror(key, held));
                if reason.is_none() {
                    self.stems.insert(name(key, key.stem()));
                    self.kept.insert(name(key, &key.name), written);
                }
                (written, reason)
            }
            Kind::Rejects => match self.kept.get(&name(key, &key.name)) {
                Some(mirror) => (*mirror, None),
                None if self.has_stuck_mirrors => (written, None),
                None => (written, self.by_use(written, true)),
            },
            Kind::Profiles => {
                let is_outdated = !self.stems.contains(&name(key, key.stem()));
                (written, self.by_use(written, is_outdated))
            }
            Kind::Staged | Kind::Runs => (written, self.by_age(written)),
        }
    }

    /// Why what a killed write has left goes, if it does.
    pub fn judge_leftover(&self, key: &Key, held: &Held) -> Option<Reason> {
        (key.is_leftover && held.modified < self.useless_before).then_some(Reason::Leftover)
    }

    /// Why an area of staged rows goes, if it does.
    ///
    /// # Errors
    /// [`Error`] if its manifest cannot be read.
    pub async fn judge_area(
        &self,
        staging: &Store,
        area: &[(Key, Held)],
        newest: DateTime<Utc>,
    ) -> Result<Option<Reason>, Error> {
        let is_young = newest >= self.useless_before;
        let is_outdated = !is_young && self.is_outdated_area(staging, area).await?;
        Ok(self.by_use(newest, is_outdated))
    }

    fn by_use(&self, written: DateTime<Utc>, is_outdated: bool) -> Option<Reason> {
        let is_useless = is_outdated && written < self.useless_before;
        self.by_age(written).or(is_useless.then_some(Reason::Outdated))
    }

    fn by_age(&self, written: DateTime<Utc>) -> Option<Reason> {
        let is_before = |time: Option<DateTime<Utc>>| time.is_some_and(|time| written < time);
        match (is_before(self.old_before), is_before(self.surplus_before)) {
            (true, _) => Some(Reason::Old),
            (false, true) => Some(Reason::Surplus),
            (false, false) => None,
        }
    }

    /// Whether a run of today would make another mirror, or none.
    fn is_outdated_mirror(&self, key: &Key, held: &Held) -> bool {
        let mirrors =
            self.needed.of_dataset(&key.dataset).and_then(|needed| needed.mirrors.as_ref());
        mirrors.is_some_and(|mirrors| !mirrors.contains(&held.location))
    }

    /// Whether rows are staged with another SQL, by another version of the program, or from a mirror that is
    /// outdated: then they have another fingerprint today.
    async fn is_outdated_area(&self, staging: &Store, area: &[(Key, Held)]) -> Result<bool, Error> {
        let dataset = area.first().map(|(key, _)| key.dataset.as_str()).unwrap_or_default();
        let Some(needed) = self.needed.of_dataset(dataset) else { return Ok(false) };
        if area.iter().any(|(key, _)| is_of_outdated_mirror(staging, needed, key)) {
            return Ok(true);
        }
        let is_manifest = |(key, _): &&(Key, Held)| key.date.is_none() && !key.is_leftover;
        let manifest = area.iter().find(is_manifest);
        let (Some((_, manifest)), Some(sql_hash)) = (manifest, &needed.sql_hash) else {
            return Ok(false);
        };
        let text = read(staging, manifest).await?;
        Ok(text.is_some_and(|text| !stage::is_of_today(&text, sql_hash)))
    }
}

/// Whether a staged file was made of a mirror that no run of today would use.
fn is_of_outdated_mirror(staging: &Store, needed: &NeededOfDataset, key: &Key) -> bool {
    let (Some(mirrors), Some(date)) = (&needed.mirrors, key.date) else { return false };
    !mirrors.contains(&staging.path(&layout::mirror(&key.dataset, date, &key.name)))
}

/// The content of a small object; nothing if it is gone.
async fn read(staging: &Store, held: &Held) -> Result<Option<bytes::Bytes>, Error> {
    let failed =
        |source| Error::from(inventory::Error::List { place: staging.key(&held.location), source });
    let answer = match staging.objects.get(&held.location).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        answer => answer.map_err(failed)?,
    };
    answer.bytes().await.map(Some).map_err(failed)
}

/// What is known of a source file by the keys of all kinds of objects that belong to it.
fn name(key: &Key, name: &str) -> String {
    let date = key.date.map(|date| date.to_string()).unwrap_or_default();
    format!("{}/{date}/{name}", key.dataset)
}
