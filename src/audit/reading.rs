//! What was seen of the log on the way: how much, from when to when, and what could not be read.

use super::groups::Moment;
use super::other_log::OtherLog;
use super::question::Question;
use super::sheet::Refusal;
use crate::clock::Timestamp;
use chrono::{DateTime, Utc};
use memchr::{memchr, memmem};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const HOUR_SECONDS: i64 = 3600;
/// How many unreadable records are shown.
const SHOWN_UNREADABLE: usize = 5;
/// How much of one is shown.
const SHOWN_CHARACTERS: usize = 120;

/// What was read on the way.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) files: u64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Entries by the hour since 1970 they speak of; zero where only a folder's name tells of the hour.
    pub(crate) hours: BTreeMap<i64, u64>,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) unreadable: u64,
    /// How many of the unreadable may have been about what is sought.
    pub(crate) unreadable_relevant: u64,
    /// Whether some of the unreadable stand for more than one entry.
    pub(crate) at_least: bool,
    /// How many of these are entries that do not say which secret they are about.
    pub(crate) unnamed: u64,
    /// Files of which nothing was read: no log by their name, or a table whose columns or times are not certain.
    pub(crate) unread_files: u64,
    /// Entries of other logs, which say nothing of who read a secret.
    pub(crate) others: BTreeMap<OtherLog, u64>,
    pub(crate) shown: Vec<Unreadable>,
    /// How many files ended in the middle of an entry, because they were still being written.
    pub(crate) growing: u64,
    /// Since when the source holds any entry of the vault, where it can tell.
    pub(crate) log_begins: Option<Timestamp>,
    /// Stretches that the source could not answer for, and why.
    pub(crate) missing: Vec<(Timestamp, Timestamp, String)>,
    /// Entries that stand in another file, too, and were counted there.
    pub(crate) copies: u64,
    /// Entries that were counted, although one like them stands in another file.
    pub(crate) alike: u64,
    /// Entries that came when too many were known to tell whether they stand in another file as well.
    pub(crate) not_told_apart: u64,
    /// What limits cut off.
    pub(crate) truncations: Vec<String>,
    /// What else must be said about the source.
    pub(crate) notes: Vec<String>,
    /// Vaults that the source holds anything of, in lower case.
    pub(crate) vaults: BTreeSet<String>,
    /// Marks of the files that lie in a vault's folder and hold entries of another.
    pub(crate) foreign: BTreeSet<u64>,
    /// Marks of the files that hold nothing but lines in the archive's own shape.
    pub(crate) only_lines: Vec<u64>,
    /// Whether a table was read that somebody exported.
    pub(crate) exports: bool,
    /// Tables that were not read, as it is not certain how they are meant.
    pub(crate) refused: Vec<(String, Refusal)>,
    hour: LatestHour,
}

/// The hour of the latest entries: they come in the order of time, mostly.
#[derive(Debug)]
struct LatestHour {
    /// How its times begin: `2026-11-20T22:`; zeros while there is none.
    beginning: [u8; HOUR_BYTES + 1],
    hour: Option<i64>,
    count: u64,
    /// The earliest and the latest of what comes behind the hour in the times of [`Reading::ordinary`] lines.
    low: u128,
    high: u128,
}

impl Default for LatestHour {
    fn default() -> Self {
        Self { beginning: [0; HOUR_BYTES + 1], hour: None, count: 0, low: u128::MAX, high: u128::MIN }
    }
}

impl LatestHour {
    fn covers(&self, time: &[u8; TIME_BYTES]) -> bool {
        self.hour.is_some() && time.first_chunk() == Some(&self.beginning) && time.ends_with(b"Z")
    }

    /// Whether a time, given by its hour as it stands there, is within it.
    fn is(&self, hour: &str) -> bool {
        self.beginning.strip_suffix(b":") == Some(hour.as_bytes())
    }

    /// Begins another hour, given as it stands at the beginning of a time.
    fn begin(&mut self, hour: &str) {
        if let Ok(hour) = <[u8; HOUR_BYTES]>::try_from(hour.as_bytes()) {
            self.beginning = [b':'; HOUR_BYTES + 1];
            self.beginning.iter_mut().zip(hour).for_each(|(byte, given)| *byte = given);
        }
    }

    /// The time that a number of this hour stands for, as it stood in the log.
    fn time(&self, within: u128) -> String {
        let rest = within.to_be_bytes();
        let time = [self.beginning.get(..HOUR_BYTES), rest.get(1..)].map(Option::unwrap_or_default).concat();
        String::from_utf8_lossy(&time).into_owned()
    }
}

/// `2026-11-20T22`.
const HOUR_BYTES: usize = 13;
/// What Azure writes: `2026-11-20T22:02:11.1234567Z`.
const TIME_BYTES: usize = 28;

