//! A **dependent** of a table is an object of the database that reads it, is set off by it, or takes its rows,
//! directly or through others: a view, a view over a view, a function, a trigger, a publication.
//!
//! The **web** is all of them with what each uses. It is read from the catalog, which everybody may read, so that
//! no right on the objects is needed.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::TableName;
use crate::target::Error;
use crate::target::postgres::row::place;

mod object;
mod order;
mod path;
mod statements;

pub use object::{Object, ObjectKind, Relation};
pub use order::MaterializedView;
pub use path::Reached;

use statements::{
    DEFINITIONS, DESCRIBE, FIND, PLAIN_NAMES, PUBLISHED, PUBLISHED_BY_SCHEMA, PUBLISHES_SCHEMAS,
    WEB,
};

/// Tables and everything that depends on them.
#[derive(Clone, Debug, Default)]
pub struct Web {
    /// The tables and their dependents.
    pub objects: Vec<Object>,
    /// What uses what.
    pub links: Vec<Link>,
    /// The place of each table among the objects; `None` if there is no such table.
    pub tables: Vec<Option<usize>>,
}

/// One object uses another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The place of what is used.
    pub from: usize,
    /// The place of what uses it.
    pub to: usize,
    /// How.
    pub how: How,
}

/// How an object uses another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The catalog knows that it does.
    Uses,
    /// The text of a function has the name as a word.
    Text,
    /// It belongs to the table: a trigger, a rule, a policy or a foreign key.
    Owned,
    /// It is a partition, or a table that inherits.
    Child,
    /// It is the table of which the other one is a partition, or from which it inherits.
    Parent,
    /// It publishes the table.
    Published,
    /// It publishes the rows that pass a filter.
    PublishedInPart,
}

impl How {
    fn of(name: &str) -> Self {
        match name {
            "text" => Self::Text,
            "owned" => Self::Owned,
            "child" => Self::Child,
            "parent" => Self::Parent,
            "published" => Self::Published,
            "published in part" => Self::PublishedInPart,
            _ => Self::Uses,
        }
    }

    /// Whether the catalog says so.
    pub fn is_certain(self) -> bool {
        self != Self::Text
    }
}

/// An object's class and oid.
type Key = (i64, i64);

/// Two objects and how the second uses the first.
type Pair = (Key, Key, How);

impl Web {
    /// Asks the catalog for everything that depends on tables. Sets the search path of the transaction.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn find(client: &Client, tables: &[TableName]) -> Result<Self, Error> {
        let asked = Self::ask(client, tables).await;
        asked.map_err(Error::statement("looking up what depends on the targets"))
    }

    async fn ask(client: &Client, tables: &[TableName]) -> Result<Self, tokio_postgres::Error> {
        client.batch_execute(PLAIN_NAMES).await?;
        let oids = oids(client, tables).await?;
        let found: Vec<i64> = oids.iter().flatten().copied().collect();
        let Some(class) = class_of_relations(client).await?.filter(|_| !found.is_empty()) else {
            return Ok(Self { tables: vec![None; tables.len()], ..Self::default() });
        };
        let mut pairs = pairs(client, WEB, &found).await?;
        pairs.extend(publications(client, &found, &pairs).await?);
        let roots = found.iter().map(|oid| (class, *oid));
        let keys: BTreeSet<Key> =
            pairs.iter().flat_map(|(from, to, _)| [*from, *to]).chain(roots).collect();
        let (objects, places) = describe(client, &keys).await?;
        let links = pairs.iter().filter_map(|pair| link(pair, &places)).collect();
        let tables = oids.iter().map(|oid| places.get(&(class, (*oid)?)).copied()).collect();
        Ok(Self { links, objects, tables })
    }

    /// Reads the queries of the views among the objects, by place.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn definitions(&self, client: &Client) -> Result<HashMap<usize, String>, Error> {
        let places: HashMap<i64, usize> = (self.objects.iter().enumerate())
            .filter_map(|(place, object)| Some((object.relation.as_ref()?.oid, place)))
            .collect();
        let oids: Vec<i64> = places.keys().copied().collect();
        let rows = client
            .query_typed(DEFINITIONS, &[(&oids, Type::INT8_ARRAY)])
            .await
            .map_err(Error::statement("reading the definitions of views"))?;
        Ok(rows
            .iter()
            .filter_map(|row| Some((*places.get(&row.get(0))?, row.get::<_, Option<_>>(1)?)))
            .collect())
    }
}

