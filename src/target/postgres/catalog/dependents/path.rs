//! The **path** from a table to a dependent: what stands between them.

use std::collections::VecDeque;

use super::{How, Link, Web};

/// A dependent, and how it is reached from the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its place among the objects.
    pub place: usize,
    /// How it uses the object before it on the path.
    pub how: How,
    /// The places of the objects in between, the nearest to the table first.
    pub through: Vec<usize>,
    /// Whether the catalog knows the whole path.
    pub is_certain: bool,
}

/// The link by which an object is reached first, and whether the catalog knows the whole path up to it.
type Arrival = (Link, bool);

impl Web {
    /// Finds everything that depends on a table, each by a shortest path; by one that the catalog knows, if there is
    /// one.
    pub fn reached(&self, table: usize) -> Vec<Reached> {
        let after = self.links_after();
        let mut arrivals: Vec<Option<Arrival>> = vec![None; self.objects.len()];
        let mut order = vec![table];
        for allowed in [How::is_certain as fn(How) -> bool, |_| true] {
            let is_certain = !allowed(How::Text);
            let mut waiting: VecDeque<usize> = order.iter().copied().collect();
            while let Some(place) = waiting.pop_front() {
                for link in after[place].iter().filter(|link| allowed(link.how)) {
                    if link.to != table && arrivals[link.to].is_none() {
                        arrivals[link.to] = Some((*link, is_certain));
                        order.push(link.to);
                        waiting.push_back(link.to);
                    }
                }
            }
        }
        order.into_iter().filter_map(|place| reached_by(&arrivals, place, table)).collect()
    }

    /// Returns the links from each object to what uses it.
    pub(super) fn links_after(&self) -> Vec<Vec<Link>> {
        let mut after = vec![Vec::new(); self.objects.len()];
        for link in &self.links {
            after[link.from].push(*link);
        }
        after
    }
}

/// Describes how an object is reached from a table; `None` if it is not.
fn reached_by(arrivals: &[Option<Arrival>], place: usize, table: usize) -> Option<Reached> {
    let (link, is_certain) = arrivals[place]?;
    let through = path(arrivals, link.from, table);
    Some(Reached { place, how: link.how, through, is_certain })
}

/// Returns the places from the table to `place`, without the table.
fn path(arrivals: &[Option<Arrival>], place: usize, table: usize) -> Vec<usize> {
    let mut path = Vec::new();
    let mut next = place;
    while next != table {
        path.push(next);
        match arrivals[next] {
            Some((link, _)) => next = link.from,
            None => break,
        }
    }
    path.reverse();
    path
}
