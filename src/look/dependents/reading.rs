//! A **reading** says which days of a table a view shows: all of them, those from a day on, or unknown. It follows from
//! the text of the view's query alone, and only if that is certain.
//!
//! Only comparisons of `_file_date` with a literal in the outermost WHERE limit the days. Anything else that may leave
//! days out makes the answer unknown; nothing is guessed. An example is a condition within an aggregate (FILTER, CASE),
//! by which a view without a WHERE may show some days only.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Distinct, Expr, JoinOperator, Query, Select, SelectItem, SetExpr,
    SetOperator, Statement, TableFactor, TableWithJoins, TimezoneInfo, Value, Visit,
    visit_relations,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::domain::{FILE_DATE, FileDate};

mod within;

/// Which days of the table are shown, and whether the column `_file_date` is that of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The days.
    pub days: Days,
    /// Whether its column `_file_date` is that of the table, unchanged.
    pub keeps_file_date: bool,
}

/// Days of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// The table is not read.
    None,
    /// All of them.
    All,
    /// Those from a day on.
    From {
        /// The day.
        day: FileDate,
        /// Whether all days from then on are shown, whatever else the rows hold.
        is_whole: bool,
    },
    /// Unknown, for this reason.
    Unknown(&'static str),
}

impl Days {
    /// The days that are in one or the other.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, days) | (days, Self::None) => days,
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
            (Self::From { day: a, is_whole: b }, Self::From { day: c, is_whole: d }) => {
                let is_whole = if a <= c { b } else { d };
                Self::From { day: a.min(c), is_whole }
            }
        }
    }

    /// The days that are left if a lower bound is added; `is_only` if nothing else limits the rows.
    fn from(self, bound: FileDate, is_only: bool) -> Self {
        match self {
            Self::None => Self::None,
            Self::All => Self::From { day: bound, is_whole: is_only },
            Self::From { day, is_whole } => {
                Self::From { day: day.max(bound), is_whole: is_whole && is_only }
            }
            Self::Unknown(_) => Self::From { day: bound, is_whole: false },
        }
    }

    /// The days that are left if not every row is shown, for this reason.
    fn limited(self, why: &'static str) -> Self {
        match self {
            Self::All => Self::Unknown(why),
            Self::From { day, .. } => Self::From { day, is_whole: false },
            other => other,
        }
    }
}

/// What is known of each relation that shows rows of the table, by its name as the server writes it.
pub(super) type Known = HashMap<String, Reading>;

/// What a view shows by its query, which must name tables with their schemas.
pub(super) fn reading(definition: &str, known: &Known) -> Reading {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, definition);
    match statements.as_deref() {
        Ok([Statement::Query(query)]) => of_query(query, known),
        _ => {
            let days = Days::Unknown("its query could not be read");
            Reading { days, keeps_file_date: false }
        }
    }
}

fn of_query(query: &Query, known: &Known) -> Reading {
    if query.with.is_some() {
        let days = match count(query, known) {
            0 => Days::None,
            _ => Days::Unknown("its query has a WITH clause"),
        };
        return Reading { days, keeps_file_date: false };
    }
    let mut reading = of_body(&query.body, known);
    if query.limit_clause.is_some() || query.fetch.is_some() {
        reading.days = reading.days.limited("it shows a limited number of rows");
    }
    reading
}

fn of_body(body: &SetExpr, known: &Known) -> Reading {
    match body {
        SetExpr::Select(select) => of_select(select, known),
        SetExpr::Query(query) => of_query(query, known),
        SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } => Reading {
            days: of_body(left, known).days.or(of_body(right, known).days),
            keeps_file_date: false,
        },
        _ => Reading {
            days: match count(body, known) {
                0 => Days::None,
                _ => Days::Unknown("its query compares sets of rows"),
            },
            keeps_file_date: false,
        },
    }
}

