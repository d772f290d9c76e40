//! A journal's bytes become records, one after the other; every kind of damage but a torn last line is refused with its
//! place. However long a journal is, one line of it is in memory.

use super::record::{FORMAT_VERSION, GENESIS, LONGEST_LINE, Record, line_hash};
use crate::clock::Timestamp;
use crate::engine::event::{Event, RunOpened};
use crate::engine::{IllegalEvent, State};
use crate::files;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// How far a journal goes that was read to its end and is whole: where whoever goes on with it begins.
#[derive(Clone, Debug)]
pub struct Journal {
    /// How many records it holds.
    pub records: u64,
    /// Time of the last one.
    pub last_at: Option<Timestamp>,
    /// SHA-256 of the last line, or [`GENESIS`] where there is none.
    pub head: String,
    /// Length of the whole lines, in bytes.
    pub length: u64,
    /// Bytes of a torn write after them.
    pub torn: u64,
}

/// Why a journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the journal cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// Why a journal cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub struct Damage {
    /// Counted from 1, as editors do.
    pub line: u64,
    pub kind: DamageKind,
}

/// What is wrong with a journal, or with a line of it.
#[derive(Debug, thiserror::Error)]
pub enum DamageKind {
    #[error("the run's folder holds no journal")]
    Missing,
    #[error("what stands in its place is not a file")]
    NotAFile,
    #[error("it is empty, and every run begins with a record")]
    Empty,
    #[error("its first line is not whole, and every run begins with a record")]
    NoWholeLine,
    #[error("it does not begin with `run_opened`")]
    Headless,
    #[error("it is the journal of the run `{found}`, in the folder of `{expected}`")]
    OtherRun { found: String, expected: String },
    #[error("it is longer than {} MiB, which no record is", LONGEST_LINE >> 20)]
    TooLong,
    #[error("it is not a journal record ({0})")]
    NotARecord(String),
    #[error("its format is {0}, this program reads up to {FORMAT_VERSION}")]
    NewerFormat(u64),
    #[error("its number is {found}, expected {expected}: lines are missing or were moved")]
    Sequence { found: u64, expected: u64 },
    #[error("the line was changed after it was written: its own sum does not match")]
    Changed,
    #[error("a changed byte stands where its line feed was")]
    LineFeed,
    #[error("the hash of the line before does not match: this line or the one before was changed")]
    Chain,
    #[error("{0}")]
    Illegal(#[from] IllegalEvent),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DamageKind::Missing | DamageKind::NotAFile | DamageKind::Empty => {
                write!(formatter, "the journal is damaged: {}", self.kind)
            }
            DamageKind::NewerFormat(_) => write!(formatter, "the journal was written by a newer stanch: {}", self.kind),
            kind => write!(formatter, "the journal is damaged at line {}: {kind}", self.line),
        }
    }
}

impl Damage {
    fn first(kind: DamageKind) -> Self {
        Self { line: 1, kind }
    }

    /// Whether not even the record is left with which the run began: nothing is known of what it did.
    pub fn takes_everything(&self) -> bool {
        self.line == 1
    }
}

impl Default for Journal {
    /// A journal that is still to be begun.
    fn default() -> Self {
        Self { records: 0, last_at: None, head: GENESIS.to_owned(), length: 0, torn: 0 }
    }
}

