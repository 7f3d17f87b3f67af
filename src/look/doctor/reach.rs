//! To **reach** a store is to get an answer from it that is not a refusal. A refusal shows which step failed: the
//! address, the clock, the credentials, the region or the bucket.

use std::time::Duration;

use super::checklist::Checklist;
use crate::store::{self, Answer, NoCredentials, Store};

/// The steps towards a store, in the order in which they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// It answers.
    Answers,
    /// Its clock and ours agree.
    Clock,
    /// It accepts the credentials.
    Credentials,
    /// Requests go to the bucket's region.
    Region,
    /// The bucket or folder exists.
    Bucket,
    /// The request is allowed.
    Right,
}

/// The ids of the checks of one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    /// Of [`Step::Answers`].
    pub answers: &'static str,
    /// Of [`Step::Clock`].
    pub clock: &'static str,
    /// Of [`Step::Credentials`].
    pub credentials: &'static str,
    /// Of [`Step::Region`].
    pub region: &'static str,
    /// Of [`Step::Bucket`].
    pub bucket: &'static str,
    /// The key of the region in the configuration.
    pub region_key: &'static str,
}

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a request to a store, but not as long as a run would.
///
/// # Errors
/// Those of the request, and a generic one if there is no answer in time.
pub(super) async fn within_patience<T>(
    request: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(result) => result,
        Err(late) => {
            Err(object_store::Error::Generic { store: "the store", source: Box::new(late) })
        }
    }
}

/// A clock that is off by more than this many seconds gives a warning.
const SECONDS_OFF: i64 = 60;

/// The step at which a request failed.
pub(super) fn failed_step(error: &object_store::Error, answer: &Answer) -> Step {
    let code = answer.code.as_deref().unwrap_or_default();
    match (answer.status, code) {
        _ if NoCredentials::behind(error).is_some() => Step::Credentials,
        (_, "RequestTimeTooSkewed") => Step::Clock,
        (401, _)
        | (
            _,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "AuthenticationFailed",
        ) => Step::Credentials,
        (301 | 307, _)
        | (
            _,
            "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "IllegalLocationConstraintException",
        ) => Step::Region,
        (404, _) => Step::Bucket,
        _ => match error {
            object_store::Error::NotFound { .. } => Step::Bucket,
            object_store::Error::PermissionDenied { .. } => Step::Right,
            object_store::Error::Unauthenticated { .. } => Step::Credentials,
            _ if answer.status == 0 => Step::Answers,
            _ => Step::Right,
        },
    }
}

/// What the store answered, by status and code. Its own text is left out, because it may quote what was signed.
pub(super) fn answered(answer: &Answer) -> String {
    match (answer.status, &answer.code) {
        (0, _) => "there was no answer".to_owned(),
        (status, Some(code)) => format!("the answer was {status} {code}"),
        (status, None) => format!("the answer was {status}"),
    }
}

/// Adds the checks of all steps; those after one that failed are skipped. Returns whether the store was reached.
pub(super) fn add_steps(
    list: &mut Checklist,
    ids: &Ids,
    store: &Store,
    error: Option<&object_store::Error>,
) -> bool {
    if store.folder().is_some() {
        return add_folder(list, ids, error);
    }
    let answer = store.last_answer();
    let failed = error.map(|error| failed_step(error, &answer));
    let steps = [Step::Answers, Step::Clock, Step::Credentials, Step::Region, Step::Bucket];
    // Only buckets of S3 have to be asked for in their own region.
    for step in steps.into_iter().filter(|step| *step != Step::Region || store.is_s3()) {
        match (failed, error) {
            (Some(failed), Some(error)) if failed == step => {
                add_failure(list, ids, step, error, &answer);
            }
            (Some(failed), _) if failed < step => {
                list.skipped(id_of(ids, step), "an earlier check failed");
            }
            _ => add_success(list, ids, step, &answer),
        }
    }
    failed.is_none_or(|step| step == Step::Right)
}

fn id_of(ids: &Ids, step: Step) -> &'static str {
    match step {
        Step::Answers => ids.answers,
        Step::Clock => ids.clock,
        Step::Credentials => ids.credentials,
        Step::Region => ids.region,
        Step::Bucket | Step::Right => ids.bucket,
    }
}