/// How often a part of a query names a relation that shows rows of the table.
fn count(part: &impl Visit, known: &Known) -> usize {
    let mut count = 0;
    let visited: ControlFlow<()> = visit_relations(part, |name| {
        count += usize::from(known.contains_key(&name.to_string()));
        ControlFlow::Continue(())
    });
    // The visitor above never stops early.
    let _ = visited;
    count
}

/// A relation in a FROM that shows rows of the table.
struct Source<'a> {
    /// What columns of it are qualified with.
    qualifier: String,
    reading: &'a Reading,
}

fn of_select(select: &Select, known: &Known) -> Reading {
    let factors: Vec<&TableFactor> = select.from.iter().flat_map(factors).collect();
    let sources: Vec<Source<'_>> =
        factors.iter().filter_map(|factor| source(factor, known)).collect();
    if sources.len() != count(select, known) {
        let days = Days::Unknown("a subquery reads it");
        return Reading { days, keeps_file_date: false };
    }
    let conditions = select.selection.as_ref().map(conjuncts).unwrap_or_default();
    let why_limited = why_limited(select, &sources, known);
    let mut days = Days::None;
    for source in &sources {
        let mut shown = source.shown(&conditions, factors.len());
        if let Some(why) = why_limited {
            shown = shown.limited(why);
        }
        days = days.or(shown);
    }
    let keeps_file_date = select
        .projection
        .iter()
        .any(|item| sources.iter().any(|source| source.is_kept_by(item, factors.len())));
    Reading { days, keeps_file_date }
}

/// The relations of a FROM. The server writes joins in parentheses, which are opened.
fn factors(from: &TableWithJoins) -> Vec<&TableFactor> {
    let joined = from.joins.iter().map(|join| &join.relation);
    let mut factors_of_all = Vec::new();
    for factor in std::iter::once(&from.relation).chain(joined) {
        match inner(factor) {
            Some(inner) => factors_of_all.extend(factors(inner)),
            None => factors_of_all.push(factor),
        }
    }
    factors_of_all
}

/// The join in parentheses.
fn inner(factor: &TableFactor) -> Option<&TableWithJoins> {
    match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => Some(table_with_joins),
        _ => None,
    }
}

fn source<'a>(factor: &TableFactor, known: &'a Known) -> Option<Source<'a>> {
    let TableFactor::Table { name, alias, args: None, sample: None, .. } = factor else {
        return None;
    };
    if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
        // Its columns have other names here.
        return None;
    }
    let reading = known.get(&name.to_string())?;
    let ident = match alias {
        Some(alias) => &alias.name,
        None => name.0.last()?.as_ident()?,
    };
    Some(Source { qualifier: ident.value.clone(), reading })
}

/// Why a row of a source may not be shown although no condition of the WHERE says so.
fn why_limited(select: &Select, sources: &[Source<'_>], known: &Known) -> Option<&'static str> {
    let is_whole = match select.from.as_slice() {
        [from] => keeps_left(from, known) && sources.len() == 1,
        _ => false,
    };
    match select.distinct {
        _ if !is_whole => Some("its query joins tables"),
        Some(Distinct::On(_)) => {
            Some("it shows only some of the rows with equal values (DISTINCT)")
        }
        _ if select.having.is_some() => Some("it shows some of its groups"),
        _ if select.projection.iter().any(within::has_condition) => {
            Some("some of its columns have conditions (FILTER, CASE)")
        }
        _ => None,
    }
}

/// Whether every row of the leftmost relation is in a join, and that relation is a source.
fn keeps_left(from: &TableWithJoins, known: &Known) -> bool {
    let is_first = match inner(&from.relation) {
        Some(inner) => keeps_left(inner, known),
        None => source(&from.relation, known).is_some(),
    };
    let mut joins = from.joins.iter().map(|join| &join.join_operator);
    is_first && joins.all(|join| matches!(join, JoinOperator::Left(_) | JoinOperator::LeftOuter(_)))
}

/// The conditions that all have to hold.
fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::Nested(inner) => conjuncts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        other => vec![other],
    }
}

