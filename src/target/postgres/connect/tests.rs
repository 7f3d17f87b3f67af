//! Servers of a few lines take the place of real ones.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::domain::{Environment, ErrorKind, Explain};

/// What a server does when a session is to begin.
#[derive(Clone, Copy)]
enum Answer {
    /// It accepts everybody.
    Welcome,
    /// It refuses, with a code and a text.
    Refuse(&'static str, &'static str),
    /// It asks for a password.
    AskPassword,
    /// It does not answer.
    Silence,
}

/// Starts a server without TLS, and returns its port.
async fn server(answer: Answer) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer));
        }
    });
    port
}

async fn serve(mut stream: TcpStream, answer: Answer) -> io::Result<()> {
    loop {
        let length = stream.read_u32().await?;
        let mut packet = vec![0; length as usize - 4];
        stream.read_exact(&mut packet).await?;
        if matches!(answer, Answer::Silence) {
            std::future::pending::<()>().await;
        }
        // The request for TLS.
        if packet == 80_877_103_u32.to_be_bytes() {
            stream.write_all(b"N").await?;
            continue;
        }
        let reply = match answer {
            Answer::Refuse(code, text) => {
                message(b'E', format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0").as_bytes())
            }
            Answer::AskPassword => message(b'R', &3_u32.to_be_bytes()),
            Answer::Welcome | Answer::Silence => {
                [message(b'R', &[0; 4]), message(b'Z', b"I")].concat()
            }
        };
        stream.write_all(&reply).await?;
        return stream.read_u8().await.map(|_| ());
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (u32::try_from(body.len()).expect("a short body") + 4).to_be_bytes();
    [&[kind], &length[..], body].concat()
}

async fn connect(ports: &[u16], parameters: &str) -> Result<(), Error> {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("postgres://me@{}/x?{parameters}", hosts.join(","));
    let environment = Environment::new([("DATABASE_URL".to_owned(), url)]);
    let address = Address::from_environment(&environment)?;
    address.connect("test").await.map(|_| ())
}

#[tokio::test]
async fn a_server_without_an_answer_is_passed_over_and_one_that_refuses_ends_the_search() {
    let good = server(Answer::Welcome).await;
    let silent = server(Answer::Silence).await;
    let starting = server(Answer::Refuse("57P03", "the database system is starting up")).await;
    let full =
        server(Answer::Refuse("08P01", "no more connections allowed (max_client_conn)")).await;
    for ports in [&[good][..], &[1, good], &[starting, good], &[full, good], &[silent, good]] {
        connect(ports, "connect_timeout=2").await.expect("connected");
    }
    let rejecting = server(Answer::Refuse("28000", "no pg_hba.conf entry")).await;
    let error = connect(&[rejecting, good], "").await.expect_err("rejected");
    assert!(error.to_string().contains(&format!(":{rejecting}/x as me")), "{error}");
}

#[tokio::test]
async fn the_kind_says_whether_the_failure_is_temporary() {
    for (answer, parameters, kind, hint) in [
        (Answer::Refuse("08P01", "query_wait_timeout"), "", ErrorKind::Transient, "pool"),
        (
            Answer::Refuse("08P01", "SASL authentication failed"),
            "",
            ErrorKind::Failed,
            "PGPASSWORD",
        ),
        (
            Answer::Refuse("08P01", "unsupported startup parameter: options"),
            "options=-ca=b",
            ErrorKind::Usage,
            "PGOPTIONS",
        ),
        (
            Answer::Refuse("XX000", "Tenant or user not found"),
            "",
            ErrorKind::Usage,
            "postgres.<project",
        ),
        (
            Answer::Refuse("28P01", "password authentication failed"),
            "",
            ErrorKind::Failed,
            "PGPASSWORD",
        ),
        (Answer::AskPassword, "", ErrorKind::Usage, ".pgpass"),
        (Answer::Welcome, "sslmode=require", ErrorKind::Usage, "does not offer TLS"),
        (Answer::Silence, "connect_timeout=2", ErrorKind::Transient, "firewall"),
    ] {
        let port = server(answer).await;
        let error = connect(&[port], parameters).await.expect_err("no session");
        assert_eq!(error.kind(), kind, "{error:?}");
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint), "{found}");
    }
    let error = connect(&[1], "").await.expect_err("nobody there");
    assert_eq!(error.kind(), ErrorKind::Transient);
}

#[tokio::test]
async fn a_direct_host_of_supabase_points_to_the_pooler() {
    let url = "host=db.abcdefgh.supabase.co hostaddr=127.0.0.1 port=1 user=postgres".to_owned();
    let environment = Environment::new([("DATABASE_URL".to_owned(), url)]);
    let address = Address::from_environment(&environment).expect("an address");
    let error = address.connect("test").await.map(|_| ()).expect_err("nobody there");
    assert!(error.hint().is_some_and(|hint| hint.contains("pooler.supabase.com")), "{error:?}");
}
