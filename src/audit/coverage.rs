//! What was read on the way → what the log could, and could not, show.

use crate::clock::Timestamp;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// How late an entry may reach the archive: storage says ten minutes at most; twice that is waited for.
pub(crate) const LATENESS: TimeDelta = TimeDelta::minutes(20);
const HOUR_SECONDS: i64 = 3600;
/// How many unreadable records are shown.
const SHOWN_UNREADABLE: usize = 5;

/// What the log could, and could not, show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Where the log was read from.
    pub sources: Vec<String>,
    /// How many files of this vault and window were read; the files at its edges whole.
    pub files: u64,
    /// How many entries those files hold.
    pub events: u64,
    /// How many bytes those files hold, after decompression.
    pub bytes: u64,
    /// The oldest entry's time, as it stands in the log; empty without entries.
    pub first: String,
    /// The newest entry's time, as it stands in the log; empty without entries.
    pub last: String,
    /// The hours of the window without a single entry: a quiet vault, or a log that was not kept.
    pub gaps: Vec<Gap>,
    /// How many records, or rests of files, could not be read.
    pub unreadable_lines: u64,
    /// The newest moment of the window the log speaks for: its newest entry. What happened later may not have reached the
    /// log yet, and within the 20 minutes before the log was read, entries may still arrive.
    pub horizon: Option<Timestamp>,
}

/// A stretch of the window without a single entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// What was read on the way.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Hours since 1970 with at least one entry.
    pub(crate) hours: BTreeSet<i64>,
    first: String,
    last: String,
    latest_hour: String,
    unreadable: u64,
    /// How many of the unreadable may have been about what is sought.
    pub(crate) unreadable_relevant: u64,
    pub(crate) shown: Vec<Unreadable>,
}

/// A record, or the rest of a file, that could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) source: String,
    pub(crate) position: u64,
    pub(crate) why: String,
}

impl Seen {
    /// Notes an entry's time, given as it stands in the log.
    pub(crate) fn time(&mut self, time: &str) {
        let Some(hour) = time.get(..13).filter(|_| has_shape(time)) else {
            return;
        };
        if self.first.is_empty() || compare(time, &self.first) == Ordering::Less {
            time.clone_into(&mut self.first);
        }
        if compare(time, &self.last) == Ordering::Greater {
            time.clone_into(&mut self.last);
        }
        if hour != self.latest_hour {
            hour.clone_into(&mut self.latest_hour);
            self.hours.extend(parse(time).map(hour_of));
        }
    }

    /// Counts what could not be read, and keeps the first few to show of those that may be about what is sought.
    pub(crate) fn unreadable(&mut self, unreadable: Unreadable, relevant: bool) {
        self.unreadable += 1;
        if relevant {
            self.unreadable_relevant += 1;
            if self.shown.len() < SHOWN_UNREADABLE {
                self.shown.push(unreadable);
            }
        }
    }

    pub(crate) fn merge(&mut self, later: Self) {
        self.events += later.events;
        self.bytes += later.bytes;
        self.unreadable += later.unreadable;
        self.unreadable_relevant += later.unreadable_relevant;
        self.hours.extend(later.hours);
        if self.first.is_empty() || (!later.first.is_empty() && compare(&later.first, &self.first) == Ordering::Less) {
            self.first = later.first;
        }
        if compare(&later.last, &self.last) == Ordering::Greater {
            self.last = later.last;
        }
        self.shown.extend(later.shown);
        self.shown.truncate(SHOWN_UNREADABLE);
    }

    /// The statement about the window, as of `now`.
    pub(crate) fn coverage(
        &self,
        source: String,
        files: usize,
        since: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Coverage {
        Coverage {
            sources: vec![source],
            files: files as u64,
            events: self.events,
            bytes: self.bytes,
            first: self.first.clone(),
            last: self.last.clone(),
            gaps: gaps(&self.hours, since, until.min(now - LATENESS)),
            unreadable_lines: self.unreadable,
            horizon: parse(&self.last).map(|last| last.min(until)),
        }
    }
}

/// The stretches between `since` and `until` outside of `hours`.
fn gaps(hours: &BTreeSet<i64>, since: Timestamp, until: Timestamp) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut covered = since;
    for hour in hours.range(hour_of(since)..) {
        let Some(start) = DateTime::from_timestamp(hour * HOUR_SECONDS, 0) else { continue };
        if start >= until {
            break;
        }
        if start > covered {
            gaps.push(Gap { from: covered, to: start });
        }
        covered = start.checked_add_signed(TimeDelta::hours(1)).unwrap_or(start);
    }
    if covered < until {
        gaps.push(Gap { from: covered, to: until });
    }
    gaps
}

/// The hour a moment lies in, counted from 1970.
pub(crate) fn hour_of(at: Timestamp) -> i64 {
    at.timestamp().div_euclid(HOUR_SECONDS)
}

fn parse(time: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(time).ok().map(|at| at.with_timezone(&Utc))
}

/// Whether a text looks like `2026-11-20T22:02:11…`.
fn has_shape(time: &str) -> bool {
    let bytes = time.as_bytes();
    time.len() >= 20
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':')].iter().all(|(at, byte)| bytes.get(*at) == Some(byte))
}

/// Compares two times of the log by their text: all are in UTC, and only their digits after the point differ in number.
fn compare(one: &str, other: &str) -> Ordering {
    one.trim_end_matches('Z').cmp(other.trim_end_matches('Z'))
}