impl Source<'_> {
    /// The days of its rows that pass all conditions.
    fn shown(&self, conditions: &[&Expr], factors: usize) -> Days {
        let bounds: Vec<(FileDate, bool)> =
            conditions.iter().filter_map(|condition| self.bound(condition, factors)).collect();
        let are_all = bounds.len() == conditions.len();
        let days = self.reading.days.clone();
        let days = match bounds.iter().map(|(day, _)| *day).max() {
            Some(bound) => days.from(bound, bounds.iter().all(|(_, is_exact)| *is_exact)),
            None => days,
        };
        if are_all { days } else { days.limited("its query has other conditions") }
    }

    /// The first day that a condition lets pass, if it is one on `_file_date` alone, and whether all of that day
    /// passes.
    fn bound(&self, condition: &Expr, factors: usize) -> Option<(FileDate, bool)> {
        let Expr::BinaryOp { left, op, right } = condition else { return None };
        let (literal, op) =
            match (self.is_file_date(left, factors), self.is_file_date(right, factors)) {
                (true, false) => (right, op.clone()),
                (false, true) => (left, turned(op)?),
                _ => return None,
            };
        let (day, is_midnight) = day_of(literal)?;
        match op {
            BinaryOperator::GtEq => Some((day, is_midnight)),
            BinaryOperator::Gt if is_midnight => Some((day.plus_days(1), true)),
            BinaryOperator::Gt | BinaryOperator::Eq => Some((day, false)),
            _ => None,
        }
    }

    /// Whether an expression is the column `_file_date` of the table, perhaps as another type.
    fn is_file_date(&self, expression: &Expr, factors: usize) -> bool {
        match expression {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => {
                self.is_file_date(inner, factors)
            }
            _ => self.is_column(expression, factors),
        }
    }

    /// Whether an expression is the column `_file_date` of this source, unchanged, and that of the table.
    fn is_column(&self, expression: &Expr, factors: usize) -> bool {
        let name = match expression {
            Expr::Identifier(name) if factors == 1 => name,
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [qualifier, name] if qualifier.value == self.qualifier => name,
                _ => return false,
            },
            _ => return false,
        };
        name.value == FILE_DATE && self.reading.keeps_file_date
    }

    /// Whether an item of the list is this column under its own name.
    fn is_kept_by(&self, item: &SelectItem, factors: usize) -> bool {
        match item {
            SelectItem::UnnamedExpr(expression) => self.is_column(expression, factors),
            SelectItem::ExprWithAlias { expr, alias } => {
                alias.value == FILE_DATE && self.is_column(expr, factors)
            }
            _ => false,
        }
    }
}

/// The comparison with its sides exchanged.
fn turned(operator: &BinaryOperator) -> Option<BinaryOperator> {
    match operator {
        BinaryOperator::Eq => Some(BinaryOperator::Eq),
        BinaryOperator::LtEq => Some(BinaryOperator::GtEq),
        BinaryOperator::Lt => Some(BinaryOperator::Gt),
        _ => None,
    }
}

/// The day of a literal, and whether it is a day without a time. `None` for a time with a time zone, which is another
/// day elsewhere.
fn day_of(literal: &Expr) -> Option<(FileDate, bool)> {
    let value = match literal {
        Expr::Cast { data_type: DataType::Timestamp(_, zone), .. }
            if !matches!(zone, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) =>
        {
            return None;
        }
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => return day_of(inner),
        Expr::TypedString(typed) => &typed.value.value,
        Expr::Value(value) => &value.value,
        _ => return None,
    };
    let Value::SingleQuotedString(text) = value else { return None };
    Some((text.get(..10)?.parse().ok()?, text.len() == 10))
}

#[cfg(test)]
mod tests;
