//! A column of **text that is used as a number**, such as `sum(amount)` over `source`, whose columns are all text. The
//! engine only reports types that do not fit; this module finds the column and what to write instead.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query,
    SelectItem, SetExpr, Statement as Ast, UnaryOperator, Value, Visit, Visitor, visit_expressions,
    visit_relations,
};

use crate::sql::folded;

/// Functions that take numbers only.
const OF_NUMBERS: [&str; 24] = [
    "sum",
    "avg",
    "mean",
    "median",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "var",
    "var_pop",
    "var_samp",
    "var_sample",
    "var_population",
    "corr",
    "approx_median",
    "approx_percentile_cont",
    "percentile_cont",
    "abs",
    "round",
    "ceil",
    "floor",
    "trunc",
    "sqrt",
    "power",
    "sign",
];
/// Functions that return a text for a text.
const OF_TEXT: [&str; 16] = [
    "coalesce",
    "nullif",
    "nvl",
    "ifnull",
    "null_like",
    "trim",
    "btrim",
    "ltrim",
    "rtrim",
    "replace",
    "regexp_replace",
    "lower",
    "upper",
    "substr",
    "split_part",
    "max",
];
/// Functions whose arguments must have the same type.
const OF_EQUALS: [&str; 6] = ["coalesce", "nullif", "nvl", "ifnull", "greatest", "least"];
/// Precision and scale of the proposed numbers.
const DIGITS_AND_DECIMALS: &str = "12, 2";

/// A column of text that is used as a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TextNumber {
    /// The column, as the query writes it.
    pub column: String,
    /// What to write in place of the expression.
    pub instead: String,
}

/// Where in a statement a text is used as a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In a calculation, which does not accept a text.
    Calculation,
    /// In a comparison with a number. The engine then reads the text as a number of the same type, and fails
    /// on `9.67` if it is compared with 5.
    Comparison,
}

/// Finds the first column of text in a statement that is used as a number.
pub(super) async fn find(
    session: &SessionContext,
    statement: &Statement,
    place: Place,
) -> Option<TextNumber> {
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => match &*explain.statement {
            Statement::Statement(statement) => statement,
            _ => return None,
        },
        _ => return None,
    };
    let mut texts = text_columns(session, statement).await;
    add_aliases(statement, &mut texts);
    let found = visit_expressions(&**statement, |expression| {
        let found = match place {
            Place::Calculation => calculated(expression, &texts),
            Place::Comparison => compared(expression, &texts),
        };
        found.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    });
    found.break_value()
}

/// The columns of text of the tables that a statement reads.
async fn text_columns(session: &SessionContext, statement: &Ast) -> HashSet<String> {
    let mut tables = Vec::new();
    let _: ControlFlow<()> = visit_relations(statement, |name| {
        tables.push(name.to_string());
        ControlFlow::Continue(())
    });
    let mut texts = HashSet::new();
    for table in tables {
        let reference = TableReference::from(table.as_str());
        let Ok(provider) = session.table_provider(reference).await else { continue };
        for field in provider.schema().fields() {
            if let DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 = field.data_type() {
                texts.insert(field.name().clone());
            }
        }
    }
    texts
}

/// Adds the aliases that subqueries give to columns of text.
fn add_aliases(statement: &Ast, texts: &mut HashSet<String>) {
    loop {
        let mut aliases = Aliases { texts, found: Vec::new() };
        let _: ControlFlow<()> = statement.visit(&mut aliases);
        let found = aliases.found;
        let before = texts.len();
        texts.extend(found);
        if texts.len() == before {
            return;
        }
    }
}

/// Finds aliases of columns of text.
struct Aliases<'a> {
    texts: &'a HashSet<String>,
    found: Vec<String>,
}

impl Visitor for Aliases<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = &*query.body else { return ControlFlow::Continue(()) };
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && is_text(expr, self.texts)
            {
                self.found.push(folded(alias));
            }
        }
        ControlFlow::Continue(())
    }
}

/// The column of text that an expression compares with a number.
fn compared(expression: &Expr, texts: &HashSet<String>) -> Option<TextNumber> {
    let (column, rest) = match expression {
        Expr::BinaryOp { left, op, right } if is_comparison(op) && is_number(right) => {
            (text_column(left, texts)?, format!("{op} {right}"))
        }
        Expr::BinaryOp { left, op, right } if is_comparison(op) && is_number(left) => {
            let column = text_column(right, texts)?;
            let instead = format!("{left} {op} {}", number(&column));
            return Some(TextNumber { column, instead });
        }
        Expr::Between { expr, negated, low, high } if is_number(low) || is_number(high) => {
            let not = if *negated { "NOT " } else { "" };
            (text_column(expr, texts)?, format!("{not}BETWEEN {low} AND {high}"))
        }
        Expr::InList { expr, list, negated } if list.iter().any(is_number) => {
            let not = if *negated { "NOT " } else { "" };
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            (text_column(expr, texts)?, format!("{not}IN ({})", list.join(", ")))
        }
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            return mixed(&name.to_string(), &list.args, texts);
        }
        _ => return None,
    };
    let instead = format!("{} {rest}", number(&column));
    Some(TextNumber { column, instead })
}

