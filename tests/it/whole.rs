//! A journal as a whole, in memory, and what the program makes of its records.

use stanch::engine::{IllegalEvent, State};
use stanch::evidence::Known;
use stanch::journal::{Damage, Journal, ReadError, Record};
use stanch::plan::PlannedStep;
use stanch::report::{History, Report};
use std::path::Path;

/// All records of a journal, and where it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whole {
    pub(crate) records: Vec<Record>,
    hashes: Vec<String>,
    pub(crate) end: Journal,
}

impl Whole {
    /// Reads and folds, as `verify` and `resume` do.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let (mut whole, mut state) = (Self::default(), State::default());
        let end = Journal::fold(bytes, None, |record, hash| {
            whole.records.push(record.clone());
            whole.hashes.push(hash.to_owned());
            state.apply(record.at, &record.event)
        });
        match end {
            Ok(end) => Ok(Self { end, ..whole }),
            Err(ReadError::Damaged(damage)) => Err(damage),
            Err(ReadError::Io(error)) => panic!("{error}"),
        }
    }

    /// Reads the journal of a file.
    pub(crate) fn of(path: &Path) -> Self {
        Self::read(&std::fs::read(path).unwrap()).unwrap()
    }

    pub(crate) fn state(&self) -> State {
        let mut state = State::default();
        self.records.iter().for_each(|record| state.apply(record.at, &record.event).unwrap());
        state
    }

    /// The number of the line that ends in a head, counted from 1.
    pub(crate) fn line_of(&self, head: &str) -> Option<usize> {
        self.hashes.iter().position(|hash| hash == head).map(|index| index + 1)
    }
}

/// What is known after these records. One that cannot follow the others ends the fold.
pub(crate) fn known(records: &[Record], steps: &[PlannedStep]) -> Known {
    let mut known = Known::new(steps.to_vec());
    until_illegal(records, |record| known.apply(record));
    known
}

/// The report of these records, the same way.
pub(crate) fn report(records: &[Record], head: &str, steps: &[PlannedStep]) -> Report {
    let mut history = History::new(steps.to_vec());
    until_illegal(records, |record| history.apply(record));
    Report::new(history, head)
}

fn until_illegal(records: &[Record], mut take: impl FnMut(&Record) -> Result<(), IllegalEvent>) {
    records.iter().find(|record| take(record).is_err());
}
