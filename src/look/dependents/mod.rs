//! What **depends** on a target: everything in the database that reads it, is triggered by it or takes its rows, and
//! whether it will show days before the first day that is loaded now.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use tokio_postgres::Client;

use crate::domain::{Dataset, DateRange, FileDate};
use crate::error::Error;
use crate::project::Project;
use crate::target::{
    self, FirstDay, How, MaterializedView, Object, ObjectKind, Reached, Web, days_held, first_day,
};

mod reading;

use reading::{Days, Known, Reading, reading};

/// What depends on the target of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Dependents {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// Whether the target exists.
    pub exists: bool,
    /// The first day that it holds.
    pub first_day: Option<FirstDay>,
    /// What depends on it: by kind, then the nearest first.
    pub dependents: Vec<Dependent>,
    /// The materialized views among them, each after those that it reads.
    pub to_refresh: Vec<ToRefresh>,
}

/// An object that depends on a target.
#[derive(Clone, Debug, Serialize)]
pub struct Dependent {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name with its schema, quoted if needed.
    pub name: String,
    /// The objects between the target and it, the nearest to the target first.
    pub through: Vec<String>,
    /// Whether the catalog records the dependency; otherwise only the text of a function suggests it.
    pub is_certain: bool,
    /// What it does when rows are loaded.
    pub effect: String,
    /// Whether it shows days before the first loaded one; `None` if it shows no rows.
    pub earlier_days: Option<EarlierDays>,
    /// The days that a materialized view holds now.
    pub holds: Option<DateRange>,
    /// Whether it is a table or view of which this user may not read all rows.
    pub is_hidden: bool,
}

/// Whether something shows days before the first loaded one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EarlierDays {
    /// The answer.
    pub shown: Shown,
    /// Why.
    pub why: String,
}

/// An answer that may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be said for certain.
    Unknown,
}

/// A materialized view that shows what was loaded only after a refresh.
#[derive(Clone, Debug, Serialize)]
pub struct ToRefresh {
    /// Its name.
    pub view: String,
    /// The statement that refreshes it.
    pub statement: String,
    /// Why its readers have to wait meanwhile; `None` if they need not.
    pub why_readers_wait: Option<&'static str>,
    /// Whether this user may refresh it.
    pub may_refresh: bool,
    /// Its owner.
    pub owner: String,
}

/// Looks up what depends on the target of a dataset.
///
/// # Errors
/// [`Error::Target`].
pub async fn dependents(project: &Project, dataset: &Dataset) -> Result<Dependents, Error> {
    let asked = project.database()?.session(async |client: &Client| ask(client, dataset).await);
    Ok(asked.await?)
}

async fn ask(client: &Client, dataset: &Dataset) -> Result<Dependents, target::Error> {
    let table = &dataset.table;
    let web = Web::find(client, std::slice::from_ref(table)).await?;
    let mut found = Dependents {
        dataset: dataset.name.clone(),
        target: table.to_string(),
        exists: false,
        first_day: None,
        dependents: Vec::new(),
        to_refresh: Vec::new(),
    };
    let Some(place) = web.tables.first().copied().flatten() else { return Ok(found) };
    found.exists = true;
    found.first_day = first_day(client, table, &web.objects[place]).await?;
    let readings = readings(&web, place, &web.definitions(client).await?);
    for reached in web.reached(place) {
        let object = &web.objects[reached.place];
        let mut dependent = dependent(&web, &reached);
        dependent.earlier_days =
            earlier_days(object, readings.get(&reached.place), found.first_day.as_ref());
        if object.kind == ObjectKind::MaterializedView {
            dependent.holds = days_held(client, object).await?;
        }
        found.dependents.push(dependent);
    }
    found.dependents.sort_by(|a, b| {
        (a.kind, a.through.len(), &a.name).cmp(&(b.kind, b.through.len(), &b.name))
    });
    found.to_refresh = web.materialized_views().into_iter().map(to_refresh).collect();
    Ok(found)
}