impl Journal {
    /// Reads a journal to its end, which must be that of the given `run` if there is one. `take` gets each record, when
    /// it is known to follow from those before it, and the hash of its line.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged: so is one without a record, or that does not begin with `run_opened`.
    pub fn fold(
        source: impl Read,
        run: Option<&str>,
        mut take: impl FnMut(&Record, &str) -> Result<(), IllegalEvent>,
    ) -> Result<Self, ReadError> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let mut journal = Self::default();
        let mut line = Vec::new();
        while read_line(&mut source, &mut line).map_err(|error| journal.place(error))? {
            let damaged = |kind| Damage { line: journal.records + 1, kind };
            let record = journal.check(&line, run).map_err(damaged)?;
            let head = line_hash(&line);
            take(&record, &head).map_err(|illegal| damaged(DamageKind::Illegal(illegal)))?;
            journal.records += 1;
            journal.length += line.len() as u64 + 1;
            journal.last_at = Some(record.at);
            journal.head = head;
        }
        journal.torn = line.len() as u64;
        // A torn write is the beginning of a line; a whole line and a byte more is none.
        if line.split_last().is_some_and(|(_, line)| journal.check(line, run).is_ok()) {
            return Err(Damage { line: journal.records + 1, kind: DamageKind::LineFeed }.into());
        }
        match (journal.records, journal.torn) {
            (0, 0) => Err(Damage::first(DamageKind::Empty).into()),
            (0, _) => Err(Damage::first(DamageKind::NoWholeLine).into()),
            _ => Ok(journal),
        }
    }

    /// The same of a file.
    pub fn fold_file(
        path: &Path,
        run: Option<&str>,
        take: impl FnMut(&Record, &str) -> Result<(), IllegalEvent>,
    ) -> Result<Self, ReadError> {
        let file = if run.is_some() { open(path)? } else { open_copy(path)? };
        Self::fold(file, run, take)
    }

    /// Where the run stands that a source is the journal of, in outline.
    pub fn state(source: impl Read, run: Option<&str>) -> Result<(Self, State), ReadError> {
        let mut state = State::outline();
        let journal = Self::fold(source, run, |record, _| state.apply(record.at, &record.event))?;
        Ok((journal, state))
    }

    fn check(&self, line: &[u8], run: Option<&str>) -> Result<Record, DamageKind> {
        let record: Record = serde_json::from_slice(line).map_err(|error| newer_or_broken(line, &error))?;
        let is_written = record.is_written_as(line);
        // Another format may have another sum, so what begins as one is not called changed.
        if record.v > FORMAT_VERSION && (is_written || self.records == 0) {
            return Err(DamageKind::NewerFormat(u64::from(record.v)));
        }
        if !is_written {
            return Err(DamageKind::Changed);
        }
        if record.seq != self.records {
            return Err(DamageKind::Sequence { found: record.seq, expected: self.records });
        }
        if record.prev != self.head {
            return Err(DamageKind::Chain);
        }
        if self.records == 0 {
            let Event::RunOpened(opened) = &record.event else { return Err(DamageKind::Headless) };
            if let Some(expected) = run.filter(|run| *run != opened.run) {
                return Err(DamageKind::OtherRun { found: opened.run.clone(), expected: expected.to_owned() });
            }
        }
        Ok(record)
    }

    fn place(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::Damaged(damage) => Damage { line: self.records + 1, ..damage }.into(),
            ReadError::Io(_) => error,
        }
    }
}

/// The record with which a journal begins, without a look at the rest.
pub(super) fn first_record(source: impl Read, run: &str) -> Result<(Timestamp, RunOpened), ReadError> {
    let mut line = Vec::new();
    let kind = match read_line(&mut BufReader::new(source), &mut line)? {
        true => match Journal::default().check(&line, Some(run)) {
            Ok(Record { at, event: Event::RunOpened(opened), .. }) => return Ok((at, opened)),
            Ok(_) => DamageKind::Headless,
            Err(kind) => kind,
        },
        false if line.is_empty() => DamageKind::Empty,
        false => DamageKind::NoWholeLine,
    };
    Err(Damage::first(kind).into())
}

/// Opens the journal of a run of ours to read it. Where nothing or no file lies, it is damaged: whoever asks has seen that
/// there should be one.
pub(super) fn open(path: &Path) -> Result<File, ReadError> {
    there(path)?;
    Ok(files::open_own(path, OpenOptions::new().read(true))?)
}

/// Opens a journal that the user named, whosesoever.
fn open_copy(path: &Path) -> Result<File, ReadError> {
    there(path)?;
    Ok(files::open_regular(path)?)
}

fn there(path: &Path) -> Result<(), ReadError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Damage::first(DamageKind::NotAFile).into()),
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Damage::first(DamageKind::Missing).into(),
            _ => ReadError::Io(error),
        }),
    }
}

/// Reads a line, without its line feed. Gives whether there was one; what stands after the last is left in `line`.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, ReadError> {
    line.clear();
    let most = LONGEST_LINE as u64 + 1;
    source.by_ref().take(most).read_until(b'\n', line)?;
    let is_whole = line.pop_if(|last| *last == b'\n').is_some();
    if line.len() > LONGEST_LINE {
        return Err(Damage::first(DamageKind::TooLong).into());
    }
    Ok(is_whole)
}

/// A newer format may hold what this program cannot read at all; its version still can.
fn newer_or_broken(line: &[u8], error: &serde_json::Error) -> DamageKind {
    let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let version = value.as_ref().and_then(|value| value.get("v")).and_then(serde_json::Value::as_u64);
    match value {
        _ if let Some(version) = version
            && version > u64::from(FORMAT_VERSION) =>
        {
            DamageKind::NewerFormat(version)
        }
        // It may be another file than was meant: what is wrong with a value is told with the value.
        None => DamageKind::NotARecord("it is not JSON".to_owned()),
        Some(value) if value.get("v").is_none() => DamageKind::NotARecord("it has not the fields of one".to_owned()),
        Some(_) => DamageKind::NotARecord(error.to_string()),
    }
}
