//! Where a journal is kept: a seam, so that nothing else assumes a local file.

#![expect(clippy::disallowed_methods, reason = "the local store is where journals become files")]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A place that lines can be appended to, durably.
pub trait Store: Send + 'static {
    /// Appends the bytes and returns when they are durable. After an error nothing may be assumed about them, and
    /// nothing more is appended.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts everything after the first `length` bytes off, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A journal in a local file.
#[derive(Debug)]
pub struct LocalStore {
    file: File,
}

impl LocalStore {
    /// Creates a journal that must not exist yet, readable by its owner only, and makes its name durable.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file })
    }

    /// Opens a journal to append to it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file })
    }
}

impl Store for LocalStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_data()
    }
}
