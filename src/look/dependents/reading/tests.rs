//! Which days a view shows, by its query.

use super::*;

fn known() -> Known {
    let all = Reading { days: Days::All, keeps_file_date: true };
    let december = Days::From { day: day("2025-12-01"), is_whole: true };
    Known::from([
        ("public.orders".to_owned(), all),
        ("\"Sp ace\".\"V 1\"".to_owned(), Reading { days: december, keeps_file_date: true }),
    ])
}

fn day(text: &str) -> FileDate {
    text.parse().expect("a day")
}

fn days(definition: &str) -> Days {
    reading(definition, &known()).days
}

fn from(text: &str, is_whole: bool) -> Days {
    Days::From { day: day(text), is_whole }
}

#[test]
fn a_query_without_conditions_shows_every_day() {
    for query in [
        "SELECT orders.id FROM public.orders",
        "SELECT count(*) AS n FROM public.orders GROUP BY orders.city ORDER BY 1",
        "SELECT o.id FROM (public.orders o LEFT JOIN public.city c ON ((c.name = o.city)))",
        "SELECT o.id FROM public.orders o LEFT JOIN public.city c ON ((c.name = o.city))",
        "SELECT orders.id FROM public.orders WHERE (orders._file_date > '2026-01-01'::date) \
         UNION ALL SELECT orders.id FROM public.orders",
        "SELECT date_trunc('month'::text, (o._file_date)::timestamp with time zone) AS month, count(*) AS n \
         FROM public.orders o GROUP BY (date_trunc('month'::text, (o._file_date)::timestamp with time zone))",
        "SELECT CASE o.city WHEN 'x'::text THEN 'y'::text ELSE o.city END AS city FROM public.orders o",
        "SELECT max(o._file_date) AS last, sum((o.amount * (2)::numeric)) AS s FROM public.orders o",
    ] {
        assert_eq!(days(query), Days::All, "{query}");
    }
    assert_eq!(days("SELECT city.name FROM public.city"), Days::None);
}

#[test]
fn literals_limit_the_days_whatever_the_type_of_the_column() {
    for (condition, expected) in [
        ("(o._file_date >= '2025-12-01'::date)", from("2025-12-01", true)),
        ("((o._file_date)::text > '2025-12-01'::text)", from("2025-12-02", true)),
        ("('2025-12-01'::date <= o._file_date)", from("2025-12-01", true)),
        (
            "(o._file_date >= '2025-12-01 00:00:00'::timestamp without time zone)",
            from("2025-12-01", false),
        ),
        (
            "((o._file_date >= '2025-12-01'::date) AND (o.city = 'Rome'::text))",
            from("2025-12-01", false),
        ),
        (
            "((o._file_date >= '2025-12-01'::date) AND (o._file_date <= '2025-12-31'::date))",
            from("2025-12-01", false),
        ),
        ("(o._file_date = '2025-12-05'::date)", from("2025-12-05", false)),
    ] {
        assert_eq!(days(&format!("SELECT o.id FROM public.orders o WHERE {condition}")), expected);
    }
}

#[test]
fn what_is_not_certain_is_unknown() {
    for query in [
        "SELECT o.id FROM public.orders o WHERE (o.city = 'Rome'::text)",
        "SELECT o.id FROM public.orders o WHERE (o._file_date >= (CURRENT_DATE - 30))",
        "SELECT o.id FROM public.orders o WHERE ((o._file_date >= '2025-12-01'::date) OR (o.id = 'x'::text))",
        "SELECT o.id FROM public.orders o WHERE (o._file_date >= '2025-12-01 00:00:00+00'::timestamp with time zone)",
        "SELECT o.id FROM (public.orders o JOIN public.city c ON ((c.name = o.city)))",
        "SELECT o.id FROM (public.city c LEFT JOIN public.orders o ON ((c.name = o.city)))",
        "SELECT o.id FROM public.orders o(id, _file_date) WHERE (o._file_date >= '2025-12-01'::date)",
        "SELECT c.name FROM public.city c WHERE (c.name IN ( SELECT orders.city FROM public.orders))",
        "WITH w AS (SELECT orders.id FROM public.orders) SELECT w.id FROM w",
        "SELECT o.id FROM public.orders o LIMIT 10",
        "SELECT DISTINCT ON (o.city) o.city FROM public.orders o",
        "SELECT o.id FROM ONLY public.orders o",
        "SELECT o.id FROM public.orders o TABLESAMPLE bernoulli (10)",
        "SELECT count(*) FILTER (WHERE (o._file_date >= '2025-12-01'::date)) AS n FROM public.orders o",
        "SELECT sum( CASE WHEN (o._file_date >= '2025-12-01'::date) THEN o.amount ELSE NULL::numeric END) AS n \
         FROM public.orders o",
        "SELECT (1 + count(NULLIF((o._file_date < '2025-12-01'::date), true))) AS n FROM public.orders o",
        "SELECT sum(((o._file_date >= '2025-12-01'::date))::integer) AS n FROM public.orders o",
        "SELECT o.id, sum(o.amount) FILTER (WHERE (o._file_date >= '2025-12-01'::date)) OVER (PARTITION BY o.id) AS s \
         FROM public.orders o",
        "SELECT CASE WHEN (o._file_date >= '2025-12-01'::date) THEN o.id ELSE NULL::text END AS id FROM public.orders o",
        "SELECT o.city FROM public.orders o GROUP BY o.city HAVING (min(o._file_date) >= '2025-12-01'::date)",
        "SELECT ( SELECT max(orders.id) AS max FROM public.orders) AS id FROM public.orders o",
        "SELECT DISTINCT ON (o.city) o.city, o._file_date FROM public.orders o ORDER BY o.city, o._file_date DESC",
        "SELECT o.id FROM public.orders o WHERE (date_trunc('month'::text, (o._file_date)::timestamp with time zone) \
         >= '2025-12-01 00:00:00+00'::timestamp with time zone)",
        "SELECT o.id FROM public.orders o WHERE (o._file_date >= (now() - '30 days'::interval))",
        "SELECT o.id FROM public.orders o WHERE (o._file_date >= ('2025-12-01'::date - '1 mon'::interval))",
        "SELECT o.id FROM public.orders o WHERE (o._file_date <= '2025-12-31'::date)",
        "not a query",
    ] {
        assert!(matches!(days(query), Days::Unknown(_)), "{query}: {:?}", days(query));
    }
}

/// The days that a view shows which reads another view.
fn days_over_a_view(condition: &str) -> Days {
    days(&format!("SELECT \"V 1\".id FROM \"Sp ace\".\"V 1\" {condition}"))
}

#[test]
fn a_view_over_a_view_shows_no_more_than_it() {
    assert_eq!(days_over_a_view(""), from("2025-12-01", true));
    let other = days_over_a_view("WHERE (\"V 1\".city = 'x'::text)");
    assert_eq!(other, from("2025-12-01", false));
    let later = days_over_a_view("WHERE (\"V 1\"._file_date >= '2025-12-05'::date)");
    assert_eq!(later, from("2025-12-05", true));
}

fn keeps(list: &str) -> bool {
    reading(&format!("SELECT {list} FROM public.orders"), &known()).keeps_file_date
}

#[test]
fn a_column_of_that_name_that_is_another_one_says_nothing() {
    assert!(keeps("orders.id, orders._file_date"));
    assert!(!keeps("min(orders._file_date) AS _file_date"));
    assert!(!keeps("orders.id AS _file_date"));
    assert!(!keeps("orders._file_date AS day"));
}
