//! Lines in an append blob: each block is appended where the length is the known one, so that the end of the blob is what
//! two writers are told apart by.

use super::lease::Lease;
use super::reach::{PATIENCE, Pause, Reach, failed, store_failure};
use crate::azure::{LARGEST_PIECE, NotWritten};
use crate::clock;
use crate::engine::event::Event;
use crate::failure::Failure;
use crate::journal::record::Record;
use crate::journal::store::{Fenced, Hold, Store};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

/// Every service takes a block of so many bytes; newer ones take 100 MiB, more than any line has.
const USUAL_BLOCK: usize = 4 << 20;

/// The first piece is smaller: most of what is read is a first line.
const FIRST_PIECE: usize = 256 << 10;

/// Lines that are appended to.
#[derive(Debug)]
pub(super) struct BlobLines {
    reach: Arc<Reach>,
    name: String,
    /// Where its durable lines end.
    length: u64,
    /// Held by whoever works on them, where somebody does.
    lease: Option<Arc<Lease>>,
}

impl BlobLines {
    pub(super) fn new(reach: &Arc<Reach>, name: &str, length: u64, lease: Option<Arc<Lease>>) -> Self {
        Self { reach: Arc::clone(reach), name: name.to_owned(), length, lease }
    }

    /// Appends one block, whose bytes stand in the blob once or not at all, whatever became of the answers.
    fn append_block(&mut self, block: &[u8]) -> io::Result<()> {
        let mut pause = Pause::begin(PATIENCE);
        loop {
            if self.lease.as_ref().is_some_and(|lease| lease.is_lost()) {
                return Err(self.fenced());
            }
            let (container, name, at) = (self.reach.container.clone(), self.name.clone(), self.length);
            let (bytes, lease) = (block.to_vec(), self.lease.clone());
            let sent = self.reach.wait(async move {
                container.append(&name, at, &bytes, lease.as_ref().map(|lease| lease.id())).await
            })?;
            let failure = match sent {
                Ok(()) => {
                    self.length += block.len() as u64;
                    return Ok(());
                }
                Err(NotWritten::Conflict) => None,
                Err(NotWritten::Failed(failure)) => Some(failure),
                Err(other) => return Err(failed(other.failure(&self.reach.container))),
            };
            // What stands there says whether the block arrived, and whose it is if another did.
            // Asked once each time, so that the patience of one append bounds all of it.
            match self.tail_once(block.len() + 1) {
                Ok(tail) if tail == block => {
                    self.length += block.len() as u64;
                    return Ok(());
                }
                Ok(tail) if tail.is_empty() => {
                    // It is as long as was said. Either the answer was an earlier one's, or the lease ran out meanwhile.
                    if let Some(lease) = self.lease.clone().filter(|_| failure.is_none()) {
                        drop(self.reach.wait(async move { lease.renew().await })?);
                    }
                    let again = || Failure::unknown("the store refuses what fits");
                    pause.again(&self.reach, failure.unwrap_or_else(again))?;
                }
                Ok(_) => return Err(self.fenced()),
                Err(error) => match failure.or_else(|| store_failure(&error).cloned()) {
                    Some(failure) => pause.again(&self.reach, failure)?,
                    None => return Err(error),
                },
            }
        }
    }

    /// What stands behind the lines of this process.
    fn tail(&self, most: usize) -> io::Result<Vec<u8>> {
        let at = self.length;
        self.there(self.reach.ask(&self.name, |container, name| async move { container.read(&name, at, most).await })?)
    }

    fn tail_once(&self, most: usize) -> io::Result<Vec<u8>> {
        let (container, name, at) = (self.reach.container.clone(), self.name.clone(), self.length);
        self.there(self.reach.wait(async move { container.read(&name, at, most).await })?.map_err(failed)?)
    }

