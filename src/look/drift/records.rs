//! The **records** that a glimpse has seen: how many there are, which of them are rejected, and whether the rejected
//! ones have another width than the header. If the columns change in the middle of a file, the records after it do.

use std::collections::BTreeMap;

use backfill_csv::{Advice, Reason, Reject};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;

use super::glimpse::Glimpse;
use crate::check;
use crate::domain::{Dataset, DateRange, RejectLimit, USUAL_BATCH_DAYS, provenance};
use crate::mirror::Rejected;

/// How many rejects an error names.
const NAMED: usize = 3;
/// Fewer records of another width than this at the end of a file may just be faulty.
const FEWEST_OF_WIDTH: u64 = 2;

/// The records that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// How many.
    pub seen: u64,
    /// Whether these are all that the file has.
    pub are_all: bool,
    /// How many of them are rejected, and the line of the first, by reason.
    pub rejected: BTreeMap<Reason, (u64, i64)>,
    /// The settings that would read the rejected ones.
    pub advice: Vec<Advice>,
    /// Records of another width than the header, if all of them have the same.
    pub other_width: Option<OtherWidth>,
}

/// Records of another width than the header of their file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherWidth {
    /// The physical line of the first.
    pub line: i64,
    /// How many fields they have.
    pub fields: usize,
    /// How many there are.
    pub records: u64,
    /// How many records before them are as wide as the header.
    pub accepted_before: u64,
    /// Whether no record behind the first one is as wide as the header.
    pub to_the_end: bool,
}

impl Records {
    /// Counts a batch of rows and the rejects among them.
    pub fn of(rows: Option<&RecordBatch>, rejects: &[Reject], are_all: bool) -> Self {
        let mut rejects: Vec<&Reject> = rejects.iter().collect();
        if !are_all {
            // A quote that is open at the end of what was read may close after it.
            let open = rejects.iter().position(|r| r.reason == Reason::UnterminatedQuote);
            rejects.truncate(open.unwrap_or(rejects.len()));
        }
        let mut rejected: BTreeMap<Reason, (u64, i64)> = BTreeMap::new();
        for reject in &rejects {
            rejected.entry(reject.reason).or_insert((0, reject.line)).0 += 1;
        }
        let accepted = rows.map_or(0, RecordBatch::num_rows) as u64;
        let other_width = OtherWidth::of(rows, &rejects);
        let (seen, advice) = (accepted + rejects.len() as u64, Vec::new());
        Self { seen, are_all, rejected, advice, other_width }
    }

    /// Returns how many records are rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected.values().map(|(records, _)| records).sum()
    }
}

impl OtherWidth {
    fn of(rows: Option<&RecordBatch>, rejects: &[&Reject]) -> Option<Self> {
        let of_width: Vec<&Reject> = rejects
            .iter()
            .filter(|r| matches!(r.reason, Reason::TooFewFields | Reason::TooManyFields))
            .copied()
            .collect();
        let first = of_width.first()?;
        if of_width.iter().any(|reject| reject.found_fields != first.found_fields) {
            return None;
        }
        let ids = rows.and_then(|rows| rows.column_by_name(provenance::ROW_ID));
        let ids = ids.and_then(|ids| ids.as_primitive_opt::<Int64Type>());
        let accepted = ids.map_or(0, Array::len);
        let before =
            ids.map_or(0, |ids| ids.iter().flatten().filter(|id| *id < first.row_id).count());
        Some(Self {
            line: first.line,
            fields: usize::try_from(first.found_fields).unwrap_or_default(),
            records: of_width.len() as u64,
            accepted_before: before as u64,
            to_the_end: before == accepted,
        })
    }

    /// Whether the columns may have changed while the file was written, even if no other file has this width.
    pub fn is_striking(&self) -> bool {
        self.to_the_end && self.records >= FEWEST_OF_WIDTH
    }
}

/// Returns the rejected records among those that were looked at, by file, then reason.
pub(super) fn rejected(glimpses: &[Glimpse]) -> Vec<Rejected> {
    glimpses.iter().flat_map(rejected_of_file).collect()
}

