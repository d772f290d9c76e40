//! Servers that do not speak HTTP, and answer as nobody should: of mail, and of PostgreSQL.

use super::hostile::Hostile;
use crate::stage::{STANCH, Said, Stage};
use serde_json::json;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server hears that its client should not have said to it, or wants to hear again.
const VALUE: &str = "leaked-Value-0123456789abcdef";
const ACTS: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}";
/// In KiB: a debug program, and a few megabytes for what a server says.
const MOST_MEMORY: u64 = 160 << 10;

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// One line, or one message, without an end.
    Endless,
    /// Lines or messages without an end, each in good order.
    Many,
    /// A refusal that acts on a terminal and repeats what it heard.
    Parrot,
    /// Nothing that could be an answer.
    Nonsense,
    /// A byte now and then.
    Drip,
    /// In good order, until it is asked something.
    ManyRows,
}

async fn listen<F>(talk: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    address
}

async fn without_end(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let block = bytes.repeat(65_536 / bytes.len().max(1) + 1);
    // Two gigabytes are more than anybody should keep.
    for _ in 0..2 << 15 {
        stream.write_all(&block).await?;
    }
    Ok(())
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    loop {
        stream.write_all(bytes).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn mail(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    match manner {
        Manner::Endless => return without_end(&mut stream, b"2").await,
        Manner::Many => return without_end(&mut stream, b"220-hello\r\n").await,
        Manner::Nonsense => return stream.write_all(b"\0\xff\xfe SSH-2.0\r\n").await,
        Manner::Drip => return drip(&mut stream, b"220-\r\n").await,
        Manner::Parrot | Manner::ManyRows => stream.write_all(b"220 hello\r\n").await?,
    }
    let (mut heard, mut chunk) = (String::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        heard.push_str(&String::from_utf8_lossy(&chunk[..count]));
        let said = String::from_utf8_lossy(&chunk[..count]).into_owned();
        if manner == Manner::ManyRows && said.starts_with("MAIL") {
            return without_end(&mut stream, b"250-and more\r\n").await;
        }
        let answer = match said.get(..4) {
            Some("EHLO") => "250-here\r\n250 8BITMIME\r\n".to_owned(),
            Some("MAIL" | "RCPT" | "QUIT") => "250 yes\r\n".to_owned(),
            Some("DATA") => "354 go\r\n".to_owned(),
            _ => format!("550 {ACTS} no\r\n"),
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

fn refusal(text: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0C28000\0M{text}\0Dmore {text}\0\0").as_bytes())
}

async fn database(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut chunk = [0; 4096];
    if stream.read(&mut chunk).await? == 0 {
        return Ok(());
    }
    match manner {
        Manner::Endless => {
            stream.write_all(b"E\x7f\xff\xff\xffSFATAL\0M").await?;
            without_end(&mut stream, b"x").await
        }
        Manner::Many => without_end(&mut stream, &message(b'N', b"SNOTICE\0C00000\0Mhello\0\0")).await,
        Manner::Nonsense => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        Manner::Drip => drip(&mut stream, &message(b'N', b"SNOTICE\0C00000\0Mhello\0\0")).await,
        Manner::Parrot => {
            // A password in clear text, if the client is so kind.
            stream.write_all(&message(b'R', &[0, 0, 0, 3])).await?;
            let count = stream.read(&mut chunk).await?;
            let heard = String::from_utf8_lossy(chunk.get(5..count.saturating_sub(1)).unwrap_or_default()).into_owned();
            stream.write_all(&refusal(&format!("{ACTS} no: {heard}"))).await
        }
        Manner::ManyRows => {
            stream.write_all(&message(b'R', &[0, 0, 0, 0])).await?;
            stream.write_all(&message(b'Z', b"I")).await?;
            if stream.read(&mut chunk).await? == 0 {
                return Ok(());
            }
            without_end(&mut stream, &message(b'N', b"SNOTICE\0C00000\0Mhello\0\0")).await
        }
    }
}

/// Asserts that the program ended by itself, in time, within its memory, and told nothing that it should not.
fn bounded(what: &str, (said, most, took): (Said, u64, Duration), longest: Duration) {
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(matches!(said.code, Some(0 | 2..=5)), "{what}: {:?}\n{all}", said.code);
    assert!(took < longest, "{what} took {took:?}");
    assert!(most < MOST_MEMORY, "{what}: {most} KiB");
    assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}') && !all.contains('\u{7}'), "{what}: {all:?}");
    assert!(!all.contains(VALUE), "{what}: {all}");
}

fn manners() -> Vec<Manner> {
    let mut manners = vec![Manner::Endless, Manner::Many, Manner::Parrot, Manner::Nonsense, Manner::ManyRows];
    if crate::stage::is_heavy() {
        manners.push(Manner::Drip);
    }
    manners
}

async fn measured(mut command: Command) -> (Said, u64, Duration) {
    let begun = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let peak = Hostile::watch(child).await;
    (peak.0, peak.1, begun.elapsed())
}

const TELL: &str = "schema: stanch/v1
name: t
steps:
  - { id: tell, uses: notify/email, with: { title: hello, summary: world, severity: sev1 }, retry: { max: 1, backoff: 1s..1s } }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_answers_as_nobody_should_is_bounded() {
    for manner in manners() {
        let address = listen(move |stream| mail(stream, manner)).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("r.yaml"), TELL).unwrap();
        std::fs::write(folder.path().join("password"), VALUE).unwrap();
        let channel = format!("kind: email, server: \"{address}\", from: a@example.com, to: [b@example.com]");
        for (tls, more) in [("none", ""), ("required", ", username: u, password: \"file:password\"")] {
            let text = format!("schema: stanch-config/v1\nchannels: {{ mail: {{ {channel}, tls: {tls}{more} }} }}\n");
            std::fs::write(folder.path().join("c.yaml"), text).unwrap();
            let mut command = Command::new(STANCH);
            command.args(["run", "r.yaml", "--yes", "--run-id", tls, "--config", "c.yaml"]).current_dir(folder.path());
            command
                .env("STANCH_STATE_DIR", folder.path().join("state"))
                .env_remove("STANCH_CLOUD")
                .stdin(Stdio::null());
            bounded(&format!("{manner:?}, tls {tls}"), measured(command).await, Duration::from_secs(150));
            let kept =
                std::fs::read_to_string(folder.path().join("state/runs").join(tls).join("journal.jsonl")).unwrap();
            assert!(!kept.contains(VALUE) || tls == "none", "{manner:?}: {kept}");
        }
    }
}

const ROTATE: &str = "schema: stanch/v1
name: t
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - id: rotate
    uses: keyvault/rotate
    with: { secret: \"${{ inputs.secret }}\", provider: postgres, settings: { tls: TLS } }
    retry: { max: 1, backoff: 1s..1s }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_server_that_answers_as_nobody_should_is_bounded() {
    for manner in manners() {
        let address = listen(move |stream| database(stream, manner)).await;
        let stage = Stage::empty(&[]).await;
        stage.seed("orders-db", &json!({ "value": format!("postgres://app:{VALUE}@{address}/orders") })).await;
        for tls in ["none", "required"] {
            std::fs::write(stage.path("r.yaml"), ROTATE.replace("TLS", tls)).unwrap();
            let secret = "secret=https://kv-drill.vault.azure.net/secrets/orders-db";
            let command = stage.command(&["run", "r.yaml", "--yes", "--run-id", tls, "-i", secret]);
            bounded(&format!("{manner:?}, tls {tls}"), measured(command).await, Duration::from_secs(150));
            let kept = std::fs::read_to_string(stage.journal(tls)).unwrap();
            assert!(!kept.contains(VALUE), "{manner:?}: {kept}");
        }
    }
}
