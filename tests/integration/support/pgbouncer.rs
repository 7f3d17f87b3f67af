//! A real PgBouncer in front of the tests' server.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::postgres::{Database, as_postgres, free_port, give_to_postgres};

/// A pooler; it ends when it is dropped.
pub struct Pooler {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts a pooler with few connections, so that they go from hand to hand as `mode` says.
    pub fn start(database: &Database, mode: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("backfill-test-").tempdir().expect("a folder");
        let port = free_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres password=test-only\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\n{mode}\ndefault_pool_size = 2\n",
            database.port()
        );
        let path = folder.path().join("pgbouncer.ini");
        std::fs::write(&path, settings).expect("a file");
        give_to_postgres(folder.path());
        let process = as_postgres(&program())
            .arg("-q")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer");
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "pgbouncer does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { process, port, _folder: folder }
    }

    /// The address of a database through the pooler.
    pub fn url(&self, database: &Database) -> String {
        let name = database.name();
        format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian keeps the program where only root looks for it.
fn program() -> PathBuf {
    let program = Path::new("/usr/sbin/pgbouncer");
    assert!(program.exists(), "PgBouncer is needed: tests/run installs it");
    program.to_owned()
}