/// What comes behind the hour in a time, as a number that orders it.
fn within_hour(time: &[u8; TIME_BYTES]) -> u128 {
    // The last digit of the hour comes along: sixteen bytes are one number.
    time.last_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

/// Stands for the number of a record where the whole file is meant.
const WHOLE_FILE: u64 = 0;

/// A record, or the rest of a file, that could not be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) source: String,
    pub(crate) position: u64,
    pub(crate) why: String,
    /// How it begins, without control characters.
    pub(crate) text: String,
}

impl Unreadable {
    pub(crate) fn new(source: &str, position: u64, why: String, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes.get(..SHOWN_CHARACTERS * 4).unwrap_or(bytes)).into_owned();
        let text = text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).take(SHOWN_CHARACTERS);
        Self { source: source.to_owned(), position, why, text: text.collect() }
    }
}

impl Reading {
    /// Counts a line and notes its time if it is an entry that begins with its time, written as Azure writes it. The way
    /// of nearly all lines, and the only thing that is done for each of them: hence without text, by whole numbers.
    pub(crate) fn ordinary(&mut self, line: &[u8]) -> bool {
        let time: Option<&[u8; TIME_BYTES]> = line
            .strip_prefix(b"{\"time\":\"")
            .filter(|rest| rest.get(TIME_BYTES) == Some(&b'"') && rest.ends_with(b"}"))
            .and_then(|rest| rest.first_chunk());
        let Some(time) = time.filter(|time| self.hour.covers(time)) else { return false };
        self.events += 1;
        self.hour.count += 1;
        let within = within_hour(time);
        self.hour.low = self.hour.low.min(within);
        self.hour.high = self.hour.high.max(within);
        true
    }

    /// Counts entries of another log. What logs are called is not ours to bound, so how many of them are told apart is.
    pub(crate) fn other_log(&mut self, other: OtherLog, count: u64) {
        const MOST: usize = 16;
        let is_told_apart = self.others.len() < MOST || self.others.contains_key(&other);
        let other = if is_told_apart { other } else { OtherLog("entries of other logs".to_owned()) };
        *self.others.entry(other).or_insert(0) += count;
    }

    /// Notes an entry's time, given as it stands in the log.
    pub(crate) fn time(&mut self, time: &str) {
        let Some(hour) = time.get(..HOUR_BYTES).filter(|_| has_shape(time)) else {
            return;
        };
        self.extend_to(time);
        if !self.hour.is(hour) {
            self.end_hour();
            self.hour.hour = parse(time).map(hour_of);
            if self.hour.hour.is_some() {
                self.hour.begin(hour);
            }
        }
        self.hour.count += 1;
    }

    /// Notes that a file of this hour held entries, whatever times they name.
    pub(crate) fn file_had_events(&mut self, hour: Option<i64>) {
        if let Some(hour) = hour {
            self.hours.entry(hour).or_insert(0);
        }
    }

    /// Notes so many entries between two times of one hour.
    pub(crate) fn entries(&mut self, first: &str, last: &str, count: u64) {
        self.events += count;
        self.time(first);
        self.time(last);
        // The two calls counted two.
        self.hour.count = (self.hour.count + count).saturating_sub(2);
    }

    fn end_hour(&mut self) {
        let ended = std::mem::take(&mut self.hour);
        if let Some(hour) = ended.hour {
            *self.hours.entry(hour).or_insert(0) += ended.count;
        }
        if ended.low <= ended.high {
            self.extend_to(&ended.time(ended.low));
            self.extend_to(&ended.time(ended.high));
        }
    }

    fn extend_to(&mut self, time: &str) {
        if self.first.is_empty() || compare(time, &self.first) == Ordering::Less {
            time.clone_into(&mut self.first);
        }
        if compare(time, &self.last) == Ordering::Greater {
            time.clone_into(&mut self.last);
        }
    }

    /// Counts what could not be read, and keeps the first few to show, those first that may be about what is sought.
    pub(crate) fn unreadable(&mut self, unreadable: impl FnOnce() -> Unreadable, relevant: bool) {
        self.unreadable += 1;
        self.unreadable_relevant += u64::from(relevant);
        if self.shown.len() < SHOWN_UNREADABLE {
            self.shown.push(unreadable());
        }
    }

    /// Counts a file of which nothing was read; whatever it holds may be about what is sought.
    pub(crate) fn unread_file(&mut self, file: &str, why: impl FnOnce() -> String) {
        self.unread_files += 1;
        if self.shown.len() < SHOWN_UNREADABLE {
            self.shown.push(Unreadable::new(file, WHOLE_FILE, why(), b""));
        }
    }

    /// Adds what another reading tells of entries that stand in more than one file.
    pub(super) fn take_copies(&mut self, of: &Self) {
        self.copies += of.copies;
        self.alike += of.alike;
        self.not_told_apart += of.not_told_apart;
    }

