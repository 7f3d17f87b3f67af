//! The **judge** decides for each object of staging whether it is deleted, and why.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::needed::{Needed, NeededOfDataset};
use super::pruned::Reason;
use super::rule::{Rule, days_before};
use crate::error::Error;
use crate::stage;
use crate::store::Store;
use crate::store::inventory::{self, Held};
use crate::store::layout::{self, Key, Kind};

/// Decides what is deleted.
pub(super) struct Judge {
    needed: Needed,
    /// Objects that no run will use are deleted if they were written before this time.
    useless_before: DateTime<Utc>,
    /// All objects that were written before this time are deleted, because they are too old.
    old_before: Option<DateTime<Utc>>,
    /// All objects that were written before this time are deleted, because there are too many bytes.
    surplus_before: Option<DateTime<Utc>>,
    /// No object that was written after this time is deleted.
    newest: DateTime<Utc>,
    /// When each kept mirror was written, by dataset, date and name.
    kept: HashMap<String, DateTime<Utc>>,
    /// Whether some mirrors could not be deleted: then no rejects are deleted.
    has_stuck_mirrors: bool,
    /// Dataset, date and stem of the kept mirrors.
    stems: HashSet<String>,
}

impl Judge {
    /// Starts with what is needed and the rule.
    pub(super) fn new(needed: Needed, rule: Rule, now: DateTime<Utc>) -> Self {
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

    /// Deletes all objects that were written before a time, because there are too many bytes.
    pub(super) fn limit(&mut self, before: Option<DateTime<Utc>>) {
        self.surplus_before = before;
    }

    /// The time after which no object is deleted.
    pub(super) fn newest_to_delete(&self) -> DateTime<Utc> {
        self.newest
    }

    /// Forgets which mirrors are kept, before staging is swept again.
    pub(super) fn begin(&mut self) {
        self.kept.clear();
        self.stems.clear();
    }

    /// Keeps all rejects, because some of their mirrors are still there.
    pub(super) fn keep_rejects(&mut self) {
        self.has_stuck_mirrors = true;
    }

    /// Returns the time by which the age of an object is judged, and why it is deleted, if it is. Mirrors must be
    /// judged before the objects that belong to them.
    pub(super) fn judge(&mut self, key: &Key, held: &Held) -> (DateTime<Utc>, Option<Reason>) {
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

    /// Returns why an object that a killed write has left is deleted, if it is.
    pub(super) fn judge_leftover(&self, key: &Key, held: &Held) -> Option<Reason> {
        (key.is_leftover && held.modified < self.useless_before).then_some(Reason::Leftover)
    }

    /// Returns why an area of staged rows is deleted, if it is.
    ///
    /// # Errors
    /// [`Error`] if its manifest cannot be read.
    pub(super) async fn judge_area(
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
        if self.old_before.is_some_and(|time| written < time) {
            Some(Reason::Old)
        } else if self.surplus_before.is_some_and(|time| written < time) {
            Some(Reason::Surplus)
        } else {
            None
        }
    }

    /// Whether a run would make another mirror today, or none.
    fn is_outdated_mirror(&self, key: &Key, held: &Held) -> bool {
        let mirrors =
            self.needed.of_dataset(&key.dataset).and_then(|needed| needed.mirrors.as_ref());
        mirrors.is_some_and(|mirrors| !mirrors.contains(&held.location))
    }

    /// Whether rows were staged with other SQL, by another version of the program, or from an outdated mirror: a
    /// run would stage them with another fingerprint today.
    async fn is_outdated_area(&self, staging: &Store, area: &[(Key, Held)]) -> Result<bool, Error> {
        let dataset = area.first().map(|(key, _)| key.dataset.as_str()).unwrap_or_default();
        let Some(needed) = self.needed.of_dataset(dataset) else { return Ok(false) };
        if area.iter().any(|(key, _)| is_of_outdated_mirror(staging, needed, key)) {
            return Ok(true);
        }
        let manifest = area.iter().find(|(key, _)| key.date.is_none() && !key.is_leftover);
        let (Some((_, manifest)), Some(sql_hash)) = (manifest, &needed.sql_hash) else {
            return Ok(false);
        };
        let text = read(staging, manifest).await?;
        Ok(text.is_some_and(|text| !stage::is_of_today(&text, sql_hash)))
    }
}

/// Whether a staged file was made from a mirror that no run would use today.
fn is_of_outdated_mirror(staging: &Store, needed: &NeededOfDataset, key: &Key) -> bool {
    let (Some(mirrors), Some(date)) = (&needed.mirrors, key.date) else { return false };
    !mirrors.contains(&staging.path(&layout::mirror(&key.dataset, date, &key.name)))
}

/// Reads a small object; `None` if it is gone.
async fn read(staging: &Store, held: &Held) -> Result<Option<Bytes>, Error> {
    match get(&*staging.objects, &held.location).await {
        Ok(content) => Ok(Some(content)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => {
            let place = staging.key(&held.location);
            Err(inventory::Error::List { place, source }.into())
        }
    }
}

async fn get(objects: &dyn ObjectStore, location: &Path) -> object_store::Result<Bytes> {
    objects.get(location).await?.bytes().await
}

/// Returns the name that the objects of one source file have in common, whatever their kind.
fn name(key: &Key, name: &str) -> String {
    let date = key.date.map(|date| date.to_string()).unwrap_or_default();
    format!("{}/{date}/{name}", key.dataset)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use object_store::ObjectMeta;

    use super::*;

    const MIRROR: &str = "mirror/people/_file_date=2025-09-22/x-0123456789abcdef.parquet";
    const OTHER: &str = "mirror/people/_file_date=2025-09-22/y-0123456789abcdef.parquet";
    const REJECTS: &str = "rejects/people/_file_date=2025-09-22/x-0123456789abcdef.parquet";
    const PROFILE: &str = "profiles/people/_file_date=2025-09-22/x-fedcba9876543210.json";
    const RUN: &str = "runs/20250922T093000123-0abc/people/accounting.json";

    fn now() -> DateTime<Utc> {
        "2025-10-01T00:00:00Z".parse().expect("a time")
    }

    /// A judge who knows that runs would use one mirror of `people`.
    fn judge(rule: Rule) -> Judge {
        let mirrors = Some(HashSet::from([Path::from(MIRROR)]));
        let people = NeededOfDataset { mirrors, sql_hash: None };
        Judge::new(Needed { datasets: HashMap::from([("people".to_owned(), people)]) }, rule, now())
    }

    /// Judges an object that was written some hours ago.
    fn reason(judge: &mut Judge, key: &str, hours: i64) -> Option<Reason> {
        let held = Held::from(ObjectMeta {
            location: Path::from(key),
            last_modified: now() - TimeDelta::hours(hours),
            size: 1,
            e_tag: None,
            version: None,
        });
        judge.judge(&Key::read(key).expect("ours"), &held).1
    }

    #[test]
    fn only_what_no_run_will_use_is_deleted_and_nothing_newer_than_a_day() {
        let mut judge = judge(Rule::default());
        assert_eq!(reason(&mut judge, MIRROR, 1000), None);
        assert_eq!(reason(&mut judge, OTHER, 1000), Some(Reason::Outdated));
        assert_eq!(reason(&mut judge, OTHER, 23), None);
        assert_eq!(reason(&mut judge, RUN, 1000), None);
        assert_eq!(reason(&mut judge, &format!("{MIRROR}#7"), 25), Some(Reason::Leftover));
        assert_eq!(reason(&mut judge, &format!("{MIRROR}#7"), 23), None);
    }

    #[test]
    fn what_belongs_to_a_mirror_is_kept_with_it() {
        let mut kept = judge(Rule::default());
        reason(&mut kept, MIRROR, 1000);
        assert_eq!(reason(&mut kept, REJECTS, 1000), None);
        assert_eq!(reason(&mut kept, PROFILE, 1000), None);

        let mut gone = judge(Rule::default());
        reason(&mut gone, OTHER, 1000);
        assert_eq!(reason(&mut gone, REJECTS, 1000), Some(Reason::Outdated));
        assert_eq!(reason(&mut gone, PROFILE, 1000), Some(Reason::Outdated));

        // A mirror that could not be deleted keeps all rejects.
        gone.keep_rejects();
        assert_eq!(reason(&mut gone, REJECTS, 1000), None);
    }

    #[test]
    fn what_is_too_old_or_too_much_is_deleted_even_if_it_is_needed() {
        let mut judge = judge(Rule { older_than_days: Some(10), keep_bytes: None });
        assert_eq!(reason(&mut judge, MIRROR, 241), Some(Reason::Old));
        assert_eq!(reason(&mut judge, MIRROR, 239), None);
        assert_eq!(reason(&mut judge, OTHER, 239), None, "the rule's age counts for all");
        judge.limit(Some(now() - TimeDelta::hours(100)));
        assert_eq!(reason(&mut judge, RUN, 101), Some(Reason::Surplus));
        assert_eq!(reason(&mut judge, RUN, 99), None);
    }
}
