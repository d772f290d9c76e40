//! The line between a program and its cloud, which breaks where it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The program dies before the request arrives.
    DiesBefore,
    /// The program dies when the other side has answered, before it has read the answer.
    DiesAfter,
    /// So many bytes of the answer arrive; then the line is closed in good order, or reset.
    Cut { after: usize, reset: bool },
    /// It arrives twice, one after the other; the first answer is given.
    Twice,
    /// The line breaks at once; the request arrives right behind the one that is sent in its stead.
    Late,
}

/// Which request is meant.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    /// By its number, counted from 1 since [`Line::expect`].
    Number(usize),
    /// By what it asks for, and how many such requests there were before it.
    Kind(String, usize),
}

/// What a request asks for: its method and path, with `*` for ids that are drawn anew in every world. One that the vault
/// only answers with a question for a token is none of its kind.
fn kind(request: &[u8]) -> String {
    let head = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let (method, target) = head.split_once(' ').unwrap_or_default();
    let path = target.split([' ', '?']).next().unwrap_or_default();
    let signed = memchr::memmem::find(&request.to_ascii_lowercase(), b"\r\nauthorization:").is_some();
    let to_vault = path.starts_with("/secrets") || path.starts_with("/deletedsecrets");
    let drawn = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path: Vec<&str> = path.split('/').map(|part| if drawn(part) { "*" } else { part }).collect();
    let asked = if to_vault && !signed { "ask " } else { "" };
    format!("{asked}{method} {}", path.join("/"))
}

/// A way to a cloud.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: SocketAddr,
    /// What was asked for since the last plan.
    seen: Mutex<Vec<String>>,
    planned: Mutex<Option<(Which, Trouble)>>,
    happened: AtomicUsize,
    /// The length of the answer to the request that was meant.
    answered: AtomicUsize,
    died: watch::Sender<bool>,
    /// A request that is late, and its kind.
    late: Mutex<Option<(String, Vec<u8>)>>,
}

impl Line {
    pub(crate) async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            upstream,
            seen: Mutex::default(),
            planned: Mutex::default(),
            happened: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            died: watch::Sender::new(false),
            late: Mutex::default(),
        });
        let serving = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((program, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(program));
            }
        });
        Self { address, inner }
    }

    /// Plans trouble for one request from here on, or none.
    pub(crate) fn expect(&self, planned: Option<(Which, Trouble)>) {
        self.inner.seen.lock().unwrap().clear();
        self.inner.happened.store(0, Ordering::SeqCst);
        self.inner.died.send_replace(false);
        *self.inner.planned.lock().unwrap() = planned;
    }

    /// What was asked for since the last plan, in the order of arrival.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Whether the planned trouble happened.
    pub(crate) fn happened(&self) -> bool {
        self.inner.happened.load(Ordering::SeqCst) > 0
    }

    /// The length of the answer to the request that was meant, in bytes.
    pub(crate) fn answered(&self) -> usize {
        self.inner.answered.load(Ordering::SeqCst)
    }

    /// Turns true when the program is to die.
    pub(crate) fn died(&self) -> watch::Receiver<bool> {
        self.inner.died.subscribe()
    }

    /// Whether a request is still on its way.
    pub(crate) fn is_late(&self) -> bool {
        self.inner.late.lock().unwrap().is_some()
    }
}

impl Inner {
    async fn serve(self: Arc<Self>, mut program: TcpStream) {
        let mut unread = Vec::new();
        while let Some(request) = message(&mut program, &mut unread).await {
            let kind = kind(&request);
            let trouble = self.trouble(&kind);
            if let Some(Trouble::DiesBefore | Trouble::Late) = trouble {
                if trouble == Some(Trouble::Late) {
                    *self.late.lock().unwrap() = Some((kind, request));
                } else {
                    self.died.send_replace(true);
                }
                program.set_zero_linger().unwrap();
                return;
            }
            let answer = self.forward(&request).await;
            let late = self.late.lock().unwrap().take_if(|(late, _)| *late == kind);
            if let Some((_, late)) = late {
                self.forward(&late).await;
            }
            match trouble {
                None => {}
                Some(Trouble::Twice) => drop(self.forward(&request).await),
                Some(Trouble::Cut { after, reset }) => {
                    self.answered.store(answer.len(), Ordering::SeqCst);
                    program.write_all(&answer[..after.min(answer.len())]).await.ok();
                    if reset {
                        program.set_zero_linger().unwrap();
                    }
                    return;
                }
                Some(_) => {
                    self.died.send_replace(true);
                    program.set_zero_linger().unwrap();
                    return;
                }
            }
            if program.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    fn trouble(&self, kind: &str) -> Option<Trouble> {
        let mut seen = self.seen.lock().unwrap();
        let before = seen.iter().filter(|seen| *seen == kind).count();
        seen.push(kind.to_owned());
        let planned = self.planned.lock().unwrap();
        let (which, trouble) = planned.as_ref()?;
        let meant = match which {
            Which::Number(number) => *number == seen.len(),
            Which::Kind(meant, which) => meant == kind && *which == before,
        };
        if meant {
            self.happened.fetch_add(1, Ordering::SeqCst);
        }
        meant.then_some(*trouble)
    }

    async fn forward(&self, request: &[u8]) -> Vec<u8> {
        let mut cloud = TcpStream::connect(self.upstream).await.unwrap();
        cloud.write_all(request).await.unwrap();
        // A cloud that cuts the line gives no answer, and neither does this one.
        message(&mut cloud, &mut Vec::new()).await.unwrap_or_default()
    }
}

/// Reads one message of HTTP/1.1, whose body is as long as its head says.
async fn message(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = memchr::memmem::find(unread, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&unread[..end]).to_lowercase();
            assert!(!head.contains("transfer-encoding"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = end + 4 + length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
            if unread.len() >= whole {
                return Some(unread.drain(..whole).collect());
            }
        }
        let mut chunk = [0; 16 << 10];
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => unread.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
}
