//! A PostgreSQL of one test, which it may stop and start.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::postgres::{as_postgres, free_port, give_to_postgres, programs};

/// A server of its own; it ends when it is dropped.
pub struct OwnServer {
    folder: TempDir,
    pub port: u16,
}

impl OwnServer {
    /// Makes a server and starts it. It takes every user without a password.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("backfill-test-").tempdir().expect("a folder");
        give_to_postgres(folder.path());
        let server = Self { folder, port: free_port() };
        let mut initdb = as_postgres(&programs().join("initdb"));
        initdb.arg("-D").arg(server.data()).args(["-U", "postgres", "-A", "trust", "-E", "UTF8"]);
        succeed(initdb.arg("--no-sync"));
        server.pg_ctl("start", "fast");
        server
    }

    /// Has it speak TLS with a certificate for `localhost`; returns the folder with `right.crt`, the
    /// certificate of its authority, and `other.crt`, that of another one.
    pub fn with_tls(&self) -> PathBuf {
        let folder = self.folder.path().to_owned();
        let script = "set -e; cd \"$1\"
            for ca in right other; do
                openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.crt
            done
            openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
            printf 'subjectAltName=DNS:localhost' >names
            openssl x509 -req -in server.csr -CA right.crt -CAkey right.key -CAcreateserial -days 2 \\
                -extfile names -out server.crt
            chmod 600 server.key
            printf \"ssl = on\\nssl_cert_file = '$1/server.crt'\\nssl_key_file = '$1/server.key'\\n\" >>data/postgresql.conf";
        succeed(as_postgres(Path::new("sh")).args(["-c", script, "sh"]).arg(&folder));
        self.pg_ctl("restart", "fast");
        folder
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Starts the server anew, as after a crash: sessions are cut, and nothing is written down before.
    pub fn crash(&self) {
        self.pg_ctl("restart", "immediate");
    }

    /// A session.
    pub async fn client(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url(), NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn pg_ctl(&self, action: &str, mode: &str) {
        let mut command = as_postgres(&programs().join("pg_ctl"));
        command.arg(action).args(["-w", "-m", mode, "-D"]).arg(self.data());
        if action != "stop" {
            let folder = self.folder.path().display();
            command.arg("-o").arg(format!("-p {} -h 127.0.0.1 -k {folder}", self.port));
            command.arg("-l").arg(self.folder.path().join("log"));
        }
        succeed(&mut command);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let mut stop = as_postgres(&programs().join("pg_ctl"));
        stop.args(["stop", "-w", "-m", "immediate", "-D"]).arg(self.data());
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Runs a program of the server, which must succeed.
fn succeed(command: &mut Command) {
    let program = Path::new(command.get_program()).display().to_string();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a program");
    assert!(status.success(), "{program}: {status}");
}
