//! To **show** results: as tables and text for people, as JUnit XML, and as an HTML page.

mod accounting;
mod checks;
mod dependents;
mod doctor;
mod drift;
mod estimate;
mod gaps;
mod html;
mod junit;
mod plan;
mod prune;
mod refresh;
mod undo;
mod verification;

pub use accounting::accounting;
pub use checks::checks;
pub use dependents::dependents;
pub use doctor::doctor;
pub use drift::drift;
pub use estimate::{choices, estimate, fits};
pub use gaps::gaps;
pub use html::{Document, document, html};
pub use junit::{Suite, junit};
pub use plan::plan;
pub use prune::prune;
pub use refresh::refresh;
pub use undo::undone;
pub use verification::verification;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::printable::grouped;

/// What is shown if the target was not asked.
const LOADED_UNKNOWN: &str =
    "UNVERIFIED: no database is configured, so it is not known what is loaded";

/// What is shown for a number that is not known.
const UNKNOWN: &str = "?";

/// Writes a count, or that it is not known.
fn known(count: Option<u64>) -> String {
    count.map_or_else(|| UNKNOWN.to_owned(), grouped)
}

/// Makes a table with these column heads; the columns of `right` hold numbers.
pub fn table(heads: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().copied());
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
