//! What a watch has told through a channel, kept across its restarts: so that everything is told, and once.
//!
//! JSON lines, each durable before what follows from it. A message is written down before it is sent; one that nobody
//! knows the end of is sent again as it was, under the same key, by which most receivers know a repetition.

use super::folder::Runs;
use super::lock::{Claimant, Lock, LockError};
use super::store::Store;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::io;

/// More is not read: a watch that told so much was left alone for years.
const LARGEST: usize = 1 << 30;

/// The memory of one watch about one channel. While it is held nobody else tells the same.
pub struct DeliveryLog {
    store: Box<dyn Store>,
    marks: BTreeSet<String>,
    open: Option<Delivery>,
    _lock: Lock,
}

impl fmt::Debug for DeliveryLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DeliveryLog")
            .field("marks", &self.marks)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// A message about entries of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The same for every attempt to send it.
    pub key: String,
    /// What tells each entry from all others.
    pub marks: Vec<String>,
    /// What is said of them.
    pub lines: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
enum Line {
    Sending(Delivery),
    Sent { key: String },
}

impl DeliveryLog {
    /// Opens the memory of what is watched, or begins it. A torn last line, which nothing followed from, is cut off.
    ///
    /// # Errors
    /// If another process holds it, or it cannot be read or written; [`io::ErrorKind::InvalidData`] with the place if a
    /// whole line of it makes no sense.
    pub fn open(runs: &Runs, watched: &str, claimant: &Claimant) -> Result<Self, LockError> {
        let name = hex::encode(Sha256::digest(watched)).chars().take(32).collect::<String>();
        let (store, name) = (runs.store(), format!("watches/{name}"));
        let lock = store.lock(&format!("{name}.lock"), watched, claimant)?;
        let name = format!("{name}.jsonl");
        let mut lines = match store.begin_lines(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => store.open_lines(&name)?,
            begun => begun?,
        };
        let bytes = store.read(&name, LARGEST)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            lines.truncate(whole as u64)?;
        }
        let (mut marks, mut open) = (BTreeSet::new(), None);
        let known = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        for (number, line) in known.enumerate().filter(|(_, line)| !line.is_empty()) {
            let broken = |error| {
                let place = format!("`{}`, line {}: {error}", store.place(&name), number + 1);
                io::Error::new(io::ErrorKind::InvalidData, place)
            };
            match serde_json::from_slice(line).map_err(broken)? {
                Line::Sending(delivery) => open = Some(delivery),
                Line::Sent { key } => {
                    if let Some(delivery) = open.take_if(|delivery| delivery.key == key) {
                        marks.extend(delivery.marks);
                    }
                }
            }
        }
        Ok(Self { store: lines, marks, open, _lock: lock })
    }

    /// Whether this entry was told.
    pub fn has(&self, mark: &str) -> bool {
        self.marks.contains(mark)
    }

    /// A message that was begun, and of which nobody knows whether it arrived.
    pub fn open_message(&self) -> Option<&Delivery> {
        self.open.as_ref()
    }

    /// Writes down what is about to be told; gives the message with its key. Durable when it returns.
    ///
    /// # Errors
    /// If it cannot be written: then it must not be sent.
    pub fn begin(&mut self, marks: Vec<String>, lines: Vec<String>) -> io::Result<Delivery> {
        let mut digest = Sha256::new();
        for mark in &marks {
            digest.update(mark);
            digest.update([0]);
        }
        let key = hex::encode(digest.finalize()).chars().take(32).collect();
        let delivery = Delivery { key, marks, lines };
        self.append(&Line::Sending(delivery.clone()))?;
        self.open = Some(delivery.clone());
        Ok(delivery)
    }

    /// The message that is open arrived. Durable when it returns.
    ///
    /// # Errors
    /// If it cannot be written: after a restart the message is sent again, under the same key.
    pub fn end(&mut self) -> io::Result<()> {
        if let Some(delivery) = self.open.take() {
            self.append(&Line::Sent { key: delivery.key })?;
            self.marks.extend(delivery.marks);
        }
        Ok(())
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line).map_err(io::Error::other)?;
        bytes.push(b'\n');
        self.store.append(&bytes)
    }
}
