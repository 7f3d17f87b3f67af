//! The result of a **refresh** of materialized views, as a table.

use super::table;
use crate::life::{RefreshOutcome, RefreshedView};

/// What a person has to do if an earlier run was stopped before its refresh.
const SKIPPED: &str = "\
if an earlier run was stopped between its load and its refresh, execute REFRESH MATERIALIZED VIEW for these
";

/// Writes one line per view, in the order in which they are refreshed.
pub fn refresh(views: &[RefreshedView]) -> String {
    if views.is_empty() {
        return "no materialized view depends on the target\n".to_owned();
    }
    let mut table = table(&["materialized view", "refreshed", "its readers"], &[]);
    for view in views {
        let (refreshed, waited) = match &view.outcome {
            RefreshOutcome::Refreshed { seconds } => (format!("in {seconds:.1} s"), "waited"),
            RefreshOutcome::Planned => ("after the load".to_owned(), "will wait"),
            RefreshOutcome::Skipped { reason } => (format!("no: {reason}"), ""),
            RefreshOutcome::Failed { reason } => (format!("FAILED: {reason}"), ""),
        };
        let readers = match view.why_readers_wait {
            _ if waited.is_empty() => String::new(),
            None => "continue reading".to_owned(),
            Some(why) => format!("{waited}: {why}"),
        };
        table.add_row(vec![view.view.clone(), refreshed, readers]);
    }
    let has_skipped =
        views.iter().any(|view| matches!(view.outcome, RefreshOutcome::Skipped { .. }));
    format!("{table}\n{}", if has_skipped { SKIPPED } else { "" })
}