    pub(crate) fn merge(&mut self, mut later: Self) {
        self.end_hour();
        later.end_hour();
        self.files += later.files;
        self.events += later.events;
        self.bytes += later.bytes;
        self.unreadable += later.unreadable;
        self.unreadable_relevant += later.unreadable_relevant;
        self.unread_files += later.unread_files;
        self.unnamed += later.unnamed;
        self.growing += later.growing;
        self.at_least |= later.at_least;
        self.take_copies(&later);
        for (other, count) in later.others {
            self.other_log(other, count);
        }
        for (hour, count) in later.hours {
            *self.hours.entry(hour).or_insert(0) += count;
        }
        if self.first.is_empty() || (!later.first.is_empty() && compare(&later.first, &self.first) == Ordering::Less) {
            self.first = later.first;
        }
        if compare(&later.last, &self.last) == Ordering::Greater {
            self.last = later.last;
        }
        self.shown.extend(later.shown);
        self.shown.truncate(SHOWN_UNREADABLE);
        self.log_begins = [self.log_begins, later.log_begins].into_iter().flatten().min();
        self.missing.extend(later.missing);
        self.truncations.extend(later.truncations);
        self.notes.extend(later.notes);
        self.vaults.extend(later.vaults);
        self.foreign.extend(later.foreign);
        self.only_lines.extend(later.only_lines);
        self.exports |= later.exports;
        self.refused.extend(later.refused);
    }

    /// Whether any entry lies in the time that is asked about, or entries lie on both sides of it.
    pub(crate) fn speaks_of(&self, question: &Question) -> bool {
        let (first, last) = (parse(&self.first), parse(&self.last));
        first.zip(last).is_some_and(|(first, last)| first < question.until && last >= question.from)
    }

    /// Lets entries count that lie between these times, too.
    pub(crate) fn include(&mut self, (first, last): (Moment, Moment)) {
        self.extend_to(&first.text);
        self.extend_to(&last.text);
    }

    /// Lets these times, of the entries that count, take the place of all that were seen.
    pub(crate) fn narrow(&mut self, times: impl Iterator<Item = (Moment, Moment)>) {
        (self.first, self.last) = (String::new(), String::new());
        for (first, last) in times {
            self.extend_to(&first.text);
            self.extend_to(&last.text);
        }
    }

    /// Lets the entries that another look counted take the place of those that were seen.
    pub(crate) fn recount(&mut self, other: Self) {
        let other = other.finished();
        self.events = other.events;
        self.hours = other.hours;
        (self.first, self.last) = (other.first, other.last);
    }

    /// The same, with nothing left uncounted.
    #[must_use]
    pub(crate) fn finished(mut self) -> Self {
        self.end_hour();
        self
    }
}

/// The hour a moment lies in, counted from 1970.
pub(crate) fn hour_of(at: Timestamp) -> i64 {
    at.timestamp().div_euclid(HOUR_SECONDS)
}

/// Where an hour counted from 1970 begins.
pub(crate) fn hour_start(hour: i64) -> Option<Timestamp> {
    DateTime::from_timestamp(hour.checked_mul(HOUR_SECONDS)?, 0)
}

pub(crate) fn parse(time: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(time).ok().map(|at| at.with_timezone(&Utc))
}

/// Whether a text looks like `2026-11-20T22:02:11…`.
pub(crate) fn has_shape(time: &str) -> bool {
    let bytes = time.as_bytes();
    bytes.len() >= 20
        && matches!(
            (bytes.get(4), bytes.get(7), bytes.get(10), bytes.get(13)),
            (Some(b'-'), Some(b'-'), Some(b'T'), Some(b':'))
        )
}

/// The record's time as it stands there, where it is plainly one of UTC. A quote inside a string has a backslash before it,
/// so no caller can forge this.
pub(super) fn time_of(record: &[u8]) -> Option<&str> {
    const FIRST: &[u8] = b"{\"time\":\"";
    let value = match record.strip_prefix(FIRST) {
        Some(value) => value,
        None => [&b"\"time\""[..], b"\"TimeGenerated\""].iter().find_map(|key| {
            let at = memmem::find(record, key)?;
            let rest = record.get(at + key.len()..)?.trim_ascii_start();
            rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")
        })?,
    };
    let value = value.get(..memchr(b'"', value)?)?;
    std::str::from_utf8(value).ok().filter(|time| has_shape(time) && time.ends_with('Z'))
}

/// Compares two times of the log by their text: all are in UTC, and only their digits after the point differ in number.
fn compare(one: &str, other: &str) -> Ordering {
    if one.len() == other.len() {
        return one.cmp(other);
    }
    one.trim_end_matches('Z').cmp(other.trim_end_matches('Z'))
}
