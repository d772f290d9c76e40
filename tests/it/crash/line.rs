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
    /// The line breaks at once; the request arrives when [`Line::deliver`] is called.
    Late,
}

/// Which request is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// By its number, counted from 1 since [`Line::expect`].
    Number(usize),
    /// The first of this method to a path that holds this text.
    First(&'static str, &'static str),
}

/// A way to a cloud.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: SocketAddr,
    seen: AtomicUsize,
    planned: Mutex<Option<(Which, Trouble)>>,
    happened: AtomicUsize,
    /// The length of the answer to the request that was meant.
    answered: AtomicUsize,
    died: watch::Sender<bool>,
    late: Mutex<Vec<Vec<u8>>>,
}

impl Line {
    pub(crate) async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            upstream,
            seen: AtomicUsize::new(0),
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
        self.inner.seen.store(0, Ordering::SeqCst);
        self.inner.happened.store(0, Ordering::SeqCst);
        self.inner.died.send_replace(false);
        *self.inner.planned.lock().unwrap() = planned;
    }

    /// How many requests there were.
    pub(crate) fn seen(&self) -> usize {
        self.inner.seen.load(Ordering::SeqCst)
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

    /// Lets the requests arrive that were late. Gives how many there were.
    pub(crate) async fn deliver(&self) -> usize {
        let late = std::mem::take(&mut *self.inner.late.lock().unwrap());
        for request in &late {
            self.inner.forward(request).await;
        }
        late.len()
    }
}

impl Inner {
    async fn serve(self: Arc<Self>, mut program: TcpStream) {
        let mut unread = Vec::new();
        while let Some(request) = message(&mut program, &mut unread).await {
            let trouble = self.trouble(&request);
            if let Some(Trouble::DiesBefore | Trouble::Late) = trouble {
                if trouble == Some(Trouble::Late) {
                    self.late.lock().unwrap().push(request);
                } else {
                    self.died.send_replace(true);
                }
                program.set_zero_linger().unwrap();
                return;
            }
            let answer = self.forward(&request).await;
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

    fn trouble(&self, request: &[u8]) -> Option<Trouble> {
        let number = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let (which, trouble) = (*self.planned.lock().unwrap())?;
        let line =
            String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        // The first of two is a question for a token, which changes nothing.
        let signed = String::from_utf8_lossy(request).to_lowercase().contains("\r\nauthorization:");
        let meant = match which {
            Which::Number(meant) => meant == number,
            Which::First(method, path) => {
                let to_vault = path.starts_with("/secrets");
                line.starts_with(method) && line.contains(path) && (signed || !to_vault)
            }
        };
        let due = meant && self.happened.load(Ordering::SeqCst) == 0;
        if due {
            self.happened.fetch_add(1, Ordering::SeqCst);
        }
        due.then_some(trouble)
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
