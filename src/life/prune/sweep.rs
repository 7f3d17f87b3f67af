//! A **sweep** goes through staging once: it counts the objects, and deletes those that the judge says, many at a
//! time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::pruned::{Amount, KindTotals, Pruned, Reason, ReasonTotals};
use super::rule::Mode;
use crate::store::Store;
use crate::store::inventory::{self, Held};
use crate::store::layout::Kind;

/// How many objects are deleted at once.
const AT_ONCE: usize = 4000;
/// How many objects that could not be deleted are named.
const NAMED: usize = 20;

/// One pass through staging.
pub(super) struct Sweep<'a> {
    staging: &'a Store,
    mode: Mode,
    kinds: BTreeMap<Kind, KindTotals>,
    reasons: BTreeMap<Reason, Amount>,
    /// The bytes of kept objects, by the second of the time by which their age is judged.
    by_second: BTreeMap<i64, u64>,
    going: Vec<(Kind, Reason, Held)>,
    not_ours: u64,
    failed: Vec<String>,
    failures: u64,
    first: Option<object_store::Error>,
}

impl<'a> Sweep<'a> {
    /// Starts a sweep.
    pub(super) fn new(staging: &'a Store, mode: Mode) -> Self {
        Self {
            staging,
            mode,
            kinds: BTreeMap::new(),
            reasons: BTreeMap::new(),
            by_second: BTreeMap::new(),
            going: Vec::new(),
            not_ours: 0,
            failed: Vec::new(),
            failures: 0,
            first: None,
        }
    }

    /// Counts an object that is not ours.
    pub(super) fn leave(&mut self) {
        self.not_ours += 1;
    }

    /// Counts an object, and deletes it if there is a reason; `age` is the time by which its age is judged.
    pub(super) async fn take(
        &mut self,
        kind: Kind,
        held: Held,
        age: DateTime<Utc>,
        reason: Option<Reason>,
    ) {
        let totals = self.kind(kind);
        totals.held.add(held.size);
        totals.oldest = Some(totals.oldest.map_or(held.modified, |old| old.min(held.modified)));
        match reason {
            None => *self.by_second.entry(age.timestamp()).or_default() += held.size,
            Some(reason) => self.going.push((kind, reason, held)),
        }
        if self.going.len() >= AT_ONCE {
            self.flush().await;
        }
    }

    /// Deletes the objects that were collected to be deleted.
    pub(super) async fn flush(&mut self) {
        let going = std::mem::take(&mut self.going);
        let mut left = Default::default();
        if self.mode == Mode::Delete && !going.is_empty() {
            let objects: Vec<Held> = going.iter().map(|(_, _, held)| held.clone()).collect();
            let (failed, error) = inventory::delete(self.staging, &objects).await;
            self.first = self.first.take().or(error);
            left = failed.into_iter().collect::<BTreeSet<_>>();
        }
        for (kind, reason, held) in going {
            if left.contains(&held.location) {
                self.failures += 1;
                if self.failed.len() < NAMED {
                    self.failed.push(self.staging.key(&held.location));
                }
            } else {
                self.kind(kind).pruned.add(held.size);
                self.reasons.entry(reason).or_default().add(held.size);
            }
        }
    }

    /// Whether an object could not be deleted.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    fn kind(&mut self, kind: Kind) -> &mut KindTotals {
        let none = Amount::default();
        self.kinds.entry(kind).or_insert(KindTotals {
            kind,
            held: none,
            oldest: None,
            pruned: none,
        })
    }

    /// Returns the time before which all objects must be deleted so that at most `keep` bytes are left; `None` if
    /// there are no more bytes than that. Objects that were written at `newest` or later are not deleted.
    pub(super) fn too_old_for(&self, keep: u64, newest: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut bytes: u64 = self.by_second.values().sum();
        let mut before = None;
        for (second, held) in self.by_second.range(..newest.timestamp()) {
            if bytes <= keep {
                break;
            }
            bytes -= held;
            before = DateTime::from_timestamp(second + 1, 0);
        }
        before
    }

    /// Returns the result.
    pub(super) fn pruned(self, staging: String, keep_bytes: Option<u64>) -> Pruned {
        let held: Amount = self.kinds.values().map(|kind| kind.held).sum();
        let pruned: Amount = self.kinds.values().map(|kind| kind.pruned).sum();
        let failures = self.failures;
        let first = self.failed.first().cloned().unwrap_or_default();
        let failure =
            self.first.map(|source| inventory::Error::Delete { failed: failures, first, source });
        let reasons = self.reasons.into_iter();
        Pruned {
            staging,
            is_dry_run: self.mode == Mode::Show,
            left: Amount { files: held.files - pruned.files, bytes: held.bytes - pruned.bytes },
            held,
            pruned,
            kinds: self.kinds.into_values().collect(),
            reasons: reasons.map(|(reason, amount)| ReasonTotals { reason, amount }).collect(),
            keep_bytes,
            not_ours: self.not_ours,
            failed: self.failed,
            failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path as FilePath;

    use object_store::ObjectMeta;
    use object_store::path::Path;

    use super::*;
    use crate::domain::Environment;
    use crate::store::Place;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).expect("a time")
    }

    /// An object of ten bytes that was written at a second.
    fn held(second: i64) -> Held {
        Held::from(ObjectMeta {
            location: Path::from(format!("mirror/{second}")),
            last_modified: at(second),
            size: 10,
            e_tag: None,
            version: None,
        })
    }

    fn staging() -> Store {
        let place = Place::parse("s3://staging", FilePath::new("/"), None).expect("a place");
        place.open(&Environment::default()).expect("a store")
    }

    #[tokio::test]
    async fn the_oldest_are_too_much_until_few_enough_bytes_are_left() {
        let staging = staging();
        let mut sweep = Sweep::new(&staging, Mode::Show);
        for second in [30, 10, 20] {
            sweep.take(Kind::Mirrors, held(second), at(second), None).await;
        }
        sweep.take(Kind::Mirrors, held(5), at(5), Some(Reason::Outdated)).await;
        assert_eq!(sweep.too_old_for(30, at(100)), None, "what is deleted anyway does not count");
        assert_eq!(sweep.too_old_for(29, at(100)), Some(at(11)));
        assert_eq!(sweep.too_old_for(10, at(100)), Some(at(21)));
        // What was written since is not deleted, even if more is left than there should be.
        assert_eq!(sweep.too_old_for(0, at(20)), Some(at(11)));
    }

    #[tokio::test]
    async fn what_would_be_deleted_is_counted_by_kind_and_reason() {
        let staging = staging();
        let mut sweep = Sweep::new(&staging, Mode::Show);
        sweep.take(Kind::Mirrors, held(10), at(10), Some(Reason::Outdated)).await;
        sweep.take(Kind::Mirrors, held(20), at(20), None).await;
        sweep.take(Kind::Runs, held(30), at(30), Some(Reason::Old)).await;
        sweep.leave();
        sweep.flush().await;
        let pruned = sweep.pruned("s3://staging".to_owned(), None);
        assert!(pruned.is_dry_run && pruned.failure.is_none());
        assert_eq!(pruned.held, Amount { files: 3, bytes: 30 });
        assert_eq!(pruned.pruned, Amount { files: 2, bytes: 20 });
        assert_eq!(pruned.left, Amount { files: 1, bytes: 10 });
        assert_eq!((pruned.not_ours, pruned.reasons.len()), (1, 2));
        assert_eq!((pruned.kinds[0].kind, pruned.kinds[0].oldest), (Kind::Mirrors, Some(at(10))));
    }
}