fn dependent(web: &Web, reached: &Reached) -> Dependent {
    let object = &web.objects[reached.place];
    let between: Vec<&Object> = reached.through.iter().map(|place| &web.objects[*place]).collect();
    let refreshed = between.iter().rfind(|object| object.kind == ObjectKind::MaterializedView);
    let effect = match (object.kind, refreshed) {
        (ObjectKind::View, Some(view)) => {
            format!("shows new rows once {} is refreshed", view.name)
        }
        _ => object.effect(reached.how),
    };
    Dependent {
        kind: object.kind,
        name: object.name.clone(),
        through: between.iter().map(|object| object.name.clone()).collect(),
        is_certain: reached.is_certain,
        effect,
        earlier_days: None,
        holds: None,
        is_hidden: object.is_hidden(),
    }
}

fn to_refresh(view: MaterializedView) -> ToRefresh {
    ToRefresh {
        statement: view.statement(),
        view: view.name,
        why_readers_wait: view.why_readers_wait,
        may_refresh: view.may_refresh,
        owner: view.owner,
    }
}

/// Which days of the table each view shows, by the place of the view in the web.
fn readings(
    web: &Web,
    table: usize,
    definitions: &HashMap<usize, String>,
) -> HashMap<usize, Reading> {
    let mut known = family(web, table);
    let callers = callers(web);
    let mut readings = HashMap::new();
    for place in web.in_order() {
        let Some(definition) = definitions.get(&place).filter(|_| place != table) else { continue };
        let mut reading = reading(definition, &known);
        if callers.contains(&place) {
            let why = "it may call a function that uses the table";
            reading.days = reading.days.or(Days::Unknown(why));
        }
        known.insert(web.objects[place].name.clone(), reading.clone());
        readings.insert(place, reading);
    }
    readings
}

/// The table itself, its partitions, and the tables of which it is a partition.
fn family(web: &Web, table: usize) -> Known {
    let all = Reading { days: Days::All, keeps_file_date: true };
    let part =
        Reading { days: Days::Unknown("it reads only some of the rows"), keeps_file_date: true };
    let mut known = Known::from([(web.objects[table].name.clone(), all.clone())]);
    for link in &web.links {
        let reading = match link.how {
            How::Parent => &all,
            How::Child => &part,
            _ => continue,
        };
        known.insert(web.objects[link.to].name.clone(), reading.clone());
    }
    known
}

/// The places of what calls a function that depends on the table.
fn callers(web: &Web) -> HashSet<usize> {
    let from_functions = web.links.iter().filter(|link| is_function(&web.objects[link.from]));
    from_functions.map(|link| link.to).collect()
}

fn is_function(object: &Object) -> bool {
    matches!(object.kind, ObjectKind::Function | ObjectKind::Procedure)
}

/// Whether an object shows days before the first loaded one; `None` if it shows no rows.
fn earlier_days(
    object: &Object,
    reading: Option<&Reading>,
    first: Option<&FirstDay>,
) -> Option<EarlierDays> {
    let (shown, why) = if is_function(object) {
        (Shown::Unknown, "a function may read any day".to_owned())
    } else {
        match &reading?.days {
            Days::All => (Shown::Yes, "it shows every day".to_owned()),
            Days::From { day, is_whole } => days_from(*day, *is_whole, first),
            Days::Unknown(why) => (Shown::Unknown, (*why).to_owned()),
            Days::None => (Shown::Unknown, "its query does not name the table".to_owned()),
        }
    };
    Some(EarlierDays { shown, why })
}

/// Whether a view that shows days from a day on shows days before the first loaded one.
fn days_from(day: FileDate, is_whole: bool, first: Option<&FirstDay>) -> (Shown, String) {
    match first {
        None => (Shown::Unknown, format!("it shows no day before {day}")),
        Some(first) if day >= first.day => (Shown::No, format!("it shows no day before {day}")),
        Some(_) if is_whole => (Shown::Yes, format!("it shows days from {day} on")),
        Some(_) => {
            (Shown::Unknown, format!("it shows no day before {day}, and has other conditions"))
        }
    }
}
