//! The **order** in which materialized views are refreshed: one that reads another comes after it.

use std::collections::{BTreeSet, VecDeque};

use super::{How, Link, Object, ObjectKind, Web};

/// A materialized view that depends on tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaterializedView {
    /// Its name, quoted if it must be.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Whether this user may refresh it.
    pub may_refresh: bool,
    /// Why its readers have to wait while it is refreshed; `None` if they need not.
    pub why_readers_wait: Option<&'static str>,
    /// The numbers of the tables that it depends on.
    pub tables: Vec<usize>,
    /// The materialized views that it reads, by their numbers in the order; through plain views as well.
    pub reads: Vec<usize>,
}

impl MaterializedView {
    fn of(object: &Object, tables: Vec<usize>, reads: Vec<usize>) -> Self {
        let relation = object.relation.as_ref();
        Self {
            name: object.name.clone(),
            owner: relation.map(|relation| relation.owner.clone()).unwrap_or_default(),
            may_refresh: relation.is_some_and(|relation| relation.may_refresh),
            why_readers_wait: why_readers_wait(object),
            tables,
            reads,
        }
    }

    /// Returns the statement that refreshes it.
    pub fn statement(&self) -> String {
        let beside = if self.why_readers_wait.is_none() { " CONCURRENTLY" } else { "" };
        format!("REFRESH MATERIALIZED VIEW{beside} {}", self.name)
    }
}

/// Says why readers have to wait while a materialized view is refreshed; `None` if they need not.
fn why_readers_wait(object: &Object) -> Option<&'static str> {
    let has_key = object.relation.as_ref().is_some_and(|relation| relation.has_key);
    match (object.is_filled(), has_key) {
        (false, _) => Some("it has never been filled"),
        (true, false) => Some("it has no unique index over plain columns without a condition"),
        (true, true) => None,
    }
}

impl Web {
    /// Returns the materialized views that depend on the tables, each after those that it reads.
    pub fn materialized_views(&self) -> Vec<MaterializedView> {
        let mut order = self.in_order();
        order.retain(|place| self.objects[*place].kind == ObjectKind::MaterializedView);
        let mut number = vec![None; self.objects.len()];
        for (index, place) in order.iter().enumerate() {
            number[*place] = Some(index);
        }
        let tables = self.tables_of_each();
        let before = self.links_before();
        let mut views = Vec::with_capacity(order.len());
        for place in order {
            let reads = nearest(place, &before, &number);
            views.push(MaterializedView::of(&self.objects[place], tables[place].clone(), reads));
        }
        views
    }

    /// Returns what each object uses, as far as the catalog knows.
    fn links_before(&self) -> Vec<Vec<usize>> {
        let mut before = vec![Vec::new(); self.objects.len()];
        for link in self.links.iter().filter(|link| link.how.is_certain()) {
            before[link.to].push(link.from);
        }
        before
    }

    /// Returns the numbers of the tables that each object depends on.
    fn tables_of_each(&self) -> Vec<Vec<usize>> {
        let mut tables = vec![Vec::new(); self.objects.len()];
        for (number, table) in self.tables.iter().enumerate() {
            let Some(table) = table else { continue };
            for reached in self.reached(*table) {
                tables[reached.place].push(number);
            }
        }
        tables
    }

    /// Returns all objects, each after what it uses. If objects use each other in a circle, one of them comes first.
    /// A link that only the text of a function has does not delay an object if the catalog knows nothing else that
    /// it waits for.
    pub fn in_order(&self) -> Vec<usize> {
        let after = self.links_after();
        let mut waits = Waits::of(self.objects.len(), &self.links);
        let mut order = Vec::with_capacity(self.objects.len());
        while let Some(place) = waits.next() {
            order.push(place);
            for link in &after[place] {
                waits.release(link);
            }
        }
        order
    }
}

/// Returns the materialized views that an object reads, though not through another one; by their numbers.
fn nearest(place: usize, before: &[Vec<usize>], number: &[Option<usize>]) -> Vec<usize> {
    let (mut seen, mut found) = (BTreeSet::from([place]), BTreeSet::new());
    let mut waiting = VecDeque::from([place]);
    while let Some(next) = waiting.pop_front() {
        for from in before[next].iter().filter(|from| **from != place) {
            if !seen.insert(*from) {
                continue;
            }
            match number[*from] {
                Some(number) => drop(found.insert(number)),
                None => waiting.push_back(*from),
            }
        }
    }
    // In a circle nothing is read before itself.
    let own = number[place];
    found.into_iter().filter(|number| Some(*number) < own).collect()
}

