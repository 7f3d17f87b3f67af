//! A proxy between the program and PostgreSQL that loses the answer to a COMMIT: the server commits, and
//! the client never hears of it. Either the connection ends, or it stays and nothing comes any more.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::postgres::Database;

/// A running proxy; it ends with the process.
pub struct Proxy {
    port: u16,
    lost: Arc<AtomicUsize>,
}

/// What the proxies of all connections have in common.
#[derive(Clone)]
struct Script {
    /// Connections that are refused after an answer was lost.
    refusals: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    /// Whether the connection stays open when an answer is lost, and nothing comes any more, as behind a device
    /// on the route that has forgotten the connection and still answers for the other side.
    swallows: bool,
}

impl Proxy {
    /// Starts a proxy that swallows the answer to the first COMMIT of a batch, and all that would come after it.
    pub fn swallowing(database: &Database) -> Self {
        Self::scripted(database, 0, true)
    }

    /// Starts a proxy that loses the answer to the first COMMIT of a batch, and refuses the next `refusals`
    /// connections, as a server that restarts does.
    pub fn start(database: &Database, refusals: usize) -> Self {
        Self::scripted(database, refusals, false)
    }

    fn scripted(database: &Database, refusals: usize, swallows: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = database.port();
        let lost = Arc::new(AtomicUsize::new(0));
        let refusals = Arc::new(AtomicUsize::new(refusals));
        let script = Script { refusals, lost: Arc::clone(&lost), swallows };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let is_down = script.lost.load(Ordering::SeqCst) > 0
                    && script
                        .refusals
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                            left.checked_sub(1)
                        })
                        .is_ok();
                if is_down {
                    continue;
                }
                let script = script.clone();
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                thread::spawn(move || forward(client, server, &script));
            }
        });
        Self { port, lost }
    }

    /// The address of a database through the proxy.
    pub fn url(&self, database: &Database) -> String {
        let name = database.name();
        format!("postgres://postgres:test-only@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

/// Forwards what the client sends, until it commits a batch for the first time.
fn forward(mut client: TcpStream, mut server: TcpStream, script: &Script) {
    let (mut from_server, mut to_client) =
        (server.try_clone().expect("a clone"), client.try_clone().expect("a clone"));
    let is_mute = Arc::new(AtomicBool::new(false));
    let is_muted = Arc::clone(&is_mute);
    let back = thread::spawn(move || {
        let mut bytes = [0; 64 << 10];
        while let Ok(count @ 1..) = from_server.read(&mut bytes) {
            if !is_muted.load(Ordering::SeqCst) && to_client.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        if !is_muted.load(Ordering::SeqCst) {
            let _ = to_client.shutdown(Shutdown::Both);
        }
    });
    let mut bytes = [0; 64 << 10];
    let mut loads = false;
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let sent = &bytes[..count];
        loads |= contains(sent, b"INSERT INTO backfill.batches");
        if loads && contains(sent, b"COMMIT\0") && script.lost.load(Ordering::SeqCst) == 0 {
            script.lost.fetch_add(1, Ordering::SeqCst);
            if script.swallows {
                is_mute.store(true, Ordering::SeqCst);
                let _ = server.write_all(sent);
                // Until the client gives up.
                let _ = std::io::copy(&mut client, &mut std::io::sink());
                break;
            }
            // Nobody hears the answer any more, and the server does what it was asked.
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.write_all(sent);
            thread::sleep(Duration::from_millis(300));
            break;
        }
        if server.write_all(sent).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