    fn there(&self, tail: Option<Vec<u8>>) -> io::Result<Vec<u8>> {
        tail.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("`{}` was taken away", self.name)))
    }

    /// Somebody else has written: says who, where that can be seen.
    fn fenced(&self) -> io::Error {
        // Whoever takes a run over says so in its first record, a moment after it holds it.
        for _ in 0..10 {
            if self.tail(1).map_or(true, |tail| !tail.is_empty()) {
                break;
            }
            drop(self.reach.wait(clock::sleep(Duration::from_millis(300))));
        }
        let tail = self.tail(LARGEST_PIECE).unwrap_or_default();
        let records = tail.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Record>(line).ok());
        let by = records.into_iter().find_map(|record| match record.event {
            Event::RunResumed { operator, host, .. } => {
                Some(format!("the run was taken over by {operator} on {host}, {}", clock::second(record.at)))
            }
            Event::GateAnswered { by, .. } => Some(format!("{by} answered while this process was taken for dead")),
            _ => None,
        });
        let by = by.unwrap_or_else(|| match tail.is_empty() {
            true => "the run was taken over from another machine".to_owned(),
            false => "another process has written to the journal meanwhile".to_owned(),
        });
        Fenced(by).into()
    }
}

impl Store for BlobLines {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        blocks(bytes).into_iter().try_for_each(|block| self.append_block(block))
    }

    fn read(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(BlobReader::new(&self.reach, &self.name, Some(self.length))))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if length == self.length {
            return Ok(());
        }
        Err(failed(Failure::refused(format!(
            "`{}` ends in a torn line, which stanch never writes there, and which cannot be cut off",
            self.reach.container.address(&self.name)
        ))))
    }

    fn goes_on_at(&mut self, length: u64) {
        self.length = length;
    }

    fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.lease.clone().map(|lease| lease as Arc<dyn Hold>)
    }
}

/// Whole lines, as many as go into a block together; one that is longer alone.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if end > begin && end - begin + line.len() > USUAL_BLOCK {
            blocks.extend(bytes.get(begin..end));
            begin = end;
        }
        end += line.len();
    }
    blocks.extend(bytes.get(begin..end).filter(|block| !block.is_empty()));
    blocks
}

/// The bytes of a blob, read piece by piece.
#[derive(Debug)]
pub(super) struct BlobReader {
    reach: Arc<Reach>,
    name: String,
    /// Where the next piece begins.
    at: u64,
    end: Option<u64>,
    piece: io::Cursor<Vec<u8>>,
    is_over: bool,
}

impl BlobReader {
    /// Reads a blob to its end, or to this one.
    pub(super) fn new(reach: &Arc<Reach>, name: &str, end: Option<u64>) -> Self {
        let piece = io::Cursor::default();
        Self { reach: Arc::clone(reach), name: name.to_owned(), at: 0, end, piece, is_over: false }
    }

    /// Gets the first piece; gives nothing if there is no such blob.
    pub(super) fn open(mut self) -> io::Result<Option<Self>> {
        Ok(self.fetch()?.then_some(self))
    }

    /// Gets the next piece. Gives whether there is such a blob.
    fn fetch(&mut self) -> io::Result<bool> {
        let usual = if self.at == 0 { FIRST_PIECE } else { LARGEST_PIECE };
        let left = self.end.map_or(usize::MAX, |end| usize::try_from(end - self.at).unwrap_or(usize::MAX));
        let most = usual.min(left);
        if most == 0 {
            self.is_over = true;
            return Ok(true);
        }
        let at = self.at;
        let piece =
            self.reach.ask(&self.name, |container, name| async move { container.read(&name, at, most).await })?;
        let Some(piece) = piece else { return Ok(false) };
        self.at += piece.len() as u64;
        self.is_over = piece.len() < most;
        self.piece = io::Cursor::new(piece);
        Ok(true)
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let got = self.piece.read(buffer)?;
            if got > 0 || self.is_over || buffer.is_empty() {
                return Ok(got);
            }
            if !self.fetch()? {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("`{}` was taken away", self.name)));
            }
        }
    }
}
