//! A journal's bytes become records; every kind of damage but a torn last line is refused with its place.

use super::record::{FORMAT_VERSION, GENESIS, Record, line_hash};
use crate::engine::{IllegalEvent, State};
use std::fmt;

/// A whole journal, verified.
#[derive(Clone, Debug)]
pub struct Journal {
    pub records: Vec<Record>,
    /// SHA-256 of the last line, or [`GENESIS`] where there is none.
    pub head: String,
    /// Length of the whole lines, in bytes.
    pub length: u64,
    /// Bytes of a torn write after them.
    pub torn: u64,
}

/// Why a journal cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub struct Damage {
    /// Counted from 1, as editors do.
    pub line: usize,
    pub kind: DamageKind,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum DamageKind {
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
            DamageKind::NewerFormat(_) => write!(formatter, "the journal was written by a newer stanch: {}", self.kind),
            kind => write!(formatter, "the journal is damaged at line {}: {kind}", self.line),
        }
    }
}

impl Journal {
    /// Reads and verifies all whole lines.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (lines, torn) = bytes.split_at(whole);
        let mut journal =
            Self { records: Vec::new(), head: GENESIS.to_owned(), length: whole as u64, torn: torn.len() as u64 };
        for (index, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let record = journal.check(line).map_err(|kind| Damage { line: index + 1, kind })?;
            journal.head = line_hash(line);
            journal.records.push(record);
        }
        // A torn write is the beginning of a line; a whole line and a byte more is none.
        if torn.split_last().is_some_and(|(_, line)| journal.check(line).is_ok()) {
            return Err(Damage { line: journal.records.len() + 1, kind: DamageKind::LineFeed });
        }
        Ok(journal)
    }

    fn check(&self, line: &[u8]) -> Result<Record, DamageKind> {
        let record: Record = serde_json::from_slice(line).map_err(|error| newer_or_broken(line, &error))?;
        let expected = self.records.len() as u64;
        let is_written = record.is_written_as(line);
        // Another format may have another sum, so what begins as one is not called changed.
        if record.v > FORMAT_VERSION && (is_written || expected == 0) {
            return Err(DamageKind::NewerFormat(u64::from(record.v)));
        }
        if !is_written {
            return Err(DamageKind::Changed);
        }
        if record.seq != expected {
            return Err(DamageKind::Sequence { found: record.seq, expected });
        }
        if record.prev != self.head {
            return Err(DamageKind::Chain);
        }
        Ok(record)
    }

    /// The number of the line that ends in a head, counted from 1: whether what was sent off the machine once still
    /// stands in the journal.
    pub fn line_of(&self, head: &str) -> Option<usize> {
        let heads = self.records.iter().skip(1).map(|record| record.prev.as_str()).chain([self.head.as_str()]);
        heads.zip(1..).find(|(found, _)| *found == head).map(|(_, line)| line)
    }

    /// Folds the records into a state.
    pub fn state(&self) -> Result<State, Damage> {
        let mut state = State::default();
        for (index, record) in self.records.iter().enumerate() {
            state
                .apply(record.at, &record.event)
                .map_err(|illegal| Damage { line: index + 1, kind: DamageKind::Illegal(illegal) })?;
        }
        Ok(state)
    }
}

/// A newer format may hold what this program cannot read at all; its version still can.
fn newer_or_broken(line: &[u8], error: &serde_json::Error) -> DamageKind {
    let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    match value.as_ref().and_then(|value| value.get("v")).and_then(serde_json::Value::as_u64) {
        Some(version) if version > u64::from(FORMAT_VERSION) => DamageKind::NewerFormat(version),
        _ => DamageKind::NotARecord(error.to_string()),
    }
}