fn add_folder(list: &mut Checklist, ids: &Ids, error: Option<&object_store::Error>) -> bool {
    match error {
        Some(object_store::Error::NotFound { .. }) => {
            list.failed(
                ids.bucket,
                "the folder does not exist",
                "create it, or configure another one",
            );
            false
        }
        _ => {
            list.passed(ids.bucket, "the folder exists");
            true
        }
    }
}

fn add_success(list: &mut Checklist, ids: &Ids, step: Step, answer: &Answer) {
    match (step, answer.seconds_ahead) {
        (Step::Answers, _) if answer.status == 0 => {
            list.skipped(ids.answers, "no request was sent to the store");
        }
        (Step::Answers, _) => list.passed(ids.answers, "the store answers"),
        (Step::Clock, None) => list.skipped(ids.clock, "the store does not report its time"),
        (Step::Clock, Some(seconds)) if seconds.abs() > SECONDS_OFF => list.warned(
            ids.clock,
            format!("this machine's clock is {}", off_by(seconds)),
            "synchronise the clock with NTP: S3 refuses requests that are 15 minutes off (RequestTimeTooSkewed)",
        ),
        (Step::Clock, Some(_)) => list.passed(ids.clock, "the clocks agree to within a minute"),
        (Step::Credentials, _) => list.passed(ids.credentials, "the credentials are accepted"),
        (Step::Region, _) => list.passed(ids.region, "requests go to the right region"),
        (Step::Bucket | Step::Right, _) => list.passed(ids.bucket, "the bucket exists"),
    }
}

fn off_by(seconds_ahead: i64) -> String {
    let way = if seconds_ahead > 0 { "behind" } else { "ahead of" };
    format!("{} s {way} the store's", seconds_ahead.abs())
}

fn add_failure(
    list: &mut Checklist,
    ids: &Ids,
    step: Step,
    error: &object_store::Error,
    answer: &Answer,
) {
    let answered = answered(answer);
    match step {
        Step::Answers => list.failed(
            ids.answers,
            "the store cannot be reached",
            format!("check the endpoint, its port and the proxy; {}", store::hint(error)),
        ),
        Step::Clock => {
            let off = answer.seconds_ahead.map(off_by);
            let off = off.map(|off| format!("; this machine's clock is {off}")).unwrap_or_default();
            let next = "set the clock of this machine, for example with NTP";
            list.failed(ids.clock, format!("the store refuses the time of requests{off}"), next);
        }
        Step::Credentials => {
            let found = match NoCredentials::behind(error) {
                Some(missing) => missing.to_string(),
                None => format!("the store does not accept the credentials: {answered}"),
            };
            list.failed(ids.credentials, found, store::hint(error));
        }
        Step::Region => {
            let (found, next) = wrong_region(ids, answer);
            list.failed(ids.region, found, next);
        }
        Step::Bucket | Step::Right => list.failed(
            ids.bucket,
            format!("the bucket does not exist: {answered}"),
            "check the name of the bucket and the endpoint; a bucket is created with the provider's tools",
        ),
    }
}

/// What was found and what to do about a wrong region. Which region to set is known only if the store says so.
fn wrong_region(ids: &Ids, answer: &Answer) -> (String, String) {
    let key = ids.region_key;
    match &answer.region {
        Some(region) => (
            format!("requests go to another region than the bucket's, which is {region}"),
            format!("set {key} = \"{region}\" in backfill.toml, or AWS_REGION={region}"),
        ),
        None => (
            "requests go to another region than the bucket's, which the store does not name"
                .to_owned(),
            format!(
                "find the bucket's region (aws s3api get-bucket-location), and set {key} in backfill.toml, \
                 or AWS_REGION"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Answer {
        Answer { status, code: Some(code.to_owned()), ..Answer::default() }
    }

    #[test]
    fn an_answer_says_which_step_failed() {
        let refused = object_store::Error::Generic { store: "S3", source: "no".into() };
        for (status, code, step) in [
            (403, "RequestTimeTooSkewed", Step::Clock),
            (403, "InvalidAccessKeyId", Step::Credentials),
            (400, "ExpiredToken", Step::Credentials),
            (301, "PermanentRedirect", Step::Region),
            (400, "AuthorizationHeaderMalformed", Step::Region),
            (404, "NoSuchBucket", Step::Bucket),
            (403, "AccessDenied", Step::Right),
        ] {
            assert_eq!(failed_step(&refused, &answer(status, code)), step, "{code}");
        }
        assert_eq!(failed_step(&refused, &Answer::default()), Step::Answers);
    }
}
