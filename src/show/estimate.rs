//! Estimates in words and as a table, each number with where it comes from.

use super::table;
use crate::look::estimate::{Estimate, Figure};
use crate::look::{Choice, Scope};
use crate::printable::{bytes, grouped};

/// What is shown of a number that is not known.
const UNKNOWN: &str = "?";

/// One estimate, a line for each number.
pub fn estimate(estimate: &Estimate) -> String {
    let Estimate { rows, growth, seconds, month_dollars, reading, .. } = estimate;
    let grows = figure(growth, |growth| {
        format!(
            "{} (table {}, indexes {}, TOAST {}), and {} of write-ahead log",
            bytes(growth.total),
            bytes(growth.table),
            bytes(growth.indexes),
            bytes(growth.toast),
            bytes(growth.wal)
        )
    });
    format!(
        "rows      about {} [{}]\n\
         growth    about {grows} [{}]\n\
         time      {} [{}]\n\
         database  {} a month [{}]\n\
         reading   {} requests and {}: {}, and {} if they leave the region\n",
        figure(rows, |rows| grouped(*rows)),
        rows.source,
        growth.source,
        figure(seconds, |seconds| format!("about {}", time(*seconds))),
        seconds.source,
        figure(month_dollars, |money| dollars(*money)),
        month_dollars.source,
        grouped(reading.list_requests + reading.get_requests + reading.put_requests),
        bytes(reading.bytes),
        dollars(reading.request_dollars),
        dollars(reading.internet_dollars),
    )
}

/// The options beside each other.
pub fn choices(choices: &[Choice]) -> String {
    let heads = [
        "load", "days", "files", "~rows", "~time", "~table", "~indexes", "~TOAST", "~WAL",
        "$/month", "$ S3", "fits",
    ];
    let mut table = table(&heads, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for choice in choices {
        let Some(estimate) = &choice.estimate else { continue };
        let grows = |part: fn(&crate::look::estimate::Growth) -> u64| {
            figure(&estimate.growth, |growth| bytes(part(growth)))
        };
        table.add_row(vec![
            scope(choice.what),
            grouped(choice.days as u64),
            grouped(estimate.files as u64),
            figure(&estimate.rows, |rows| grouped(*rows)),
            figure(&estimate.seconds, |seconds| time(*seconds)),
            grows(|growth| growth.table),
            grows(|growth| growth.indexes),
            grows(|growth| growth.toast),
            grows(|growth| growth.wal),
            figure(&estimate.month_dollars, |money| dollars(*money)),
            dollars(estimate.reading.request_dollars),
            answer(&choice.fits).to_owned(),
        ]);
    }
    let refusals = choices.iter().filter_map(|choice| {
        let refusal = choice.refusal.as_ref()?;
        Some(format!("does not fit: {}: {refusal}\n", scope(choice.what)))
    });
    let refusals: String = refusals.collect();
    let sources = choices.iter().find_map(|choice| choice.estimate.as_ref()).map(sources);
    // Why each does not fit is said already.
    let some = choices.iter().filter(|choice| choice.what != Scope::Nothing);
    let open = some.map(|choice| &choice.fits).find(|fits| fits.value != Some(false));
    let fits = open.filter(|_| sources.is_some()).map(|fits| format!("fits: {}\n", fits.source));
    format!(
        "Options\n{table}\n{refusals}{}{}",
        sources.unwrap_or_default(),
        fits.unwrap_or_default()
    )
}

/// Whether something fits, as a line under an estimate.
pub fn fits(fits: &Figure<bool>) -> String {
    format!("fits      {} [{}]\n", answer(fits), fits.source)
}

fn answer(fits: &Figure<bool>) -> &'static str {
    match fits.value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known",
    }
}

/// Where the numbers of a table of options come from.
fn sources(estimate: &Estimate) -> String {
    let internet = dollars(estimate.reading.internet_dollars);
    format!(
        "rows: {}\ngrowth: {}\ntime: {}\n$/month: {}\n$ S3: requests; everything that leaves the region for \
         the internet costs {internet} more\n",
        estimate.rows.source,
        estimate.growth.source,
        estimate.seconds.source,
        estimate.month_dollars.source,
    )
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Everything => "everything".to_owned(),
        Scope::From(day) => format!("from {day}"),
        Scope::Nothing => "nothing".to_owned(),
    }
}

fn figure<T>(figure: &Figure<T>, text: impl Fn(&T) -> String) -> String {
    figure.value.as_ref().map_or_else(|| UNKNOWN.to_owned(), text)
}

/// A time in words.
fn time(seconds: f64) -> String {
    match seconds {
        0.0 => "0 min".to_owned(),
        seconds if seconds < 60.0 => "under 1 min".to_owned(),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Money, to the cent, or to as many digits as are needed to see that it is not nothing.
fn dollars(money: f64) -> String {
    match money {
        0.0 => "$0".to_owned(),
        money if money < 0.01 => "under $0.01".to_owned(),
        money => format!("${money:.2}"),
    }
}
