//! The **order** of datasets: a table is loaded after those that its foreign keys refer to.

use tokio_postgres::Client;

use crate::domain::{Dataset, TableName};
use crate::error::Error;
use crate::project::Project;
use crate::sql::Sql;
use crate::target;

/// The datasets of a project in the order in which they are loaded: that of the configuration, but for
/// tables that refer to others, which come after them.
///
/// # Errors
/// [`Error`], if a dataset's SQL cannot be read, or the database cannot be asked.
pub async fn in_order(project: &Project) -> Result<Vec<&Dataset>, Error> {
    let datasets = &project.config.datasets;
    if datasets.len() < 2 {
        return Ok(datasets.iter().collect());
    }
    let tables: Vec<TableName> = datasets.iter().map(|dataset| dataset.table.clone()).collect();
    // Of a table that does not exist yet target.sql says what it will refer to.
    let mut references = declared(datasets)?;
    if let Some(database) = &project.database {
        let found =
            database.session(async |client: &Client| target::references(client, &tables).await);
        references.extend(found.await?);
    }
    Ok(sorted(datasets.len(), &references).into_iter().map(|place| &datasets[place]).collect())
}

/// Which datasets' `target.sql` refers to the table of which other one, by their places.
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

/// The places from 0 to `count`, so that of each pair of `references` the second comes before the first;
/// where nothing else is asked they stay in order. Of a circle the one that stands first comes first.
fn sorted(count: usize, references: &[(usize, usize)]) -> Vec<usize> {
    let mut waiting: Vec<usize> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    while !waiting.is_empty() {
        let next = waiting.iter().position(|place| !waits(*place, &waiting, references));
        let of_circle =
            || waiting.iter().position(|place| is_in_circle(*place, &waiting, references));
        order.push(waiting.remove(next.or_else(of_circle).unwrap_or(0)));
    }
    order
}

/// Whether one of those that are waiting refers to itself by way of others.
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

/// Whether one of those that are waiting has to come before this one.
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
    fn tables_that_refer_to_each_other_are_loaded_nevertheless() {
        assert_eq!(sorted(3, &[(0, 1), (1, 0), (2, 0)]), [0, 1, 2]);
        assert_eq!(sorted(3, &[(0, 1), (1, 2), (2, 1)]), [1, 0, 2]);
    }
}
