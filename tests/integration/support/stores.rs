//! The servers of `tests/stores/stores.py`; they end with the process that started them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{Project, Ran, finish, shipped};

/// The key that every Azurite knows.
pub const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Servers over a copy of the project's buckets, and of an empty bucket `staging`.
pub struct Stores<'a> {
    project: &'a Project,
    process: Child,
    ports: BTreeMap<String, u16>,
    /// How many lines of the log were taken.
    taken: AtomicUsize,
}

impl<'a> Stores<'a> {
    /// Starts the servers; objects that are put afterwards are not in them.
    pub fn start(project: &'a Project, more: &[&str]) -> Self {
        let python = shipped("target/stores/bin/python");
        assert!(python.exists(), "moto is needed: tests/run installs it");
        let azurite = shipped("target/azurite/node_modules/.bin/azurite-blob");
        assert!(azurite.exists(), "Azurite is needed: tests/run installs it");
        std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
        let mut process = Command::new(python)
            .arg(shipped("tests/stores/stores.py"))
            .arg("--buckets")
            .arg(project.path("buckets"))
            .arg("--log")
            .arg(project.path("requests.jsonl"))
            .arg("--azurite")
            .arg(azurite)
            .args(more)
            .current_dir(project.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the servers");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let ports = serde_json::from_str(&line).expect("the ports");
        Self { project, process, ports, taken: AtomicUsize::new(0) }
    }

    pub fn url(&self, service: &str, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[service])
    }

    /// Runs the program with these servers and no keys but those of `variables`.
    pub async fn backfill(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.project.command(arguments);
        for (name, _) in self.project.s3.variables() {
            command.env_remove(name);
        }
        command
            .env("HOME", self.project.path("home"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_S3", self.url("s3", ""))
            .env("AWS_ENDPOINT_URL_STS", self.url("sts", ""))
            .env("AWS_ENDPOINT_URL_SSO", self.url("sso", ""))
            .env("AWS_ENDPOINT_URL_SSO_OIDC", self.url("sso", ""))
            .envs(variables.iter().copied());
        finish(command).await
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.project.path("requests.jsonl")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let taken = self.taken.swap(lines.len(), Ordering::SeqCst);
        lines[taken..].iter().map(|line| serde_json::from_str(line).expect("a request")).collect()
    }

    /// The keys of a session, as variables.
    pub async fn session(&self) -> Vec<(&'static str, String)> {
        let mut socket =
            TcpStream::connect(("127.0.0.1", self.ports["metadata"])).expect("a connection");
        let request = "GET /container HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
                       Authorization: container-token\r\n\r\n";
        socket.write_all(request.as_bytes()).expect("asked");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let keys: Value = serde_json::from_str(body).expect("keys");
        [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "Token"),
        ]
        .map(|(name, field)| (name, keys[field].as_str().expect("a key").to_owned()))
        .into()
    }
}

impl Drop for Stores<'_> {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
