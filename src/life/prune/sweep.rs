//! A **sweep** goes once through staging: it counts what is there, and deletes what goes, some at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::pruned::{Amount, KindTotals, Pruned, Reason, ReasonTotals};
use super::rule::Mode;
use crate::store::Store;
use crate::store::inventory::{self, Held};
use crate::store::layout::Kind;

/// Objects that are deleted at once.
const AT_ONCE: usize = 4000;
/// Keys that are named of objects that could not be deleted.
const NAMED: usize = 20;

/// One way through staging.
pub struct Sweep<'a> {
    staging: &'a Store,
    mode: Mode,
    kinds: BTreeMap<Kind, KindTotals>,
    reasons: BTreeMap<Reason, Amount>,
    /// The bytes of what stays, by the second from which it counts.
    by_second: BTreeMap<i64, u64>,
    going: Vec<(Kind, Reason, Held)>,
    not_ours: u64,
    failed: Vec<String>,
    failures: u64,
    first: Option<object_store::Error>,
}

impl<'a> Sweep<'a> {
    /// One that has seen nothing yet.
    pub fn new(staging: &'a Store, mode: Mode) -> Self {
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
    pub fn leave(&mut self) {
        self.not_ours += 1;
    }

    /// Takes an object that counts as written at `age`, and goes if there is a reason.
    pub async fn take(
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

    /// Deletes what has been taken and goes.
    pub async fn flush(&mut self) {
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

    /// Whether something that goes could not be deleted.
    pub fn has_failed(&self) -> bool {
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

    /// The time before which everything has to go so that no more than `keep` bytes stay; nothing if no more
    /// do. Nothing goes that was written at `newest` or since.
    pub fn too_old_for(&self, keep: u64, newest: DateTime<Utc>) -> Option<DateTime<Utc>> {
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

    /// What came of it.
    pub fn pruned(self, staging: String, keep_bytes: Option<u64>) -> Pruned {
        let sum = |amount: fn(&KindTotals) -> Amount| {
            self.kinds.values().map(amount).fold(Amount::default(), |sum, amount| Amount {
                files: sum.files + amount.files,
                bytes: sum.bytes + amount.bytes,
            })
        };
        let (held, pruned) = (sum(|kind| kind.held), sum(|kind| kind.pruned));
        let failures = self.failures;
        let first = self.failed.first().cloned().unwrap_or_default();
        let failure =
            self.first.map(|source| inventory::Error::Delete { failed: failures, first, source });
        let reason = |(reason, amount)| ReasonTotals { reason, amount };
        Pruned {
            staging,
            is_dry_run: self.mode == Mode::Show,
            left: Amount { files: held.files - pruned.files, bytes: held.bytes - pruned.bytes },
            held,
            pruned,
            kinds: self.kinds.into_values().collect(),
            reasons: self.reasons.into_iter().map(reason).collect(),
            keep_bytes,
            not_ours: self.not_ours,
            failed: self.failed,
            failure,
        }
    }
}
