//! An **object** of the database that depends on a table, and what it does when rows come.

use serde::Serialize;
use tokio_postgres::Row;

use super::How;
use crate::target::postgres::row::text;

/// An object as the catalog describes it.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name with its schema, quoted if it must be.
    pub name: String,
    /// The table on which it stands.
    on: Option<String>,
    /// What sets it off, or what it does.
    action: String,
    /// What it calls or refers to.
    refers_to: String,
    /// Whether it is in force; of a materialized view, whether it is filled.
    is_active: bool,
    /// What is known of it if it is a relation.
    pub relation: Option<Relation>,
}

/// What is known of a table or view.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its oid.
    pub oid: i64,
    /// Whether it has a unique index over plain columns, without a condition.
    pub has_key: bool,
    /// Whether this user may refresh it.
    pub may_refresh: bool,
    /// Its owner.
    pub owner: String,
    /// Whether this user may read all of its rows.
    pub may_read: bool,
    /// The type of its column `_file_date`, if it has one.
    pub file_date_type: Option<String>,
    /// Whether it has a column `_file_name`.
    pub has_file_name: bool,
}

/// What an object is, in the order in which dependents are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A table or partition.
    Table,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// A trigger.
    Trigger,
    /// A rule.
    Rule,
    /// A policy of row-level security.
    Policy,
    /// A foreign key.
    ForeignKey,
    /// A publication.
    Publication,
    /// Anything else.
    Other,
}

impl ObjectKind {
    /// Returns the kind that the server calls by this text.
    fn of(name: &str) -> Self {
        match name {
            "table" | "foreign table" => Self::Table,
            "view" => Self::View,
            "materialized view" => Self::MaterializedView,
            "function" | "aggregate" | "window function" => Self::Function,
            "procedure" => Self::Procedure,
            "trigger" => Self::Trigger,
            "rule" => Self::Rule,
            "policy" => Self::Policy,
            "table constraint" => Self::ForeignKey,
            "publication" => Self::Publication,
            _ => Self::Other,
        }
    }

    /// Returns the kind in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Function => "function",
            Self::Procedure => "procedure",
            Self::Trigger => "trigger",
            Self::Rule => "rule",
            Self::Policy => "policy",
            Self::ForeignKey => "foreign key",
            Self::Publication => "publication",
            Self::Other => "other object",
        }
    }
}

impl Object {
    /// Reads the object from a row of the catalog.
    pub(super) fn of(row: &Row, oid: i64) -> Self {
        let kind = ObjectKind::of(row.get(1));
        let is_relation =
            matches!(kind, ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView);
        let relation = is_relation.then(|| Relation {
            oid,
            has_key: row.get(7),
            may_refresh: row.get(8),
            owner: row.get(9),
            may_read: row.get(10),
            file_date_type: row.get(11),
            has_file_name: row.get(12),
        });
        Self {
            kind,
            name: text(row, 2),
            on: row.get(3),
            action: text(row, 4),
            refers_to: text(row, 5),
            is_active: row.get::<_, Option<bool>>(6).unwrap_or(true),
            relation,
        }
    }

    /// Whether this user may not read all of its rows.
    pub fn is_hidden(&self) -> bool {
        self.relation.as_ref().is_some_and(|relation| !relation.may_read)
    }

    /// Whether it holds rows; a materialized view that was never refreshed does not.
    pub fn is_filled(&self) -> bool {
        self.is_active
    }

    /// Says what it does when rows come into the table that it uses in this way.
    pub fn effect(&self, how: How) -> String {
        match self.kind {
            ObjectKind::Table => effect_of_table(how).to_owned(),
            ObjectKind::View => "shows new rows at once".to_owned(),
            ObjectKind::MaterializedView if self.is_active => "needs REFRESH".to_owned(),
            ObjectKind::MaterializedView => "has never been filled: needs REFRESH".to_owned(),
            ObjectKind::Function | ObjectKind::Procedure => {
                "uses the table if it is called".to_owned()
            }
            ObjectKind::Trigger => self.effect_of_trigger(how),
            ObjectKind::Rule => self.effect_of_rule(how),
            ObjectKind::Policy => self.effect_of_policy(how),
            ObjectKind::ForeignKey => self.effect_of_foreign_key(),
            ObjectKind::Publication => self.effect_of_publication(how),
            ObjectKind::Other => String::new(),
        }
    }

    fn on(&self) -> &str {
        self.on.as_deref().unwrap_or_default()
    }

    fn effect_of_trigger(&self, how: How) -> String {
        let Self { action, refers_to, .. } = self;
        match (self.is_active, how) {
            (false, _) => format!("is disabled; would run {refers_to} on {action}"),
            (true, How::Owned) => format!("runs {refers_to} on {action}"),
            (true, _) => format!("runs {refers_to} on {action} of {}", self.on()),
        }
    }

    fn effect_of_rule(&self, how: How) -> String {
        match (self.is_active, how) {
            (false, _) => format!("is disabled; would rewrite {} of {}", self.action, self.on()),
            (true, How::Owned) => format!("rewrites {}", self.action),
            (true, _) => format!("uses the table on {} of {}", self.action, self.on()),
        }
    }

    fn effect_of_policy(&self, how: How) -> String {
        let rows = match how {
            How::Owned => format!("decides which rows a role may {}", self.action),
            _ => {
                format!("uses it to decide which rows of {} a role may {}", self.on(), self.action)
            }
        };
        if self.is_active {
            rows
        } else {
            format!("has no effect: row-level security of {} is off", self.on())
        }
    }

    fn effect_of_foreign_key(&self) -> String {
        format!(
            "each row of {} must refer to one in {}; ON DELETE {}",
            self.on(),
            self.refers_to,
            self.action
        )
    }

    fn effect_of_publication(&self, how: How) -> String {
        let filter = if how == How::PublishedInPart { " that passes its filter" } else { "" };
        match self.action.as_str() {
            "" => "publishes no rows".to_owned(),
            actions => format!("publishes every {actions} row{filter}"),
        }
    }
}

fn effect_of_table(how: How) -> &'static str {
    match how {
        How::Parent => "includes the rows of the table",
        How::Child => "has some of its rows (a partition)",
        _ => "",
    }
}

#[cfg(test)]
impl Object {
    /// An object of which nothing is known but kind and name.
    pub(super) fn named(kind: ObjectKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            on: None,
            action: String::new(),
            refers_to: String::new(),
            is_active: true,
            relation: None,
        }
    }
}
