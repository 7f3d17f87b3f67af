//! What is **unread**, by reason: the keys under a prefix that are not a file of the dataset, and the files that cannot
//! be used. Every one is reported.

use serde::Serialize;

use crate::look::drift::Drift;
use crate::look::drift::calendar::{Oddity, Seen};
use crate::printable::{few, grouped};
use crate::source::Ignored;

/// Keys that are not read for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Why.
    pub reason: String,
    /// The keys, below the source URL.
    pub keys: Vec<String>,
}

/// The keys that are not a file of the dataset, and its files that cannot be read. Each reason comes once, that of most
/// keys first.
pub fn unread(ignored: &[Ignored], drift: &Drift) -> Vec<Unread> {
    let mut all: Vec<Unread> = Vec::new();
    for Ignored { key, reason, .. } in ignored {
        add(&mut all, &reason.to_string(), key);
    }
    for oddity in &drift.oddities {
        if let Oddity::Seen(Seen::Unreadable { key, reason, .. }) = oddity {
            add(&mut all, reason, key);
        }
    }
    all.sort_by_key(|unread| std::cmp::Reverse(unread.keys.len()));
    all
}

fn add(all: &mut Vec<Unread>, reason: &str, key: &str) {
    match all.iter_mut().find(|unread| unread.reason == reason) {
        Some(unread) => unread.keys.push(key.to_owned()),
        None => all.push(Unread { reason: reason.to_owned(), keys: vec![key.to_owned()] }),
    }
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, keys) = (grouped(self.keys.len() as u64), few(&self.keys));
        write!(f, "not read: {count} key(s), {}: {keys}", self.reason)
    }
}
