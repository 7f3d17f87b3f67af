//! `backfill gaps`.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::Context;
use super::day::Day;
use super::days::OpenDays;
use super::range::today;
use super::ranges::no_files;
use crate::domain::{Dataset, FileDate, Notice};
use crate::error::{Error, Exit};
use crate::look::estimate::{Compute, Estimate, Figure, Room};
use crate::look::{Choice, Scope, Surveyed};
use crate::project::Project;
use crate::state::Gaps;
use crate::{look, show};

/// Shows which days S3 holds, which the database holds, and which are missing there, as ranges of days.
///
/// A gap before the live loader's first day is historical: a backfill loads it. A gap from that day on is forward: the
/// live loader loads it. With --options, compares ways to close the historical gaps: rows, time, growth of the database
/// and cost, each with the source of the estimate.
///
/// Nothing is written. To estimate the growth, some rows are put into a temporary copy of the target, in a transaction
/// that is rolled back. Without a database, only the days in S3 are shown. The exit code is 3 if the historical gaps
/// do not fit into the database or onto its disk (as given by limits.database, limits.disk or --compute), and with
/// --options if no option fits.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// First file date: YYYY-MM-DD, today, yesterday, 7d or 2w ago, or last (the last loaded day); by default that of
    /// the first file
    #[arg(long, value_name = "DAY")]
    start: Option<Day>,
    /// Last file date, inclusive, in the same forms; by default that of the last file
    #[arg(long, value_name = "DAY")]
    end: Option<Day>,
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
    /// Compare ways to close the historical gaps: load everything, load the days since each --from, load nothing
    #[arg(long)]
    options: bool,
    /// Add an option that leaves out the days before this one: a date, or 30d or 8w ago; may be given several times
    #[arg(long, value_name = "DAY", requires = "options")]
    from: Vec<Day>,
    /// The Supabase compute size of the database: free, nano, micro, small, medium, large, xl, 2xl …
    #[arg(long, value_name = "SIZE")]
    compute: Option<Compute>,
}

/// The result of the command.
#[derive(Serialize)]
struct Found {
    datasets: Vec<FoundOf>,
    /// The historical gaps of all datasets together.
    estimate: Option<Estimate>,
    /// Whether they fit into the database and onto its disk.
    fits: Figure<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<Choice>,
    /// Why the historical gaps do not fit.
    refusal: Option<String>,
}

/// The gaps of one dataset.
#[derive(Serialize)]
struct FoundOf {
    #[serde(flatten)]
    gaps: Gaps,
    estimate: Option<Estimate>,
    notices: Vec<Notice>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] if no dataset has a file.
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let today = today();
    let days = OpenDays::new(arguments.start, arguments.end);
    let (start, end) = days.ends(today)?;
    let from = dates(&arguments.from, today)?;
    let project = context.open(context.configured(&arguments.prefixes)?)?;
    let (datasets, surveyed) = survey(&project, days, today).await?;
    let compute = arguments.compute;
    let room = Room::of(project.config.limits, compute);
    let all = look::choice(&surveyed, Scope::Everything, room, compute);
    let choices = match arguments.options {
        true => choices(&surveyed, from, room, compute),
        false => Vec::new(),
    };
    let fit = one_fits(&all, &choices);
    let is_empty = surveyed.iter().all(|one| one.gaps.source.files == 0);
    let is_asked = !datasets.is_empty();
    let datasets = datasets.into_iter().zip(surveyed).map(|(dataset, one)| FoundOf {
        estimate: one.estimate(Scope::Everything, compute),
        gaps: one.gaps,
        notices: project.notices(dataset),
    });
    let (datasets, Choice { estimate, fits, refusal, .. }) = (datasets.collect(), all);
    let found = Found { datasets, estimate, fits, options: choices, refusal };
    context.output.print(&found, render)?;
    match (is_empty && is_asked, fit) {
        (true, _) => Err(no_files(&project.config, start, end)),
        (false, true) => Ok(Exit::Done),
        (false, false) => Ok(Exit::Refused),
    }
}

/// Surveys every dataset of which a day is asked for.
async fn survey(
    project: &Project,
    days: OpenDays,
    today: FileDate,
) -> Result<(Vec<&Dataset>, Vec<Surveyed>), Error> {
    let (mut datasets, mut surveyed) = (Vec::new(), Vec::new());
    for dataset in &project.config.datasets {
        let Some((start, end)) = days.of(project, dataset, today).await? else { continue };
        surveyed.push(look::gaps(project, dataset, start, end).await?);
        datasets.push(dataset);
    }
    Ok((datasets, surveyed))
}

/// Converts days into dates, in order and without duplicates.
fn dates(days: &[Day], today: FileDate) -> Result<Vec<FileDate>, Error> {
    let mut dates = BTreeSet::new();
    for day in days {
        let Some(date) = day.date(today, None) else {
            return Err(Error::Usage("`last` cannot be used with --from: give a date".to_owned()));
        };
        dates.insert(date);
    }
    Ok(dates.into_iter().collect())
}

/// Whether the gaps fit, or one of the options does, or there is no gap.
fn one_fits(all: &Choice, choices: &[Choice]) -> bool {
    let one_of_them = choices.iter().any(|choice| choice.refusal.is_none() && has_work(choice));
    all.refusal.is_none() || one_of_them || !has_work(all)
}

fn has_work(choice: &Choice) -> bool {
    choice.estimate.as_ref().is_some_and(|estimate| estimate.files > 0)
}

/// Returns the options: load everything, load the days since each of `from`, load nothing.
fn choices(
    surveyed: &[Surveyed],
    from: Vec<FileDate>,
    room: Room,
    compute: Option<Compute>,
) -> Vec<Choice> {
    let scopes = [Scope::Everything]
        .into_iter()
        .chain(from.into_iter().map(Scope::From))
        .chain([Scope::Nothing]);
    scopes.map(|scope| look::choice(surveyed, scope, room, compute)).collect()
}

fn render(found: &Found) -> String {
    if found.datasets.is_empty() {
        return String::new();
    }
    let gaps: Vec<&Gaps> = found.datasets.iter().map(|dataset| &dataset.gaps).collect();
    let mut text = show::gaps(&gaps);
    match (found.options.is_empty(), &found.estimate) {
        (false, _) => text.push_str(&format!("\n{}", show::choices(&found.options))),
        (true, Some(estimate)) if estimate.files > 0 => {
            let is_known = gaps.iter().any(|gaps| gaps.held.is_some());
            let what = if is_known { "The historical gaps" } else { "Everything" };
            let (numbers, fits) = (show::estimate(estimate), show::fits(&found.fits));
            text.push_str(&format!("\n{what}\n{numbers}{fits}"));
        }
        _ => {}
    }
    text
}
