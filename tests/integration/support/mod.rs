//! What tests stand on: a project in a temporary folder, an S3 server in this process, a real
//! PostgreSQL with a database a test, and the program itself, run as a command.

mod dlt;
mod own_server;
mod pgbouncer;
mod postgres;
mod proxy;
mod random;
mod seeds;
mod stores;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backfill_demo::S3Server;
use tempfile::TempDir;

pub use dlt::Dlt;
pub use own_server::OwnServer;
pub use pgbouncer::Pooler;
pub use postgres::Database;
pub use proxy::Proxy;
pub use random::Random;
pub use seeds::seeds;
pub use stores::{AZURE_KEY, Stores};

/// The bucket of every project.
pub const BUCKET: &str = "exports";

/// A project: configuration, SQL, a bucket behind an S3 server, a database.
pub struct Project {
    folder: TempDir,
    pub s3: S3Server,
    pub database: Database,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A dataset of three columns, for tests that need no more.
const CONFIG: &str = r#"
[source]
url = "s3://exports"
[staging]
url = "staging"
[datasets.people]
prefix = "people/"
key = "report_{date:%Y-%m-%d}*.csv"
table = "people"
max_rejects = 0
"#;

const TARGET: &str = "\
CREATE TABLE people (
    id text, city text, amount numeric(12, 2),
    _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date NOT NULL
);";

const STAGE: &str = "\
SELECT id, city, try_to_decimal(amount, 12, 2) AS amount, _file_name, _row_id, _file_date
FROM source";

const DEDUPE: &str = "\
SELECT _file_name, _row_id FROM source
QUALIFY row_number() OVER (
    PARTITION BY id ORDER BY _file_date DESC, _file_name DESC, _row_id DESC) = 1";

impl Project {
    /// A project with the dataset `people`, its bucket empty.
    pub async fn people() -> Self {
        let project = Self::empty().await;
        project.write("backfill.toml", CONFIG);
        project.write("sql/people/target.sql", TARGET);
        project.write("sql/people/stage.sql", STAGE);
        project.write("sql/people/dedupe.sql", DEDUPE);
        project
    }

    /// A project with the shipped configuration and SQL over a sample's bucket.
    pub async fn orders(options: &backfill_sample::Options) -> Self {
        let project = Self::empty().await;
        let config = std::fs::read_to_string(shipped("backfill.toml")).expect("the configuration");
        let config = config.replace("s3://your-exports", "s3://exports");
        project.write("backfill.toml", config);
        copy_folder(&shipped("sql"), &project.path("sql"));
        backfill_sample::write(&project.bucket(), options, &mut |_| {}).expect("a sample");
        project
    }

    /// A project with nothing but an empty bucket.
    pub async fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("backfill-test-").tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("buckets").join(BUCKET)).expect("a bucket");
        let s3 = S3Server::start(&folder.path().join("buckets")).await.expect("an S3 server");
        let database = Database::create().await;
        Self { folder, s3, database }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn bucket(&self) -> PathBuf {
        self.path("buckets").join(BUCKET)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Replaces a piece of a file of the project, which must be there.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{from} is not in {name}");
        self.write(name, text.replace(from, to));
    }

    /// Puts an object into the bucket. The server says when it was written to the second, and nothing of
    /// its content: one that replaces another is written at least two seconds after it.
    pub fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let path = self.bucket().join(key);
        let before = std::fs::metadata(&path).and_then(|replaced| replaced.modified()).ok();
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, content).expect("written");
        if let Some(before) = before {
            let file = std::fs::File::options().write(true).open(&path).expect("the object");
            let later = before + std::time::Duration::from_secs(2);
            let now = file.metadata().and_then(|written| written.modified()).expect("a time");
            file.set_modified(later.max(now)).expect("a time");
        }
    }

    /// The command, with an environment of its own and a narrow terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_backfill"), arguments)
    }

    /// Another program, in the same environment.
    pub fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("DATABASE_URL", self.database.url())
            .env("TMPDIR", std::env::temp_dir())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.envs(self.s3.variables());
        command
    }

    pub async fn backfill(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments)).await
    }

    /// Runs with the given variables besides.
    pub async fn backfill_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        finish(command).await
    }

    /// `backfill run` over a range.
    pub async fn run(&self, start: &str, end: &str) -> Ran {
        self.backfill(&["run", "--start", start, "--end", end]).await
    }

    /// The rows of a query as text, columns joined by `|`, NULL as nothing.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        self.database.rows(sql).await
    }

    /// Waits until a count is no longer 0.
    ///
    /// # Panics
    ///
    /// If that takes over a minute: what was waited for did not happen.
    pub async fn until(&self, count: &str, what: &str) {
        let begun = std::time::Instant::now();
        while self.rows(count).await == ["0"] {
            assert!(begun.elapsed().as_secs() < 60, "this did not happen within a minute: {what}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// The dataset `people` in a mode, over a target without any index, of which every row survives.
pub async fn people(mode: &str) -> Project {
    let project = Project::people().await;
    project.edit("backfill.toml", "max_rejects = 0", &format!("max_rejects = 0\n{mode}"));
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project
}

/// A file of the dataset `people` with these rows.
pub fn export(rows: &str) -> String {
    format!("id,city,amount\n{rows}")
}

pub async fn finish(mut command: Command) -> Ran {
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.expect("the command ends").expect("the command runs");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

impl Ran {
    /// Asserts that the command ended with `code`.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("a JSON document")
    }
}

/// A file that ships with the project.
pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