/// The link between two objects; `None` if one of them was dropped in the meantime.
fn link((from, to, how): &Pair, places: &HashMap<Key, usize>) -> Option<Link> {
    Some(Link { from: *places.get(from)?, to: *places.get(to)?, how: *how })
}

/// Looks up the oid of each table; `None` if there is no such table.
async fn oids(
    client: &Client,
    tables: &[TableName],
) -> Result<Vec<Option<i64>>, tokio_postgres::Error> {
    let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let rows = client
        .query_typed(FIND, &[(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)])
        .await?;
    let mut oids = vec![None; tables.len()];
    for row in &rows {
        if let Some(oid) = oids.get_mut(place(row, 0)) {
            *oid = Some(row.get(1));
        }
    }
    Ok(oids)
}

/// The class of relations.
async fn class_of_relations(client: &Client) -> Result<Option<i64>, tokio_postgres::Error> {
    let statement = "SELECT 'pg_catalog.pg_class'::regclass::oid::int8";
    Ok(client.query_typed_opt(statement, &[]).await?.map(|row| row.get(0)))
}

/// Runs a statement that returns pairs of objects, for relations with these oids.
async fn pairs(
    client: &Client,
    statement: &str,
    oids: &[i64],
) -> Result<Vec<Pair>, tokio_postgres::Error> {
    let rows = client.query_typed(statement, &[(&oids, Type::INT8_ARRAY)]).await?;
    Ok(rows.iter().map(pair).collect())
}

fn pair(row: &Row) -> Pair {
    ((row.get(0), row.get(1)), (row.get(2), row.get(3)), How::of(row.get(4)))
}

/// Finds the publications of tables, of their partitions and of those of which they are partitions.
async fn publications(
    client: &Client,
    tables: &[i64],
    pairs_so_far: &[Pair],
) -> Result<Vec<Pair>, tokio_postgres::Error> {
    let family = pairs_so_far.iter().filter(|(_, _, how)| matches!(how, How::Child | How::Parent));
    let distinct: BTreeSet<i64> =
        family.map(|(_, (_, oid), _)| *oid).chain(tables.iter().copied()).collect();
    let oids: Vec<i64> = distinct.into_iter().collect();
    let mut found = pairs(client, PUBLISHED, &oids).await?;
    if client.query_typed_one(PUBLISHES_SCHEMAS, &[]).await?.get(0) {
        found.extend(pairs(client, PUBLISHED_BY_SCHEMA, &oids).await?);
    }
    Ok(found)
}

/// Describes the objects of these keys, with the place of each. One that was dropped in the meantime has none.
async fn describe(
    client: &Client,
    keys: &BTreeSet<Key>,
) -> Result<(Vec<Object>, HashMap<Key, usize>), tokio_postgres::Error> {
    let keys: Vec<Key> = keys.iter().copied().collect();
    let (classes, oids): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    let rows = client
        .query_typed(DESCRIBE, &[(&classes, Type::INT8_ARRAY), (&oids, Type::INT8_ARRAY)])
        .await?;
    let (mut objects, mut places) = (Vec::new(), HashMap::new());
    for row in &rows {
        let Some(key) = keys.get(place(row, 0)) else { continue };
        places.insert(*key, objects.len());
        objects.push(Object::of(row, key.1));
    }
    Ok((objects, places))
}