fn rejected_of_file(glimpse: &Glimpse) -> impl Iterator<Item = Rejected> {
    let reasons = glimpse.records.rejected.iter();
    reasons.map(|(reason, (records, first_line))| Rejected {
        key: glimpse.file.key.clone(),
        date: glimpse.file.date,
        reason: reason.to_string(),
        records: *records,
        first_line: *first_line,
    })
}

/// Returns why a run over a range would refuse batches of it, as far as that is certain: a count that is exceeded
/// already, or a share of records that are all known.
pub fn over_limit(dataset: &Dataset, range: DateRange, glimpses: &[Glimpse]) -> Vec<check::Error> {
    let batches = glimpses.chunk_by(|a, b| batch_of(range, a) == batch_of(range, b));
    batches.filter_map(|batch| refusal(dataset, batch)).collect()
}

fn batch_of(range: DateRange, glimpse: &Glimpse) -> usize {
    range.batch_of(glimpse.file.date, USUAL_BATCH_DAYS)
}

fn refusal(dataset: &Dataset, batch: &[Glimpse]) -> Option<check::Error> {
    let (first, last) = (batch.first()?, batch.last()?);
    let limit = dataset.max_rejects;
    let are_all = batch.iter().all(|glimpse| glimpse.records.are_all);
    let records: u64 = batch.iter().map(|glimpse| glimpse.records.seen).sum();
    let rejects = rejected(batch);
    let rejected = rejects.iter().map(|reject| reject.records).sum();
    let is_certain = are_all || matches!(limit, RejectLimit::Count(_));
    if !is_certain || !limit.is_exceeded(rejected, records) {
        return None;
    }
    Some(check::Error::TooManyRejects {
        dataset: dataset.name.clone(),
        days: format!("{} to {}", first.file.date, last.file.date),
        rejected,
        records,
        limit,
        first: rejects
            .iter()
            .take(NAMED)
            .map(|reject| format!("{}:{} {}", reject.key, reject.first_line, reject.reason))
            .collect(),
        advice: check::advice(batch.iter().flat_map(|glimpse| &glimpse.records.advice)).into(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn rows(ids: &[i64]) -> RecordBatch {
        let field = Field::new(provenance::ROW_ID, DataType::Int64, false);
        let ids = Arc::new(Int64Array::from(ids.to_vec()));
        RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![ids]).expect("rows")
    }

    fn reject(row_id: i64, reason: Reason, found_fields: i64) -> Reject {
        let raw = Vec::new();
        let (line, offset, expected_fields) = (row_id + 2, 0, 3);
        Reject { row_id, line, offset, reason, expected_fields, found_fields, raw }
    }

    fn wide(row_id: i64) -> Reject {
        reject(row_id, Reason::TooManyFields, 4)
    }

    #[test]
    fn columns_changed_within_a_file_if_only_wider_records_follow() {
        let changed = Records::of(Some(&rows(&[0, 1])), &[wide(2), wide(3)], true);
        assert_eq!((changed.seen, changed.rejected()), (4, 2));
        let width = changed.other_width.expect("another width");
        assert_eq!((width.line, width.fields, width.accepted_before), (4, 4, 2));
        assert!(width.is_striking());
        let single = Records::of(Some(&rows(&[0, 2])), &[wide(1)], true);
        assert!(!single.other_width.expect("another width").is_striking());
        let scattered = [wide(1), reject(2, Reason::TooFewFields, 2)];
        assert_eq!(Records::of(Some(&rows(&[0])), &scattered, true).other_width, None);
    }

    #[test]
    fn a_quote_that_is_open_at_the_end_of_what_was_read_is_not_a_reject() {
        let rejects = [
            reject(0, Reason::TooFewFields, 1),
            reject(2, Reason::UnterminatedQuote, 1),
            reject(3, Reason::TooFewFields, 1),
        ];
        assert_eq!(Records::of(Some(&rows(&[1])), &rejects, false).rejected(), 1);
        assert_eq!(Records::of(Some(&rows(&[1])), &rejects, true).rejected(), 3);
    }
}
