//! A run of this machine goes to a store that others reach, with the same bytes, and goes on there alone.
//!
//! `runs/RUN/upload.json` says so at both places, and is written before the first byte of the journal is at the store. Here it
//! means that nobody goes on with the run; there, that nobody does before the journal is as long as it says. So an upload
//! that breaks off, wherever it does, leaves no place where half a run could be gone on with, nor two where a whole one could.

use super::folder::{RunFolder, Runs};
use super::lock::{Claimant, Lock, LockError};
use super::reader::{Journal, ReadError};
use super::store::Store;
use super::uploaded::Upload;
use crate::clock;
use crate::files::LARGEST_TEXT;
use std::io::{self, BufRead, BufReader, Read};

/// So many bytes of whole lines are appended at a time, unless one line has more.
const PIECE: usize = 4 << 20;

const NAME: &str = "upload.json";

/// How far two journals of one run are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// So many bytes.
    pub same: u64,
    /// The line in which they begin to differ, or that only one of them has, counted from 1.
    pub line: u64,
    /// Whether the one here ends there.
    pub here_ends: bool,
    /// Whether the one at the store does.
    pub there_ends: bool,
}

impl RunFolder {
    /// What is said of it when it is brought to a store, with a journal that ends like this.
    pub fn upload_to(&self, store: &Runs, journal: &Journal, claimant: &Claimant) -> Upload {
        let (Journal { length, head, .. }, Claimant { operator, host, .. }) = (journal.clone(), claimant.clone());
        Upload { run: self.run().to_owned(), to: store.place(), length, head, operator, host, at: clock::now() }
    }

    /// Where the run of this machine was uploaded to, finished or not. One at a store is there.
    pub fn uploaded(&self) -> io::Result<Option<Upload>> {
        if self.is_shared() { Ok(None) } else { self.upload() }
    }

    fn upload(&self) -> io::Result<Option<Upload>> {
        match self.store.read(&self.name_of(NAME), LARGEST_TEXT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => serde_json::from_slice(&read?).map(Some).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is damaged: {error}", self.place_of(NAME)))
            }),
        }
    }

    /// Whether this is the place where the run goes on, whole.
    pub(super) fn goes_on_here(&self) -> Result<(), LockError> {
        match self.upload()? {
            Some(upload) if !self.is_shared() => Err(LockError::Uploaded(Box::new(upload), self.place_of(NAME))),
            Some(upload) if self.store.length(&self.name_of("journal.jsonl"))? < upload.length => {
                Err(LockError::BrokenOff(Box::new(upload)))
            }
            _ => Ok(()),
        }
    }

    /// Takes the run to upload it, or to give it up where its upload broke off, wherever it goes on.
    pub fn lock_to_upload(&self, claimant: &Claimant) -> Result<Lock, LockError> {
        self.store.lock(&self.name_of("lock"), self.run(), claimant)
    }

    /// Compares the journal here with the one at a store, which has none of its own if it has nothing of it.
    pub fn compare(&self, there: &Self) -> Result<Compared, ReadError> {
        let mut here = BufReader::new(self.lines()?);
        if !there.store.has(&there.name_of("journal.jsonl"))? {
            return Ok(Compared { same: 0, line: 1, here_ends: false, there_ends: true });
        }
        let mut there = BufReader::new(there.lines()?);
        let (mut same, mut line) = (0, 1);
        loop {
            let (left, right) = (here.fill_buf()?, there.fill_buf()?);
            let both = left.iter().zip(right).take_while(|(left, right)| left == right);
            let (count, lines) =
                both.fold((0, 0), |(count, lines), (byte, _)| (count + 1, lines + u64::from(*byte == b'\n')));
            if count == 0 {
                return Ok(Compared { same, line, here_ends: left.is_empty(), there_ends: right.is_empty() });
            }
            (same, line) = (same + count as u64, line + lines);
            here.consume(count);
            there.consume(count);
        }
    }

    /// Says here that the run goes on at a store. What was said before stays.
    pub fn leave_for(&self, upload: &Upload) -> io::Result<Upload> {
        let bytes = serde_json::to_vec(upload).map_err(io::Error::other)?;
        match self.store.create(&self.name_of(NAME), &bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.upload()?.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            created => created.map(|()| upload.clone()),
        }
    }

    /// Brings to a store what belongs to the run beside its journal. What is there already must be the same.
    pub fn bring_beside(&self, there: &Self) -> io::Result<()> {
        for name in self.store.files(&self.name)? {
            let is_answer = name.starts_with("answers/");
            let bytes = match self.store.read(&self.name_of(&name), LARGEST_TEXT) {
                // One that somebody else left is nobody's.
                Err(_) if is_answer => continue,
                read => read?,
            };
            there.write_same(&name, &bytes)?;
        }
        Ok(())
    }

    /// Brings the lines to a store that it does not have yet, of which so many bytes are the same.
    pub fn bring_lines(&self, there: &Self, same: u64, upload: &Upload) -> io::Result<()> {
        there.write_same(NAME, &serde_json::to_vec(upload).map_err(io::Error::other)?)?;
        let mut to = there.open_journal()?;
        to.goes_on_at(same);
        self.append_rest(same, &mut to)
    }

    /// Brings the lines here that were written at the store since, of which so many bytes are the same.
    pub fn follow(&self, there: &Self, same: u64) -> io::Result<()> {
        there.append_rest(same, &mut self.open_journal()?)
    }

    /// Appends what stands in the journal behind so many bytes.
    fn append_rest(&self, same: u64, to: &mut impl Store) -> io::Result<()> {
        let lines = self.lines().map_err(|error| match error {
            ReadError::Io(error) => error,
            damaged => io::Error::other(damaged.to_string()),
        })?;
        let mut lines = BufReader::new(lines);
        io::copy(&mut lines.by_ref().take(same), &mut io::sink())?;
        let mut piece = Vec::new();
        loop {
            let got = lines.read_until(b'\n', &mut piece)?;
            if piece.len() >= PIECE || got == 0 && !piece.is_empty() {
                to.append(&std::mem::take(&mut piece))?;
            }
            if got == 0 {
                return Ok(());
            }
        }
    }

    fn write_same(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let name = self.name_of(name);
        match self.store.create(&name, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match self.store.read(&name, LARGEST_TEXT).is_ok_and(|there| there == bytes) {
                    true => Ok(()),
                    false => Err(io::Error::new(
                        error.kind(),
                        format!("`{}` is there with another content", self.store.place(&name)),
                    )),
                }
            }
            created => created,
        }
    }
}
