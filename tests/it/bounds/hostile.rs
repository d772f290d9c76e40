//! A server on this machine that answers in a vault's place as nobody should.

use crate::stage::{STANCH, Said};
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, FlushCompress};
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One piece of an answer.
#[derive(Clone)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// The same bytes again and again.
    Again(Arc<Vec<u8>>, usize),
    /// One byte at a time, with a pause, without an end.
    Drip(u8, Duration),
}

/// What is answered to a request for a path, the n-th of them.
type Answer = Arc<dyn Fn(&str, usize) -> Vec<Piece> + Send + Sync>;

pub(super) struct Hostile {
    folder: tempfile::TempDir,
    pub(super) address: std::net::SocketAddr,
}

/// An answer with this body.
pub(super) fn plain(status: u16, body: &str) -> Vec<Piece> {
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{CHALLENGE}connection: close\r\n\r\n",
        body.len()
    );
    vec![Piece::Bytes([head.as_bytes(), body.as_bytes()].concat())]
}

/// An answer's head, whose body ends with the connection.
pub(super) fn head(status: u16, more: &str) -> Piece {
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{more}{CHALLENGE}connection: close\r\n\r\n"
    );
    Piece::Bytes(head.into_bytes())
}

const CHALLENGE: &str = "www-authenticate: Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"\r\n";

/// So many megabytes of spaces, packed, after some text.
pub(super) fn packed_spaces(encoding: &str, text: &str, megabytes: usize) -> Vec<Piece> {
    let spaces = vec![b' '; 1 << 20];
    let mut compress = flate2::Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(1 << 16);
    // Blocks that stand by themselves can be repeated.
    for _ in 0..2 {
        block.clear();
        compress.compress_vec(&spaces, &mut block, FlushCompress::Full).unwrap();
    }
    let beginning = if encoding == "gzip" {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.flush().unwrap();
        packed.get_ref().clone()
    } else {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.flush().unwrap();
        packed.get_ref().clone()
    };
    vec![Piece::Bytes(beginning), Piece::Again(Arc::new(block), megabytes)]
}

impl Hostile {
    pub(super) async fn new(answer: impl Fn(&str, usize) -> Vec<Piece> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer: Answer = Arc::new(answer);
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&answer), number));
            }
        });
        Self { folder: tempfile::tempdir().unwrap(), address }
    }

    /// A cloud file that leads here; with a token, nobody is asked for one.
    pub(super) fn cloud_file(&self, token: Option<&str>) -> PathBuf {
        let path = self.folder.path().join("cloud.json");
        let hosts = ["*.vault.azure.net", "login.microsoftonline.com", "169.254.169.254", "*.blob.core.windows.net"];
        let file =
            json!({ "base_url": format!("http://{}", self.address), "ca_pem": null, "hosts": hosts, "token": token });
        std::fs::write(&path, file.to_string()).unwrap();
        path
    }

    pub(super) fn command(&self, token: Option<&str>, arguments: &[&str]) -> Command {
        let mut command = Command::new(STANCH);
        command.args(arguments).arg("--cloud").arg(self.cloud_file(token));
        command.arg("--state-dir").arg(self.folder.path().join("state")).current_dir(self.folder.path());
        for variable in ["STANCH_CLOUD", "STANCH_STATE_DIR", "RUST_LOG", "AZURE_CLIENT_ID", "IDENTITY_ENDPOINT"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Calls the program; gives what it said, the most memory it had in KiB, and how long it took.
    pub(super) async fn measured(&self, token: Option<&str>, arguments: &[&str]) -> (Said, u64, Duration) {
        let begun = Instant::now();
        let (said, most) = Self::watch(self.command(token, arguments).spawn().unwrap()).await;
        (said, most, begun.elapsed())
    }

    /// Waits for the end of a program; gives what it said, and the most memory it had in KiB.
    pub(super) async fn watch(child: std::process::Child) -> (Said, u64) {
        let status = format!("/proc/{}/status", child.id());
        let said = tokio::task::spawn_blocking(move || Said::from(child.wait_with_output().unwrap()));
        let mut most = 0;
        while !said.is_finished() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            most = most.max(peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        (said.await.unwrap(), most)
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, number: usize) {
    let mut asked = Vec::new();
    let mut chunk = [0; 4096];
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => asked.extend_from_slice(&chunk[..count]),
            _ => return,
        }
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let path = asked.split(' ').nth(1).unwrap_or_default();
    for piece in answer(path, number) {
        let sent = match piece {
            Piece::Bytes(bytes) => stream.write_all(&bytes).await,
            Piece::Again(bytes, times) => again(&mut stream, &bytes, times).await,
            Piece::Drip(byte, pause) => drip(&mut stream, byte, pause).await,
        };
        if sent.is_err() {
            return;
        }
    }
    drop(stream.shutdown().await);
}

async fn again(stream: &mut TcpStream, bytes: &[u8], times: usize) -> std::io::Result<()> {
    for _ in 0..times {
        stream.write_all(bytes).await?;
    }
    Ok(())
}

async fn drip(stream: &mut TcpStream, byte: u8, pause: Duration) -> std::io::Result<()> {
    loop {
        stream.write_all(&[byte]).await?;
        tokio::time::sleep(pause).await;
    }
}