/// The column of text that a function is given together with numbers, if all its arguments must have the same type.
fn mixed(function: &str, arguments: &[FunctionArg], texts: &HashSet<String>) -> Option<TextNumber> {
    let arguments: Vec<&Expr> = arguments.iter().filter_map(argument).collect();
    let takes_equals = OF_EQUALS.iter().any(|known| function.eq_ignore_ascii_case(known));
    if !takes_equals || !arguments.iter().any(|argument| is_number(argument)) {
        return None;
    }
    let column = arguments.iter().find(|argument| is_text(argument, texts))?.to_string();
    let written: Vec<String> =
        arguments.iter().map(|argument| as_number(argument, texts)).collect();
    let instead = format!("{function}({})", written.join(", "));
    Some(TextNumber { column, instead })
}

fn is_comparison(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
    )
}

fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_number(expr),
        Expr::Nested(inner) => is_number(inner),
        _ => false,
    }
}

/// The column of text that an expression calculates with.
fn calculated(expression: &Expr, texts: &HashSet<String>) -> Option<TextNumber> {
    match expression {
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            let function = name.to_string();
            if !OF_NUMBERS.iter().any(|known| function.eq_ignore_ascii_case(known)) {
                return None;
            }
            let column = text_column(list.args.iter().find_map(argument)?, texts)?;
            let instead = format!("{function}({})", number(&column));
            Some(TextNumber { column, instead })
        }
        Expr::BinaryOp { left, op, right } if is_calculation(op) => {
            let column = text_column(left, texts).or_else(|| text_column(right, texts))?;
            let instead = format!("{} {op} {}", as_number(left, texts), as_number(right, texts));
            Some(TextNumber { column, instead })
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let column = text_column(expr, texts)?;
            let instead = format!("-{}", number(&column));
            Some(TextNumber { column, instead })
        }
        _ => None,
    }
}

/// An expression as the query writes it, if it is a column of text.
fn text_column(expression: &Expr, texts: &HashSet<String>) -> Option<String> {
    is_text(expression, texts).then(|| expression.to_string())
}

/// An expression as it must be written so that it is a number.
fn as_number(expression: &Expr, texts: &HashSet<String>) -> String {
    match text_column(expression, texts) {
        Some(column) => number(&column),
        None => expression.to_string(),
    }
}

/// The call that makes a number of a column of text.
fn number(column: &str) -> String {
    format!("try_to_decimal({column}, {DIGITS_AND_DECIMALS})")
}

fn is_calculation(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
    )
}

fn is_text(expression: &Expr, texts: &HashSet<String>) -> bool {
    match expression {
        Expr::Identifier(name) => texts.contains(&folded(name)),
        Expr::CompoundIdentifier(parts) => {
            parts.last().is_some_and(|name| texts.contains(&folded(name)))
        }
        Expr::Nested(inner) => is_text(inner, texts),
        Expr::Trim { expr, .. } | Expr::Substring { expr, .. } => is_text(expr, texts),
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|when| &when.result);
            results.chain(else_result.as_deref()).any(|result| is_text(result, texts))
        }
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            let name = name.to_string().to_lowercase();
            let arguments: Vec<&Expr> = list.args.iter().filter_map(argument).collect();
            let has_number = arguments.iter().any(|argument| is_number(argument));
            // With a number among them, the result is a number.
            OF_TEXT.contains(&name.as_str())
                && arguments.iter().any(|argument| is_text(argument, texts))
                && !(OF_EQUALS.contains(&name.as_str()) && has_number)
        }
        _ => false,
    }
}

