//! Where files of a log lie: listed with the hours in their names, and opened as streams of bytes.

use super::coverage::LATENESS;
use super::place::Place;
use super::question::Question;
use super::reading::{hour_of, hour_start};
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{self, Read};

/// Where files lie.
pub(crate) trait Store: Sync {
    /// The place, for people.
    fn describe(&self) -> String;
    /// The files of the vaults and the time that are asked about, in the order of their names.
    ///
    /// # Errors
    /// If a part cannot be listed: an answer from a part of the log would look whole.
    fn list(&self, question: &Question) -> Result<Listing, Failure>;
    /// Opens a file, as it lies there.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open<'s>(&'s self, file: &LogFile) -> io::Result<Box<dyn Read + 's>>;
    /// How many files to read side by side, where that is not the number of cores: more where answers are waited for.
    fn side_by_side(&self) -> Option<usize> {
        None
    }
}

/// What a store holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<LogFile>,
    /// Since when there is any file of the secret's vault.
    pub(crate) log_begins: Option<Timestamp>,
    /// Files beside them that are no logs by their names, nor by what they begin with where that was looked at.
    pub(crate) passed_over: Vec<LogFile>,
    /// Files in folders of times a little before and after what is asked about, and how long they are.
    pub(crate) beside: Vec<(LogFile, u64)>,
    /// Whether there are folders of yet other times.
    pub(crate) has_other_times: bool,
    /// Vaults whose folders were not looked into, in lower case.
    pub(crate) other_vaults: BTreeSet<String>,
}

impl Listing {
    pub(crate) fn merge(&mut self, other: Self) {
        self.files.extend(other.files);
        self.passed_over.extend(other.passed_over);
        self.beside.extend(other.beside);
        self.has_other_times |= other.has_other_times;
        self.other_vaults.extend(other.other_vaults);
        self.log_begins = [self.log_begins, other.log_begins].into_iter().flatten().min();
    }

    /// The nearest of the files beside, as many as cost little; what is left is of other times.
    pub(crate) fn take_beside(&mut self, question: &Question) -> Vec<LogFile> {
        const MOST_BYTES: u64 = 16 << 20;
        const MOST_FILES: usize = 128;
        let mut beside = std::mem::take(&mut self.beside);
        let distance = |file: &LogFile| {
            let hour = file.hour.unwrap_or_default();
            (hour_of(question.from) - hour).max(hour - hour_of(question.until))
        };
        beside.sort_by_key(|(file, _)| distance(file));
        let mut bytes = 0;
        let is_cheap = |(_, length): &(LogFile, u64)| {
            bytes += length;
            bytes <= MOST_BYTES
        };
        let all = beside.len();
        let taken: Vec<LogFile> =
            beside.into_iter().take(MOST_FILES).take_while(is_cheap).map(|(file, _)| file).collect();
        self.has_other_times |= taken.len() < all;
        taken
    }
}

/// One file of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) name: String,
    /// The hour its folder stands for, counted from 1970; none outside of the tree.
    pub(crate) hour: Option<i64>,
    /// The vault its folder stands for, in lower case; none outside of the tree.
    pub(crate) vault: Option<String>,
    /// Whether it may still be written to: its hour is not long over.
    pub(crate) may_grow: bool,
    /// Whether it was read before and held lines alone, no lists.
    pub(crate) only_lines: bool,
}

impl LogFile {
    pub(crate) fn new(name: String, place: &Place) -> Self {
        let hour = place.hour();
        let ends = hour.and_then(|hour| hour_start(hour + 1));
        let may_grow = ends.is_some_and(|ends| clock::now() - ends < LATENESS);
        Self { name, hour, vault: place.vault.clone(), may_grow, only_lines: false }
    }

    /// Tells it from others, in little room.
    pub(crate) fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.name.hash(&mut hasher);
        hasher.finish()
    }
}
