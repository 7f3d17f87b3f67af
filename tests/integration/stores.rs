//! Every store, and every way to AWS's credentials, against servers on this machine that check them.

use serde_json::Value;

use crate::support::{AZURE_KEY, Project, Ran, Stores};

const QUERY: [&str; 8] = [
    "query",
    "SELECT count(*) AS n FROM source",
    "--format",
    "csv",
    "--start",
    "2025-09-22",
    "--end",
    "2025-09-24",
];
const RUN: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-09-24"];

/// The profiles of all tests; `HOME` is replaced by the project's.
const PROFILES: &str = r"
[profile keys]
aws_access_key_id = AKIAKEYS
aws_secret_access_key = secret-of-AKIAKEYS
region = eu-west-3
[profile role]
role_arn = arn:aws:iam::123456789012:role/loader
source_profile = keys
region = eu-north-1
[profile nested]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = role
[profile wrong]
role_arn = arn:aws:iam::123456789012:role/loader
source_profile = wrong-keys
[profile wrong-keys]
aws_access_key_id = AKIAKEYS
aws_secret_access_key = not-the-secret
[profile web]
role_arn = arn:aws:iam::123456789012:role/web
web_identity_token_file = HOME/token
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = reader
region = eu-central-1
[sso-session corp]
sso_region = eu-central-1
sso_start_url = https://corp.awsapps.com/start
[profile container]
role_arn = arn:aws:iam::123456789012:role/loader
credential_source = EcsContainer
[profile instance]
role_arn = arn:aws:iam::123456789012:role/loader
credential_source = Ec2InstanceMetadata
[profile process]
credential_process = sh HOME/process.sh
";

/// Where a sign-in to the session `corp` is kept: the SHA-1 of its name.
const SIGN_IN: &str = "home/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

/// Variables, the key that they lead to, its region, and the services that are asked for it.
type Way = (Vec<(String, String)>, &'static str, &'static str, &'static [&'static str]);

/// Keys of a process, the way they are printed.
const PROCESS: &str = r#"echo '{"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "secret-of-AKIAPROCESS"}'"#;

/// A project of three days, with a home that holds the profiles.
async fn three_days() -> Project {
    let project = Project::people().await;
    for day in 22..=24 {
        project.put(
            &format!("people/report_2025-09-{day}.csv"),
            format!("id,city,amount\n{day},Rome,1\n"),
        );
    }
    let home = project.path("home");
    project.write("home/.aws/config", PROFILES.replace("HOME", &home.to_string_lossy()));
    project.write("home/token", "web-identity-token");
    project.write("home/process.sh", PROCESS);
    sign_in(&project, "sso-token", "2099-01-01T00:00:00Z", "");
    project
}

/// Writes what `aws sso login` leaves behind.
fn sign_in(project: &Project, token: &str, until: &str, more: &str) {
    let start = "https://corp.awsapps.com/start";
    project.write(
        SIGN_IN,
        format!(
            r#"{{"accessToken":"{token}","expiresAt":"{until}","region":"eu-central-1","startUrl":"{start}"{more}}}"#
        ),
    );
}

/// Variables, with the profile's name where one is given.
fn with(profile: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let profile = (!profile.is_empty()).then_some(("AWS_PROFILE", profile));
    let all = profile.into_iter().chain(more.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

async fn count(stores: &Stores<'_>, variables: &[(&str, &str)]) -> Vec<Value> {
    stores.take_requests();
    let ran = stores.backfill(variables, &QUERY).await.ended(0);
    assert_eq!(ran.stdout, "n\n3\n");
    stores.take_requests()
}

/// The requests to one service.
fn to<'a>(requests: &'a [Value], service: &str) -> Vec<&'a Value> {
    requests.iter().filter(|request| request["service"] == service).collect()
}