fn argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::path::Path;
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::datasource::empty::EmptyTable;
    use datafusion::sql::parser::DFParserBuilder;

    use super::*;
    use crate::domain::{ErrorKind, Explain};
    use crate::engine::{Error, functions, name_text_column, plan};

    async fn refusal(sql: &str) -> Error {
        let (session, statement) = asked(sql);
        plan(&session, Path::new("the query"), statement).await.expect_err(sql)
    }

    fn asked(sql: &str) -> (SessionContext, Statement) {
        let session = SessionContext::new();
        for function in functions() {
            session.register_udf(function.as_ref().clone());
        }
        let fields = vec![
            Field::new("amount", DataType::Utf8View, false),
            Field::new("Unit Price", DataType::Utf8View, false),
            Field::new("_line", DataType::Int64, false),
        ];
        let table = EmptyTable::new(Arc::new(Schema::new(fields)));
        session.register_table("source", Arc::new(table)).expect("a table");
        let mut parser = DFParserBuilder::new(sql).build().expect("a parser");
        (session, parser.parse_statement().expect("a statement"))
    }

    #[tokio::test]
    async fn text_that_is_compared_with_a_number_is_named_if_that_fails() {
        for (sql, instead) in [
            ("SELECT 1 FROM source WHERE amount > 5", "try_to_decimal(amount, 12, 2) > 5"),
            ("SELECT 1 FROM source WHERE -5 <= amount", "-5 <= try_to_decimal(amount, 12, 2)"),
            (
                "SELECT sum(coalesce(amount, 0)) FROM source",
                "coalesce(try_to_decimal(amount, 12, 2), 0)",
            ),
            (
                "SELECT 1 FROM source WHERE amount BETWEEN 1 AND 5",
                "try_to_decimal(amount, 12, 2) BETWEEN 1 AND 5",
            ),
            (
                "SELECT 1 FROM source WHERE amount IN (1, 2)",
                "try_to_decimal(amount, 12, 2) IN (1, 2)",
            ),
        ] {
            let (session, statement) = asked(sql);
            let named =
                name_text_column(&session, Path::new("the query"), &statement, Error::Expression);
            let Error::TextNumber { instead: found, .. } = named.await else { panic!("{sql}") };
            assert_eq!(found, instead);
        }
        let (session, statement) = asked("SELECT 1 FROM source WHERE amount > '5' AND _line > 5");
        let path = Path::new("the query");
        let other = name_text_column(&session, path, &statement, Error::Expression).await;
        assert!(matches!(other, Error::Expression), "{other:?}");
    }

    #[tokio::test]
    async fn text_that_is_calculated_with_is_named_with_the_line_to_write() {
        for (sql, named, instead) in [
            ("SELECT sum(amount) FROM source", "amount", "sum(try_to_decimal(amount, 12, 2))"),
            (
                "SELECT AVG(s.amount) FROM source s",
                "s.amount",
                "AVG(try_to_decimal(s.amount, 12, 2))",
            ),
            ("SELECT amount * 2 FROM source", "amount", "try_to_decimal(amount, 12, 2) * 2"),
            (
                "SELECT sum(coalesce(amount, '0')) FROM source",
                "coalesce(amount, '0')",
                "sum(try_to_decimal(coalesce(amount, '0'), 12, 2))",
            ),
            (
                "SELECT sum(x) FROM (SELECT trim(amount) AS x FROM source)",
                "x",
                "sum(try_to_decimal(x, 12, 2))",
            ),
            (
                "WITH t AS (SELECT amount AS x FROM source) SELECT avg(t.x) FROM t",
                "t.x",
                "avg(try_to_decimal(t.x, 12, 2))",
            ),
            (
                "SELECT sum(\"Unit Price\") FROM source WHERE _line > 5",
                "\"Unit Price\"",
                "sum(try_to_decimal(\"Unit Price\", 12, 2))",
            ),
        ] {
            let error = refusal(sql).await;
            let Error::TextNumber { column, instead: found, .. } = &error else {
                panic!("{sql}: {error:?}")
            };
            assert_eq!((column.as_str(), found.as_str()), (named, instead), "{sql}");
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.hint().is_some_and(|hint| hint.contains(instead)), "{sql}");
        }
    }

    #[tokio::test]
    async fn no_message_of_the_engine_about_itself_is_shown() {
        for sql in [
            "SELECT sum(x) FROM (SELECT amount || 'a' AS x FROM source)",
            "WITH t(x) AS (SELECT amount FROM source) SELECT avg(x) FROM t",
            "SELECT sum(concat(amount, '1')) FROM source",
        ] {
            let error = refusal(sql).await;
            assert_eq!(error.kind(), ErrorKind::Usage, "{sql}");
            assert_does_not_show_the_engine(sql, &error);
        }
        for sql in [
            "SELECT date_trunc('day', amount) + amount FROM source",
            "SELECT amount[1] FROM source",
            "SELECT sum(_line) OVER (ORDER BY amount RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM source",
            "SELECT make_array(amount, _line)[amount] FROM source",
            "SELECT unnest(amount) FROM source",
            "SELECT array_agg(amount)[1] + 1 FROM source",
            "SELECT extract(day FROM amount) FROM source",
            "SELECT named_struct('a', amount).b FROM source",
            "SELECT 1 FROM source WHERE amount",
            "SELECT 1 FROM source HAVING sum(amount || 'x') > 1",
        ] {
            let (session, statement) = asked(sql);
            if let Err(error) = plan(&session, Path::new("the query"), statement).await {
                assert_does_not_show_the_engine(sql, &error);
            }
        }
    }

    fn assert_does_not_show_the_engine(sql: &str, error: &Error) {
        let mut shown = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            shown.push_str(&error.to_string());
            cause = error.source();
        }
        for word in ["bug", "Internal", "DataFusion"] {
            assert!(!shown.contains(word), "{sql}: {shown}");
        }
    }
}
