//! A **file**: the bytes of one export, and how they are written to the disk.
//!
//! The same plan always gives the same bytes. A file is written under a temporary name in its folder and then renamed,
//! so that under its own name it is either complete or does not exist.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::cells::Cells;
use crate::fault::{Fault, Raw};
use crate::layout::Layout;
use crate::plan::FilePlan;
use crate::quirks::Quirk;
use crate::row;
use crate::stream::Position;
use crate::{Error, WrittenFile, columns};

/// How many bytes are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// In a file with Windows-1252 letters, one order in this many has them.
const ORDERS_PER_ACCENT: u32 = 37;

/// Writes a file below `out`; its folder must exist.
pub(super) fn write(out: &Path, plan: &FilePlan) -> Result<WrittenFile, Error> {
    let path = out.join(&plan.path);
    let temporary = path.with_extension("csv.partial");
    let written = File::create(&temporary)
        .and_then(|mut file| render(plan, &mut file))
        .and_then(|bytes| std::fs::rename(&temporary, &path).map(|()| bytes));
    match written {
        Ok(bytes) => Ok(WrittenFile {
            path: plan.path.clone(),
            rows: rows(plan),
            bytes,
            quirks: plan.quirks.clone(),
        }),
        Err(source) => {
            // The first error is reported; the next run overwrites a leftover.
            let _ = std::fs::remove_file(&temporary);
            Err(Error::Write { path, source })
        }
    }
}

/// Returns how many records a file has, including the bad ones.
fn rows(plan: &FilePlan) -> u64 {
    u64::from(plan.rows()) + faults(plan).len() as u64
}

fn faults(plan: &FilePlan) -> &'static [Fault] {
    let has_bad = plan.quirks.iter().any(|quirk| matches!(quirk, Quirk::BadRecords { .. }));
    if has_bad { &Fault::ALL } else { &[] }
}

/// Writes a file's bytes to `to` and returns how many they were.
pub(super) fn render(plan: &FilePlan, to: &mut impl Write) -> io::Result<u64> {
    let layout = Layout::new(&plan.quirks);
    let accents = accents(plan);
    let header_again = plan.quirks.contains(&Quirk::RepeatedHeader).then_some(plan.rows() / 2);
    let mut faults = placed_faults(plan).peekable();
    let mut cells = Cells::default();
    let mut bytes = 0;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES + (64 << 10));
    layout.start(&mut buffer);
    for place in 0..=plan.rows() {
        while let Some((_, position, fault)) = faults.next_if(|(before, ..)| *before <= place) {
            row::draw(&plan.stream, position, &mut cells);
            layout.faulty_record(fault, &cells, &mut buffer);
        }
        if header_again == Some(place) {
            layout.header(&mut buffer);
        }
        if place == plan.rows() {
            break;
        }
        let position = plan.position(place);
        row::draw(&plan.stream, position, &mut cells);
        layout.record(&cells, accents_of(&accents, plan, position), &mut buffer);
        if buffer.len() >= BUFFER_BYTES {
            bytes += buffer.len() as u64;
            to.write_all(&buffer)?;
            buffer.clear();
        }
    }
    to.write_all(&buffer)?;
    Ok(bytes + buffer.len() as u64)
}

/// Returns the bad records of a file, spread over it; each with the place before which it is written.
///
/// They are rows that no file sends again, so that no key depends on them.
fn placed_faults(plan: &FilePlan) -> impl Iterator<Item = (u32, Position, Fault)> {
    let faults = faults(plan);
    let parts = faults.len() as u64 + 1;
    let (day, end, rows) = (plan.day, plan.own.end, u64::from(plan.rows()));
    (0..).zip(faults).map(move |(number, fault)| {
        let before = (rows * (u64::from(number) + 1) / parts) as u32;
        let position = Position { day, index: end.saturating_add(number), revision: 0 };
        (before, position, *fault)
    })
}

/// Returns the fields with Windows-1252 letters, if the file has any.
fn accents(plan: &FilePlan) -> Vec<Raw> {
    if !plan.quirks.contains(&Quirk::Windows1252) {
        return Vec::new();
    }
    let fields: [(_, &[u8]); 3] = [
        ("billing_fname", b"Ren\xe9e"),
        ("billing_city", b"Ca\xf1on City"),
        ("notes", b"At the neighbour\x92s door"),
    ];
    fields.map(|(column, field)| Raw { column: columns::position(column), field }).to_vec()
}

/// Returns the accents of a row: all or none. All rows of an order get the same, because they share a customer.
fn accents_of<'a>(accents: &'a [Raw], plan: &FilePlan, row: Position) -> &'a [Raw] {
    if accents.is_empty() {
        return &[];
    }
    match plan.stream.order_index(row.day, row.index) % ORDERS_PER_ACCENT {
        0 => accents,
        _ => &[],
    }
}
