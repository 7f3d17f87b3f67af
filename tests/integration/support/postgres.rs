//! A real PostgreSQL for the tests: one server in a temporary folder, a database a test.
//!
//! The server and its folder are gone when the process is, however it ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The server of this process.
static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicUsize = AtomicUsize::new(0);

/// Runs a server until the end of its own input, which comes when this process ends, however it ends;
/// then stops it and removes its folder, the first argument.
const GUARD: &str = r#"trap '' HUP INT QUIT TERM; folder=$1; shift
    "$@" </dev/null & cat >/dev/null; kill -QUIT $!; wait; rm -rf "$folder""#;

struct Server {
    port: u16,
    /// Holds the other end of the guard's input.
    _guard: Child,
}

/// An empty database of the server.
pub struct Database {
    name: String,
    port: u16,
}

impl Database {
    pub async fn create() -> Self {
        let server = SERVER.get_or_init(Server::start);
        let number = DATABASES.fetch_add(1, Ordering::SeqCst);
        let database = Self { name: format!("test_{number}"), port: server.port };
        let admin = connect(server.port, "postgres").await;
        let statement = format!("CREATE DATABASE {}", database.name);
        admin.batch_execute(&statement).await.expect("a database");
        database
    }

    pub fn url(&self) -> String {
        format!(
            "postgres://postgres:test-only@127.0.0.1:{}/{}?sslmode=disable",
            self.port, self.name
        )
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub async fn execute(&self, sql: &str) {
        connect(self.port, &self.name).await.batch_execute(sql).await.expect("a statement");
    }

    /// A session of its own, for what has to stay open.
    pub async fn client(&self) -> Client {
        connect(self.port, &self.name).await
    }

    pub async fn rows(&self, sql: &str) -> Vec<String> {
        let client = connect(self.port, &self.name).await;
        let messages = client.simple_query(sql).await.expect("a query");
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|index| row.get(index).unwrap_or(""));
                Some(values.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }
}

async fn connect(port: u16, database: &str) -> Client {
    let settings =
        format!("host=127.0.0.1 port={port} user=postgres password=test-only dbname={database}");
    let (client, connection) =
        tokio_postgres::connect(&settings, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

impl Server {
    fn start() -> Self {
        let programs = programs();
        let folder = std::env::temp_dir().join(format!("backfill-test-pg-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let password = folder.join("password");
        std::fs::write(&password, "test-only").expect("a password file");
        let data = folder.join("data");
        give_to_postgres(&folder);
        let mut initdb = as_postgres(&programs.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"]);
        initdb.arg(format!("--pwfile={}", password.display())).arg("--no-sync");
        let made = initdb.stdout(Stdio::null()).output().expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut server = as_postgres(Path::new("sh"));
        server.args(["-c", GUARD, "sh"]).arg(&folder).arg(programs.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        server.arg("-k").arg(&folder).args(["-c", "fsync=off", "-c", "max_connections=200"]);
        server.args(["-c", "shared_buffers=128MB", "-c", "log_min_messages=panic"]);
        server.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = server.spawn().expect("postgres");
        wait_until_ready(&data);
        Self { port, _guard: guard }
    }
}

/// The server says in its folder when it takes connections.
fn wait_until_ready(data: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_ready(data) {
        assert!(Instant::now() < deadline, "postgres does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_ready(data: &Path) -> bool {
    let status = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    status.lines().any(|line| line.trim_end() == "ready")
}

/// Where the server's programs are: in the folder that the environment names, or in the newest of Debian's, which
/// keeps them out of the path.
pub fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("BACKFILL_TEST_POSTGRES") {
        let folder = PathBuf::from(folder);
        assert!(folder.join("initdb").exists(), "no initdb in {}", folder.display());
        return folder;
    }
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    versions
        .pop()
        .filter(|folder| folder.join("initdb").exists())
        .expect("PostgreSQL is needed: tests/run installs it")
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A command that ends with this process, as the user `postgres` where this one is root: the server
/// refuses to run as root.
pub fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.args(["--pdeathsig", "QUIT"]).arg(program).env("LC_ALL", "C.UTF-8");
    command
}

pub fn give_to_postgres(folder: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("-R").arg("postgres").arg(folder).status();
        assert!(given.is_ok_and(|status| status.success()), "chown");
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
