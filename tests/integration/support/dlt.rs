//! The live loader: the real dlt, as its users run it every day.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{Project, Ran, finish, shipped};

/// dlt with its daily pipeline over a project's bucket.
pub struct Dlt<'a> {
    pub project: &'a Project,
    /// `append` or `merge`.
    pub form: &'static str,
}

impl Dlt<'_> {
    /// The command that loads the days from December on, until this one.
    fn command(&self, until: &str, more: &[&str]) -> Command {
        let project = self.project;
        let python = shipped("target/dlt/bin/python");
        assert!(python.exists(), "dlt is needed: tests/run installs it");
        let folder = project.path("dlt");
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut command = Command::new(python);
        command
            .arg(shipped("tests/dlt/daily.py"))
            .args(["--form", self.form, "--bucket", super::BUCKET, "--prefix", "orders-create/"])
            .args(["--since", "2025-12-01", "--until", until])
            .args(["--dataset", "shop", "--table", "orders_create"])
            .arg("--files")
            .arg(project.bucket())
            .arg("--state")
            .arg(self.state())
            .args(more)
            .current_dir(folder)
            .env("DATABASE_URL", project.database.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Loads what is new until a day; returns the number of rows.
    pub async fn load(&self, until: &str) -> i64 {
        let Ran { code, stdout, stderr } = finish(self.command(until, &[])).await;
        assert_eq!(code, Some(0), "{stdout}\n{stderr}");
        let last = stdout.lines().last().unwrap_or_default();
        let result: serde_json::Value = serde_json::from_str(last).expect("JSON");
        result["rows"].as_i64().expect("a number")
    }

    /// Starts to load until a day, with each transaction held open for some seconds.
    pub fn start(&self, until: &str, seconds: &str) -> Child {
        self.command(until, &["--commit-delay", seconds]).spawn().expect("dlt")
    }

    /// The folder of its local state.
    pub fn state(&self) -> PathBuf {
        self.project.path("dlt-state")
    }
}
