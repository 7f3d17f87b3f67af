//! The **order** of datasets: a table is loaded after those that its foreign keys refer to.

use tokio_postgres::Client;

use crate::domain::{Dataset, TableName};
use crate::error::Error;
use crate::project::Project;
use crate::sql::Sql;
use crate::target;

/// Returns the datasets of a project in the order in which they are loaded: that of the configuration, except that a
/// table comes after those that it refers to.
///
/// # Errors
/// [`Error`], if a dataset's SQL cannot be read, or the database cannot be asked.
pub async fn in_order(project: &Project) -> Result<Vec<&Dataset>, Error> {
    let datasets = &project.config.datasets;
    if datasets.len() < 2 {
        return Ok(datasets.iter().collect());
    }
    let tables: Vec<TableName> = datasets.iter().map(|dataset| dataset.table.clone()).collect();
    // For a table that does not exist yet, target.sql says what it will refer to.
    let mut references = declared(datasets)?;
    if let Some(database) = &project.database {
        let found =
            database.session(async |client: &Client| target::references(client, &tables).await);
        references.extend(found.await?);
    }
    Ok(sorted(datasets.len(), &references).into_iter().map(|place| &datasets[place]).collect())
}

/// Returns which dataset refers to which other one in its `target.sql`, by their places.
fn declared(datasets: &[Dataset]) -> Result<Vec<(usize, usize)>, Error> {
    let mut pairs = Vec::new();
    for (place, dataset) in datasets.iter().enumerate() {
        for table in Sql::read(dataset)?.contract.references {
            let referred = datasets.iter().enumerate().filter(|(_, other)| other.table == table);
            pairs.extend(referred.map(|(other, _)| (place, other)));
        }
    }
    Ok(pairs)
}

/// Sorts the places from 0 to `count` so that of each pair of `references` the second comes before the first.
/// Otherwise they stay in order. The first place of a circle comes before the others.
fn sorted(count: usize, references: &[(usize, usize)]) -> Vec<usize> {
    let mut waiting: Vec<usize> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    while !waiting.is_empty() {
        let next = next_of(&waiting, references);
        order.push(waiting.remove(next));
    }
    order
}

/// Returns which of the waiting places comes next: the first that waits for no other, or else the first of a circle.
fn next_of(waiting: &[usize], references: &[(usize, usize)]) -> usize {
    waiting
        .iter()
        .position(|place| !waits(*place, waiting, references))
        .or_else(|| waiting.iter().position(|place| is_in_circle(*place, waiting, references)))
        .unwrap_or(0)
}

/// Whether a waiting place refers to itself through other waiting places.
fn is_in_circle(place: usize, waiting: &[usize], references: &[(usize, usize)]) -> bool {
    let mut reached = vec![place];
    let mut next = 0;
    while next < reached.len() {
        let from = reached[next];
        next += 1;
        for (_, to) in references.iter().filter(|(referring, to)| *referring == from && *to != from)
        {
            if *to == place {
                return true;
            }
            if waiting.contains(to) && !reached.contains(to) {
                reached.push(*to);
            }
        }
    }
    false
}

/// Whether a waiting place has to come before this one.
fn waits(place: usize, waiting: &[usize], references: &[(usize, usize)]) -> bool {
    references.iter().any(|(from, to)| *from == place && *to != place && waiting.contains(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_the_others_stay_in_order() {
        assert_eq!(sorted(3, &[]), [0, 1, 2]);
        assert_eq!(sorted(3, &[(0, 2)]), [1, 2, 0]);
        assert_eq!(sorted(4, &[(0, 1), (1, 3), (2, 2)]), [2, 3, 1, 0]);
    }

    #[test]
    fn tables_that_refer_to_each_other_are_loaded_anyway() {
        assert_eq!(sorted(3, &[(0, 1), (1, 0), (2, 0)]), [0, 1, 2]);
        assert_eq!(sorted(3, &[(0, 1), (1, 2), (2, 1)]), [1, 0, 2]);
    }
}