/// How many objects each object still waits for.
struct Waits {
    /// For each object: how many of those are known to the catalog, and how many there are.
    counts: Vec<(usize, usize)>,
    /// The objects that are not in the order yet, by what they wait for.
    left: BTreeSet<(bool, bool, usize)>,
}

impl Waits {
    fn of(objects: usize, links: &[Link]) -> Self {
        let mut counts = vec![(0, 0); objects];
        for link in links {
            counts[link.to].0 += usize::from(link.how != How::Text);
            counts[link.to].1 += 1;
        }
        let left = (0..objects).map(|place| key(&counts, place)).collect();
        Self { counts, left }
    }

    /// Takes the next object: one that waits for none, or else for none that the catalog knows, or else any.
    fn next(&mut self) -> Option<usize> {
        self.left.pop_first().map(|(_, _, place)| place)
    }

    /// Notes that what a link comes from is in the order.
    fn release(&mut self, link: &Link) {
        let is_left = self.left.remove(&key(&self.counts, link.to));
        let (certain, all) = &mut self.counts[link.to];
        *certain -= usize::from(link.how != How::Text);
        *all -= 1;
        if is_left {
            self.left.insert(key(&self.counts, link.to));
        }
    }
}

/// Returns what sorts an object among those that are left: what waits for nothing comes first.
fn key(counts: &[(usize, usize)], place: usize) -> (bool, bool, usize) {
    let (certain, all) = counts[place];
    (certain > 0, all > 0, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(place: usize) -> Object {
        match place {
            0 => Object::named(ObjectKind::Table, "0"),
            _ => Object::named(ObjectKind::MaterializedView, &place.to_string()),
        }
    }

    /// A table 0 and materialized views that are called by the other numbers.
    fn web(objects: usize, links: &[(usize, usize, How)]) -> Web {
        let links = links.iter().map(|(from, to, how)| Link { from: *from, to: *to, how: *how });
        Web {
            objects: (0..objects).map(object).collect(),
            links: links.collect(),
            tables: vec![Some(0)],
        }
    }

    fn order(web: &Web) -> Vec<String> {
        web.materialized_views().into_iter().map(|view| view.name).collect()
    }

    #[test]
    fn a_view_is_refreshed_beside_its_readers_unless_they_have_to_wait() {
        let web = web(2, &[(0, 1, How::Uses)]);
        let mut view = web.materialized_views().remove(0);
        assert_eq!(view.statement(), "REFRESH MATERIALIZED VIEW 1");
        view.why_readers_wait = None;
        assert_eq!(view.statement(), "REFRESH MATERIALIZED VIEW CONCURRENTLY 1");
    }

    #[test]
    fn a_view_comes_after_those_that_it_reads() {
        use How::Uses;
        let web = web(5, &[(0, 4, Uses), (4, 1, Uses), (0, 3, Uses), (1, 2, Uses), (3, 2, Uses)]);
        assert_eq!(order(&web), ["3", "4", "1", "2"]);
        let reads: Vec<Vec<usize>> =
            web.materialized_views().into_iter().map(|view| view.reads).collect();
        assert_eq!(reads, [vec![], vec![], vec![1], vec![0, 2]]);
    }

    #[test]
    fn the_text_of_a_function_does_not_turn_the_order_of_the_catalog() {
        use How::{Text, Uses};
        let web = web(4, &[(0, 3, Uses), (3, 2, Uses), (2, 1, Uses), (1, 3, Text)]);
        assert_eq!(order(&web), ["3", "2", "1"]);
    }

    #[test]
    fn a_circle_has_an_end() {
        use How::Uses;
        let web = web(4, &[(0, 1, Uses), (1, 2, Uses), (2, 3, Uses), (3, 1, Uses), (2, 2, Uses)]);
        assert_eq!(order(&web).len(), 3);
        assert_eq!(web.reached(0).len(), 3);
    }

    #[test]
    fn a_path_that_the_catalog_knows_is_taken_before_a_shorter_one() {
        use How::{Text, Uses};
        let web = web(4, &[(0, 3, Text), (0, 1, Uses), (1, 2, Uses), (2, 3, Uses), (3, 0, Uses)]);
        let reached = web.reached(0);
        let last = reached.iter().find(|reached| reached.place == 3).expect("reached");
        assert_eq!((last.through.as_slice(), last.is_certain), ([1, 2].as_slice(), true));
    }
}
