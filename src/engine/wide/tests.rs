//! A wide SELECT that is planned here gives what the engine gives.

use std::path::Path;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{DataFrame, SessionContext};

use super::*;
use crate::engine;
use crate::sql::single_statement;

fn parsed(text: &str) -> Statement {
    single_statement(Path::new("x"), text, "SELECT").expect("a statement")
}

#[test]
fn only_a_select_from_one_table_is_planned_here() {
    for text in [
        "SELECT * FROM source",
        "SELECT id FROM source",
        "SELECT * EXCLUDE (id) FROM source",
        "SELECT * FROM orders.source AS s WHERE id > 1 ORDER BY city DESC, id LIMIT 5 OFFSET 2",
        "SELECT id AS a, city FROM source ORDER BY city",
    ] {
        assert!(simple_select(&parsed(text)).is_some(), "{text}");
    }
    for text in [
        "SELECT DISTINCT * FROM source",
        "SELECT * FROM source, files",
        "SELECT * FROM source JOIN files USING (_file_name)",
        "SELECT * FROM source ORDER BY 1",
        "SELECT id AS city FROM source ORDER BY upper(city)",
        "SELECT * FROM source QUALIFY row_number() OVER (ORDER BY id) = 1",
        "SELECT city, count(*) FROM source GROUP BY city",
        "SELECT * FROM (SELECT 1)",
        "SELECT * FROM target.public.t",
        "WITH s AS (SELECT 1) SELECT * FROM s",
        "SELECT * FROM source UNION ALL SELECT * FROM source",
    ] {
        assert!(simple_select(&parsed(text)).is_none(), "{text}");
    }
}

/// A session with a table `source` of 600 columns `c0`, `c1` … and five rows.
fn wide_session() -> SessionContext {
    let rows = RecordBatch::try_from_iter_with_nullable((0..600).map(column)).expect("rows");
    let session = SessionContext::new();
    session.register_batch("source", rows).expect("registered");
    session
}

/// A column that is NULL in the third row: its name, its values, and that it may be NULL.
fn column(number: i64) -> (String, ArrayRef, bool) {
    let values = [3, 1, 2, 5, 4].map(|row| if row == 2 { None } else { Some(row * number) });
    (format!("c{number}"), Arc::new(Int64Array::from(values.to_vec())), true)
}

async fn shown(rows: DataFrame) -> String {
    pretty_format_batches(&rows.collect().await.expect("rows")).expect("a table").to_string()
}

/// A list of all columns, each written by `item`.
fn one_by_one(item: fn(usize) -> String) -> String {
    (0..600).rev().map(item).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_wide_select_gives_the_same_rows_in_the_same_order() {
    let session = wide_session();
    let named = one_by_one(|column| format!("c{column}"));
    let cast = one_by_one(|column| format!("CAST(c{column} AS double) + c1 AS d{column}"));
    let mixed = one_by_one(|column| match column % 4 {
        0 => format!("c{column}"),
        1 => format!("c{column} AS E{column}"),
        2 => format!("CASE WHEN c{column} > c1 THEN {column} END"),
        _ => format!("CAST(c{column} AS varchar) || 'x' AS \"D {column}\""),
    });
    let lists =
        ["*", "* EXCLUDE (c5, c7)", "c1 + 1 AS x, *, c2 IS NULL AS y", &named, &cast, &mixed];
    for list in lists {
        for rest in [
            "",
            " WHERE c7 > 7",
            " ORDER BY c1 DESC NULLS LAST",
            " AS s WHERE s.c2 IS NOT NULL ORDER BY s.c2 + s.c3, c1 LIMIT 2 OFFSET 1",
            " ORDER BY c599 DESC LIMIT 3",
            " LIMIT 0",
        ] {
            let text = format!("SELECT {list} FROM source{rest}");
            let planned = plan(&session.state(), &parsed(&text)).await.expect("a plan");
            let planned = planned.unwrap_or_else(|| panic!("not planned here: {text}"));
            let planned = session.execute_logical_plan(planned).await.expect("a plan");
            let expected = session.sql(&text).await.expect("a plan");
            assert_eq!(planned.schema(), expected.schema(), "{text}");
            assert_eq!(shown(planned).await, shown(expected).await, "{text}");
        }
    }
}

#[tokio::test]
async fn what_is_not_a_list_over_the_rows_of_a_table_is_left_to_the_engine() {
    let session = wide_session();
    let sums = one_by_one(|column| format!("sum(c{column})"));
    let unnested = format!("unnest([c1, c2]) AS u, {}", one_by_one(|c| format!("c{c}")));
    for list in [&sums, &unnested, "*, c1", "* REPLACE (c1 + 1 AS c1)"] {
        let text = format!("SELECT {list} FROM source");
        let planned = plan(&session.state(), &parsed(&text)).await.expect("a plan or none");
        assert!(planned.is_none(), "{text}");
    }
}

#[tokio::test]
async fn an_unknown_column_is_the_same_error() {
    let session = wide_session();
    let list = one_by_one(|column| format!("c{column}"));
    for text in [
        "SELECT * FROM source WHERE city = 'a'".to_owned(),
        format!("SELECT {list}, city FROM source"),
    ] {
        let error = engine::plan(&session, Path::new("x"), parsed(&text)).await;
        let error = error.expect_err("no such column");
        assert!(format!("{error:?}").contains("city"), "{error:?}");
    }
}

#[tokio::test]
async fn an_expression_over_a_row_is_planned_over_the_columns_that_it_names() {
    let session = wide_session();
    let text = "SELECT CAST(c1 AS int), s.c2 + 1 AS x, sum(c1), count(*) OVER (), nope, c1 IN (SELECT c2 FROM source), \
                (SELECT 1), unnest([c1]) FROM source AS s";
    let statement = parsed(text);
    let (query, select) = simple_select(&statement).expect("simple");
    let one = SelectItem::UnnamedExpr(SqlExpr::Value(Value::Number("1".to_owned(), false).into()));
    let narrow = Unlisted::of(query, select).with(vec![one]);
    let narrow = session.state().statement_to_plan(narrow).await.expect("a plan");
    let base = without_projections(narrow).expect("a table");
    let names = Names::of(&base);
    let state = session.state();
    let planned: Vec<bool> = select
        .projection
        .iter()
        .map(|item| planned_alone(&state, item, &base, &names).is_some())
        .collect();
    assert_eq!(planned, [true, true, false, false, false, false, false, false]);
}
