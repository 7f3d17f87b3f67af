//! **Estimates** in words and as a table, each number with its source.

use super::{UNKNOWN, table};
use crate::look::estimate::{Estimate, Figure};
use crate::look::{Choice, Scope};
use crate::printable::{bytes, grouped};

/// Writes one estimate, a line per number.
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
        figure(seconds, |seconds| about(*seconds)),
        seconds.source,
        figure(month_dollars, |money| dollars(*money)),
        month_dollars.source,
        grouped(reading.list_requests + reading.get_requests + reading.put_requests),
        bytes(reading.bytes),
        dollars(reading.request_dollars),
        dollars(reading.internet_dollars),
    )
}

/// Writes the options as a table.
pub fn choices(choices: &[Choice]) -> String {
    let heads = [
        "load", "days", "files", "~rows", "~time", "~table", "~indexes", "~TOAST", "~WAL",
        "$/month", "$ S3", "fits",
    ];
    let mut table = table(&heads, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for choice in choices {
        let Some(estimate) = &choice.estimate else { continue };
        let growth = &estimate.growth;
        table.add_row(vec![
            scope(choice.what),
            grouped(choice.days as u64),
            grouped(estimate.files as u64),
            figure(&estimate.rows, |rows| grouped(*rows)),
            figure(&estimate.seconds, |seconds| time(*seconds)),
            figure(growth, |growth| bytes(growth.table)),
            figure(growth, |growth| bytes(growth.indexes)),
            figure(growth, |growth| bytes(growth.toast)),
            figure(growth, |growth| bytes(growth.wal)),
            figure(&estimate.month_dollars, |money| dollars(*money)),
            dollars(estimate.reading.request_dollars),
            answer(&choice.fits).to_owned(),
        ]);
    }
    let mut text = format!("Options\n{table}\n");
    for choice in choices {
        if let Some(refusal) = &choice.refusal {
            text.push_str(&format!("does not fit: {}: {refusal}\n", scope(choice.what)));
        }
    }
    if let Some(estimate) = choices.iter().find_map(|choice| choice.estimate.as_ref()) {
        text.push_str(&sources(estimate));
        // The lines above already say why others do not fit.
        let mut loads = choices.iter().filter(|choice| choice.what != Scope::Nothing);
        if let Some(choice) = loads.find(|choice| choice.fits.value != Some(false)) {
            text.push_str(&format!("fits: {}\n", choice.fits.source));
        }
    }
    text
}

/// Writes whether something fits, as a line under an estimate.
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

/// Writes the sources of the numbers in a table of options.
fn sources(estimate: &Estimate) -> String {
    let internet = dollars(estimate.reading.internet_dollars);
    format!(
        "rows: {}\ngrowth: {}\ntime: {}\n$/month: {}\n$ S3: requests; {internet} more if the data leaves the region \
         for the internet\n",
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

/// Writes an estimated time in words.
fn about(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 60.0 => time(seconds),
        seconds => format!("about {}", time(seconds)),
    }
}

/// Writes a time in words.
fn time(seconds: f64) -> String {
    match seconds {
        0.0 => "0 min".to_owned(),
        seconds if seconds < 60.0 => "under 1 min".to_owned(),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Writes an amount of money to the cent; less than a cent is shown as that, and not as zero.
fn dollars(money: f64) -> String {
    match money {
        0.0 => "$0".to_owned(),
        money if money < 0.01 => "under $0.01".to_owned(),
        money => format!("${money:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_money_are_rounded_for_people() {
        for (seconds, expected) in [
            (0.0, "0 min"),
            (59.0, "under 1 min"),
            (90.0, "2 min"),
            (5399.0, "90 min"),
            (9000.0, "2.5 h"),
        ] {
            assert_eq!(time(seconds), expected);
        }
        for (money, expected) in [(0.0, "$0"), (0.004, "under $0.01"), (12.5, "$12.50")] {
            assert_eq!(dollars(money), expected);
        }
    }
}
