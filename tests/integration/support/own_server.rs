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
    /// A library that every process of the server loads first.
    preload: Option<PathBuf>,
}

/// Stands between the server and the system: as long as a file named `full` is there, tables do not grow,
/// as on a disk without room.
const FULL_DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_full(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "/base/") && access(FULL, F_OK) == 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (!next) next = dlsym(RTLD_NEXT, "pwrite64");
    if (is_full(fd)) { errno = ENOSPC; return -1; }
    return next(fd, bytes, count, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    static ssize_t (*next)(int, const struct iovec *, int, off64_t);
    if (!next) next = dlsym(RTLD_NEXT, "pwritev64");
    if (is_full(fd)) { errno = ENOSPC; return -1; }
    return next(fd, parts, count, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }
"#;

impl OwnServer {
    /// Has the server run on a disk that can be made full.
    pub fn with_small_disk(mut self) -> Self {
        let folder = self.folder.path();
        std::fs::write(folder.join("full_disk.c"), FULL_DISK).expect("a file");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1"]);
        compile.arg(format!("-DFULL=\"{}\"", folder.join("full").display()));
        compile.arg(folder.join("full_disk.c")).arg("-o").arg(folder.join("full_disk.so"));
        succeed(compile.arg("-ldl"));
        give_to_postgres(folder);
        self.preload = Some(folder.join("full_disk.so"));
        self.pg_ctl("restart", "fast");
        self
    }

    /// Takes all room from the disk, or gives it back.
    pub fn fill_disk(&self, is_full: bool) {
        let flag = self.folder.path().join("full");
        match is_full {
            true => std::fs::write(flag, "").expect("a file"),
            false => std::fs::remove_file(flag).expect("a file"),
        }
    }

    /// Makes a server and starts it. It takes every user without a password.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("backfill-test-").tempdir().expect("a folder");
        give_to_postgres(folder.path());
        let server = Self { folder, port: free_port(), preload: None };
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
            printf \"ssl = on\\nssl_cert_file = '$1/server.crt'\\nssl_key_file = '$1/server.key'\\nssl_ca_file = '$1/right.crt'\\n\" >>data/postgresql.conf";
        succeed(as_postgres(Path::new("sh")).args(["-c", script, "sh"]).arg(&folder));
        self.pg_ctl("restart", "fast");
        folder
    }

    /// Gives it a certificate that expired long ago, in the folder that [`with_tls`](Self::with_tls) has made.
    pub fn with_expired_certificate(&self) {
        let script = "set -e; cd \"$1\"; touch index; echo 01 >serial
            printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n\
                    default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >ca.conf
            openssl ca -batch -config ca.conf -in server.csr -out server.crt -keyfile right.key \
                -cert right.crt -startdate 200101000000Z -enddate 200201000000Z -extfile names -notext";
        let folder = self.folder.path();
        succeed(as_postgres(Path::new("sh")).args(["-c", script, "sh"]).arg(folder));
        self.pg_ctl("restart", "fast");
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Lets in whom these lines of pg_hba.conf let in.
    pub fn admit(&self, lines: &str) {
        std::fs::write(self.data().join("pg_hba.conf"), lines).expect("a file");
        give_to_postgres(self.folder.path());
        self.pg_ctl("restart", "fast");
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
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
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
