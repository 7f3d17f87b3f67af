//! **Tests** of the credentials from each origin, how long they are valid, and the error if there are none.

use aws_credential_types::provider;

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn credentials_are_replaced_five_minutes_before_they_expire() {
    assert_eq!(replace_at(at(3600), at(0)), at(3300));
    assert_eq!(replace_at(at(100), at(0)), at(50));
    assert_eq!(replace_at(at(100), at(200)), at(100));
}

#[test]
fn keys_without_an_end_never_expire() {
    let found = Found::new(&Credentials::new("AKIA", "secret", None, None, "test"), at(0));
    assert!(found.is_fresh(at(u32::MAX.into())) && found.is_valid(at(u32::MAX.into())));
}

#[test]
fn an_error_names_the_place_and_what_to_do() {
    let error = object_store::Error::from(NoCredentials {
        place: "the source s3://exports".to_owned(),
        origin: Origin::Profile("work".to_owned()),
        cause: CredentialsError::not_loaded("no such profile"),
    });
    assert!(matches!(error, object_store::Error::Unauthenticated { .. }));
    let found = NoCredentials::behind(&error).expect("the cause");
    let text = found.to_string();
    assert!(text.starts_with("no AWS credentials for the source s3://exports (profile work): "));
    assert!(text.ends_with("no such profile"), "{text}");
    assert!(found.hint().contains("aws sso login --profile work"));
}

#[test]
fn what_a_credential_process_writes_is_not_shown() {
    let process = "external process exited with code exit status: 3. Stderr: the vault says SECRET";
    for (cause, expected) in [
        (process, "its credential_process ended with the exit code 3"),
        (
            "Error retrieving credentials from external process: SECRET",
            "its credential_process failed",
        ),
    ] {
        let text = described(&CredentialsError::provider_error(cause));
        assert!(!text.contains("SECRET") && text.ends_with(expected), "{text}");
    }
}

#[test]
fn a_service_that_does_not_answer_may_answer_later() {
    let error = object_store::Error::from(NoCredentials {
        place: "s3://exports".to_owned(),
        origin: Origin::Profile("work".to_owned()),
        cause: CredentialsError::provider_timed_out(TIMEOUT),
    });
    assert!(crate::store::is_transient(&error));
}

#[test]
fn debug_output_holds_no_secret() {
    let found = Found::new(&Credentials::new("AKIA", "the-secret", None, None, "test"), at(0));
    let mut credentials =
        AwsCredentials::new("s3://exports".to_owned(), Origin::Chain, "us-east-1".to_owned());
    credentials.state.get_mut().found = Some(found);
    assert!(!format!("{credentials:?}").contains("the-secret"));
}

/// Answers the first time with keys that are valid for `lifetime`; refuses later.
#[derive(Debug)]
struct Once {
    lifetime: Duration,
    asked: std::sync::atomic::AtomicUsize,
}

impl ProvideCredentials for Once {
    fn provide_credentials<'a>(&'a self) -> provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let asked = self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let end = SystemTime::now() + self.lifetime;
        provider::future::ProvideCredentials::ready(match asked {
            0 => Ok(Credentials::new("AKIA", "secret", None, Some(end), "test")),
            _ => Err(CredentialsError::not_loaded("signed out")),
        })
    }
}

fn once(lifetime: Duration) -> AwsCredentials {
    let provider = SharedCredentialsProvider::new(Once { lifetime, asked: 0.into() });
    let mut credentials =
        AwsCredentials::new("s3://exports".to_owned(), Origin::Chain, "us-east-1".to_owned());
    credentials.state.get_mut().provider = Some(provider);
    credentials
}

#[tokio::test]
async fn credentials_are_asked_for_once_while_they_are_fresh() {
    let credentials = once(Duration::from_secs(3600));
    for _ in 0..2 {
        assert_eq!(credentials.get_credential().await.expect("kept").key_id, "AKIA");
    }
}

#[tokio::test]
async fn credentials_that_are_still_valid_outlive_a_failed_renewal() {
    let credentials = once(Duration::from_secs(3600));
    credentials.get_credential().await.expect("the first");
    let mut state = credentials.state.lock().await;
    state.found.as_mut().expect("kept").replace_at = Some(at(0));
    drop(state);
    credentials.get_credential().await.expect("those that are still valid");
}

#[tokio::test]
async fn credentials_that_expired_are_not_used() {
    let credentials = once(Duration::ZERO);
    credentials.get_credential().await.expect("the first");
    let error = credentials.get_credential().await.expect_err("signed out");
    assert!(NoCredentials::behind(&error).is_some());
}
