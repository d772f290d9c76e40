//! Where a journal's lines are appended: a seam between the writer and the disk. What else is kept of a run, and where, is
//! [`RunStore`](super::RunStore)'s affair.

#![expect(clippy::disallowed_methods, reason = "the local store is where journals become files")]

use crate::files;
use futures::future::BoxFuture;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// A place that lines can be appended to, durably.
pub trait Store: Send + 'static {
    /// Appends the bytes and returns when they are durable. After an error nothing may be assumed about them, and
    /// nothing more is appended.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The durable bytes, from the first one on; what is appended later is not among them.
    fn read(&self) -> io::Result<Box<dyn Read + Send>>;

    /// Cuts everything after the first `length` bytes off, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Says where the lines end that whoever appends has read: what stands behind them by then is another process's.
    fn goes_on_at(&mut self, _length: u64) {}

    /// What says whether they are still this process's to append to, where another machine could take them.
    fn hold(&self) -> Option<Arc<dyn Hold>> {
        None
    }
}

/// Whether a run is still this process's.
pub trait Hold: Debug + Send + Sync {
    /// Returns once that is certain for some seconds: what is sent then is sent by whoever holds the run.
    ///
    /// # Errors
    /// If somebody else holds it, or it cannot be known.
    fn confirm(&self) -> BoxFuture<'_, io::Result<()>>;

    /// Returns when somebody else holds it.
    fn lost(&self) -> BoxFuture<'_, ()>;
}

/// Somebody else has written: nothing is appended here any more. Says who, in a sentence. It travels in an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fenced(pub String);

impl From<Fenced> for io::Error {
    fn from(fenced: Fenced) -> Self {
        Self::other(fenced)
    }
}

impl Fenced {
    /// Whether an error says so.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|error| error.is::<Self>())
    }
}

impl Store for Box<dyn Store> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.as_mut().append(bytes)
    }

    fn read(&self) -> io::Result<Box<dyn Read + Send>> {
        self.as_ref().read()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.as_mut().truncate(length)
    }

    fn goes_on_at(&mut self, length: u64) {
        self.as_mut().goes_on_at(length);
    }

    fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.as_ref().hold()
    }
}

/// A journal in a local file.
#[derive(Debug)]
pub struct LocalStore {
    file: File,
    /// Where its durable lines end.
    length: u64,
}

impl LocalStore {
    /// Creates a journal that must not exist yet, readable by its owner only, and makes its name durable.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file, length: 0 })
    }

    /// Opens a journal to append to it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::on(files::open_own(path, OpenOptions::new().read(true).append(true))?)
    }

    /// Goes on with an open journal, to which lines are appended.
    pub fn on(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

/// A part of a file, read without moving its place for anybody else.
struct Lines {
    file: File,
    at: u64,
    end: u64,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Store for LocalStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A process that was given up for dead, and wakes up, must not write behind the lines of its successor.
        if self.file.metadata()?.len() != self.length {
            return Err(io::Error::other("another process has written to it"));
        }
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        match &written {
            Ok(()) => self.length += bytes.len() as u64,
            // After a failed sync the system may take the pages for clean: a successor would read lines that are on
            // no disk, and build on them. Where even this fails, a torn line is cut off by whoever resumes.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }

    fn read(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Lines { file: self.file.try_clone()?, at: 0, end: self.length }))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        self.file.sync_data()
    }
}