/// Asserts that credentials were refused with one error, a hint, and none of the secrets.
fn refused(ran: Ran, code: i32, words: &[&str]) {
    let ran = ran.ended(code);
    let errors = ran.stderr.lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in:\n{}", ran.stderr);
    }
    // The name of a variable is none.
    let shown = ran.stderr.replace("AWS_SECRET_ACCESS_KEY", "");
    for secret in ["secret-of-", "SECRET"] {
        assert!(!shown.contains(secret), "{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_credentials_signs_with_what_it_gives() {
    let project = three_days().await;
    let stores = Stores::start(&project, &[]);
    let token = project.path("home/token");
    let token = token.to_str().expect("text");
    let (container, instance) = (stores.url("metadata", "/container"), stores.url("metadata", ""));
    let container: [(&str, &str); 2] = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
    ];
    let instance: [(&str, &str); 2] =
        [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance)];
    let role = "arn:aws:iam::123456789012:role/web";
    // The variables; the key, or how a session's begins; its region; and who was asked for it.
    let ways: Vec<Way> = vec![
        (
            with(
                "",
                &[("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret-of-AKIAENV")],
            ),
            "AKIAENV",
            "us-east-1",
            &[],
        ),
        (with("keys", &[]), "AKIAKEYS", "eu-west-3", &[]),
        (with("role", &[]), "ASIA", "eu-north-1", &["sts"]),
        (with("nested", &[]), "ASIA", "eu-north-1", &["sts"]),
        (with("web", &[]), "ASIA", "us-east-1", &["sts"]),
        (
            with("", &[("AWS_WEB_IDENTITY_TOKEN_FILE", token), ("AWS_ROLE_ARN", role)]),
            "ASIA",
            "us-east-1",
            &["sts"],
        ),
        (with("sso", &[]), "ASIA", "eu-central-1", &["sso"]),
        (with("process", &[]), "AKIAPROCESS", "us-east-1", &[]),
        (with("", &container), "ASIA", "us-east-1", &["metadata"]),
        (with("container", &container), "ASIA", "us-east-1", &["metadata", "sts"]),
        (with("", &instance), "ASIA", "us-east-1", &["metadata"]),
        (with("instance", &instance), "ASIA", "us-east-1", &["metadata", "sts"]),
    ];
    for (variables, key, region, asked) in &ways {
        let named: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let requests = count(&stores, &named).await;
        for request in to(&requests, "s3") {
            let used = request["key"].as_str().unwrap_or_default();
            assert!(used.starts_with(key), "{named:?}: {request}");
            assert_eq!(request["region"], *region, "{named:?}: {request}");
            assert_eq!(request["token"], *key == "ASIA", "{named:?}: {request}");
        }
        for service in ["sts", "sso", "metadata"] {
            let was_asked = !to(&requests, service).is_empty();
            assert_eq!(was_asked, asked.contains(&service), "{named:?}: {service}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_or_a_service_that_is_down() {
    let project = three_days().await;
    let stores = Stores::start(&project, &[]);
    let ran = stores.backfill(&[("AWS_PROFILE", "wrong")], &QUERY).await;
    refused(ran, 1, &["no AWS credentials for the source s3://exports", "SignatureDoesNotMatch"]);
    let down = [("AWS_PROFILE", "role"), ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")];
    refused(stores.backfill(&down, &QUERY).await, 75, &["(profile role)", "Connection refused"]);
    project.write("home/token", "SECRET-TOKEN");
    let ran = stores.backfill(&[("AWS_PROFILE", "web")], &QUERY).await;
    refused(ran, 1, &["InvalidIdentityToken"]);
    let ran = stores.backfill(&[], &QUERY).await;
    refused(ran, 1, &["no keys and no profile are set"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_ended_is_renewed_or_asked_for() {
    let project = three_days().await;
    let stores = Stores::start(&project, &[]);
    let past = "2020-01-01T00:00:00Z";
    let sso = [("AWS_PROFILE", "sso")];
    // Not even the log of every detail holds a token or a key.
    let traced = [("AWS_PROFILE", "sso"), ("RUST_LOG", "trace")];
    let log = stores.backfill(&traced, &QUERY).await.ended(0).stderr;
    assert!(log.contains("DEBUG"), "{log}");
    for secret in ["sso-token", "secretAccessKey", "sessionToken"] {
        assert!(!log.contains(secret), "{secret}");
    }
    sign_in(&project, "SECRET-OLD", past, "");
    let ran = stores.backfill(&sso, &QUERY).await;
    refused(ran, 1, &["the SSO token has expired", "run `aws sso login --profile sso`"]);
    let refresh = r#","clientId":"c","clientSecret":"s","refreshToken":"refresh-token","registrationExpiresAt":"2099-01-01T00:00:00Z""#;
    sign_in(&project, "SECRET-OLD", past, refresh);
    let requests = count(&stores, &sso).await;
    assert_eq!(to(&requests, "sso")[0]["path"], "/token");
    std::fs::remove_file(project.path(SIGN_IN)).expect("removed");
    refused(stores.backfill(&sso, &QUERY).await, 1, &["run `aws sso login --profile sso`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_credential_process_prints_is_shown() {
    let project = three_days().await;
    let stores = Stores::start(&project, &[]);
    for script in [
        "echo SECRET-OUT; echo SECRET-ERR >&2; exit 3",
        "echo SECRET-GARBAGE",
        r#"echo '{"Version":1,"AccessKeyId":"SECRET","SecretAccessKey":"SECRET\q"}'"#,
        r#"echo '{"Version":1,"AccessKeyId":"SECRET","SecretAccessKey":"SECRET","SessionToken":"SECRET","Expiration":"SECRET"}'"#,
        r"printf '\377SECRET'",
        "exit 0",
        "kill -9 $$",
        "/no/such/SECRET-program",
    ] {
        project.write("home/process.sh", script);
        for level in ["off", "debug", "trace"] {
            let variables = [("AWS_PROFILE", "process"), ("RUST_LOG", level)];
            let ran = stores.backfill(&variables, &QUERY).await.ended(1);
            assert!(!ran.stderr.contains("SECRET"), "{script}, {level}: {}", ran.stderr);
            assert!(ran.stderr.contains("(profile process)"), "{script}: {}", ran.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_expire_are_renewed_in_the_middle_of_a_run() {
    let project = three_days().await;
    project.edit("backfill.toml", "[source]", "[limits]\nfiles_at_once = 1\n[source]");
    project.edit("backfill.toml", "\"staging\"", "\"s3://staging\"");
    let stores = Stores::start(&project, &["--lifetime", "3", "--delay", "0.2"]);
    stores.backfill(&[("AWS_PROFILE", "role")], &RUN).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["3"]);
    let requests = stores.take_requests();
    let mut keys: Vec<&str> =
        to(&requests, "s3").iter().filter_map(|request| request["key"].as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() > 2, "one key a place would do: {keys:?}");
    assert!(to(&requests, "s3").iter().all(|request| request["status"] != 400), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_the_environment_that_expired_are_said_to_be() {
    let project = three_days().await;
    let stores = Stores::start(&project, &["--lifetime", "1"]);
    // A session whose keys a process hands on without their end.
    let variables = stores.session().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    refused(stores.backfill(&variables, &QUERY).await, 1, &["ExpiredToken", "has expired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn source_and_staging_have_their_own_keys_regions_and_headers() {
    let project = three_days().await;
    let stores = Stores::start(&project, &[]);
    let kms = "arn:aws:kms:eu-west-1:123456789012:key/abc";
    let elsewhere = stores.url("s3", "").replace("127.0.0.1", "localhost");
    project.edit(
        "backfill.toml",
        "url = \"s3://exports\"",
        "url = \"s3://exports\"\nregion = \"eu-west-2\"\nprofile = \"keys\"\nrequester_pays = true",
    );
    project.edit(
        "backfill.toml",
        "url = \"staging\"",
        &format!(
            "url = \"s3://staging\"\nregion = \"eu-west-1\"\nprofile = \"role\"\n\
             kms_key = \"{kms}\"\nendpoint = \"{elsewhere}\""
        ),
    );
    let requests = count(&stores, &[]).await;
    for request in to(&requests, "s3") {
        let is_source = request["path"].as_str().is_some_and(|path| path.starts_with("/exports"));
        let is_write = request["method"] == "PUT";
        assert_eq!(request["region"], if is_source { "eu-west-2" } else { "eu-west-1" });
        assert_eq!(request["key"] == "AKIAKEYS", is_source, "{request}");
        assert_eq!(request["payer"] == "requester", is_source, "{request}");
        assert_eq!(request["kms"] == kms, is_write, "{request}");
    }
    // What the environment says for one place counts before the file.
    let own = [
        ("SOURCE_AWS_ACCESS_KEY_ID", "AKIASOURCE"),
        ("SOURCE_AWS_SECRET_ACCESS_KEY", "secret-of-AKIASOURCE"),
        ("SOURCE_AWS_REGION", "eu-south-1"),
    ];
    let requests = count(&stores, &own).await;
    let listing = to(&requests, "s3");
    let listing = listing.iter().find(|request| request["key"] == "AKIASOURCE");
    assert_eq!(listing.expect("the source's keys")["region"], "eu-south-1");
}

/// Loads everything with source and staging in buckets of `scheme`, with one file of several parts.
async fn loads(scheme: &str, service: &str, path: &str, more: &[(&str, &str)]) {
    let project = three_days().await;
    // Nothing that compresses: staging writes it in parts.
    let mut rows = String::from("id,city,amount\n");
    for number in 0..250_000_u128 {
        let one = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        rows.push_str(&format!("{one:032x},{:032x},{number}\n", one.rotate_left(61) ^ (one >> 7)));
    }
    project.put("people/report_2025-09-24.csv", rows);
    let stores = Stores::start(&project, &[]);
    let endpoint = stores.url(service, path);
    for (from, bucket) in [("s3://exports", "exports"), ("staging", "staging")] {
        project.edit(
            "backfill.toml",
            &format!("url = \"{from}\""),
            &format!("url = \"{scheme}://{bucket}\"\nendpoint = \"{endpoint}\""),
        );
    }
    let metadata = stores.url("metadata", "").replace("http://", "");
    let variables = [&[("GCE_METADATA_HOST", metadata.as_str())][..], more].concat();
    stores.backfill(&variables, &RUN).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["250002"]);
    let again = stores.backfill(&variables, &RUN).await.ended(0);
    assert!(again.stdout.contains("0 rows loaded"), "{}", again.stdout);
    let requests = stores.take_requests();
    let in_parts =
        |request: &Value| request["path"].as_str().is_some_and(|path| path.contains("uploadId"));
    if scheme != "az" {
        assert!(to(&requests, service).iter().any(|request| in_parts(request)), "no parts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_loaded_through_amazons_store() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret-of-AKIAENV")];
    loads("s3", "s3", "", &keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_loaded_through_googles_store() {
    loads("gs", "google", "", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_loaded_through_azures_store() {
    let account = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1"),
        ("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY),
    ];
    loads("az", "azure", "/devstoreaccount1", &account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_azure_refuses_names_its_variables() {
    let project = three_days().await;
    let stores = Stores::start(&project, &[]);
    let endpoint = stores.url("azure", "/devstoreaccount1");
    project.edit(
        "backfill.toml",
        "url = \"s3://exports\"",
        &format!("url = \"az://exports\"\nendpoint = \"{endpoint}\""),
    );
    let wrong = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "bm90LXRoZS1rZXk="),
    ];
    let ran = stores.backfill(&wrong, &QUERY).await.ended(1);
    assert!(ran.stderr.contains("AZURE_"), "{}", ran.stderr);
}
