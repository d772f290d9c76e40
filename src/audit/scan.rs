//! Files, side by side → what a [`Collect`] makes of the candidate events, and what was [`Seen`] on the way.
//!
//! Every record is counted and its time noted; only candidates are parsed. Results are merged in the order of the
//! files, so that the same archive always gives the same answer.

use super::archive::{LogFile, open};
use super::coverage::{Seen, Unreadable};
use super::event::{Event, read_events};
use super::records::{Sink, begins_list, read_records, without_mark};
use super::search::{Needle, find_escape};
use memchr::{memchr, memmem};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

/// Makes something of events.
pub(crate) trait Collect: Send {
    /// Takes one candidate; it may still be about something else.
    fn event(&mut self, event: &Event<'_>);
    /// Takes in what was made of later files.
    fn merge(&mut self, later: Self);
}

/// Reads `files` and gives every event the needle points at to a collector.
pub(crate) fn scan<C: Collect>(files: &[LogFile], needle: &Needle, new: impl Fn() -> C + Sync) -> (C, Seen) {
    let empty = || (new(), Seen::default());
    files.par_iter().map(|file| scan_file(file, needle, new())).reduce(empty, |mut earlier, later| {
        earlier.0.merge(later.0);
        earlier.1.merge(later.1);
        earlier
    })
}

fn scan_file<C: Collect>(file: &LogFile, needle: &Needle, collector: C) -> (C, Seen) {
    let mut scanner = Scanner { file, needle, collector, seen: Seen::default(), position: 0 };
    match open(&file.path) {
        Ok(source) => {
            let (bytes, result) = read_records(source, &mut scanner);
            scanner.seen.bytes = bytes;
            if let Err(error) = result {
                scanner.unreadable(format!("the file cannot be read any further: {error}"), true);
            }
        }
        Err(error) => scanner.unreadable(format!("the file cannot be opened: {error}"), true),
    }
    if scanner.seen.events > 0 {
        scanner.seen.hours.extend(file.hour);
    }
    (scanner.collector, scanner.seen)
}

struct Scanner<'a, C> {
    file: &'a LogFile,
    needle: &'a Needle,
    collector: C,
    seen: Seen,
    position: u64,
}

impl<C: Collect> Sink for Scanner<'_, C> {
    fn lines(&mut self, block: &[u8]) -> usize {
        let mut found = self.needle.find(block, 0);
        let mut escape = find_escape(block, 0);
        let mut start = 0;
        while let Some(rest) = block.get(start..).filter(|rest| !rest.is_empty()) {
            let end = memchr(b'\n', rest).map_or(block.len(), |length| start + length);
            let line = trim(block.get(start..end).unwrap_or_default());
            if !line.is_empty() {
                if begins_list(rest) {
                    return start;
                }
                if found.is_some_and(|at| at < start) {
                    found = self.needle.find(block, start);
                }
                if escape.is_some_and(|at| at < start) {
                    escape = find_escape(block, start);
                }
                let candidate = [found, escape].into_iter().flatten().any(|at| at < end);
                self.record(line, candidate);
            } else {
                self.position += 1;
            }
            start = end + 1;
        }
        block.len()
    }

    fn element(&mut self, element: &[u8]) {
        let candidate = self.needle.find(element, 0).is_some() || find_escape(element, 0).is_some();
        self.record(element, candidate);
    }

    fn broken(&mut self, why: &'static str) {
        self.position += 1;
        self.unreadable(why.into(), true);
    }
}

impl<C: Collect> Scanner<'_, C> {
    /// Counts a record, and parses it if it is a candidate.
    fn record(&mut self, record: &[u8], candidate: bool) {
        self.position += 1;
        let whole = record.starts_with(b"{") && record.ends_with(b"}");
        if whole {
            self.seen.events += 1;
        }
        if let Some(time) = time_of(record).filter(|_| whole) {
            self.seen.time(time);
        }
        if candidate {
            let collector = &mut self.collector;
            if let Err(why) = read_events(record, &mut |event| collector.event(event)) {
                if whole {
                    self.seen.events -= 1;
                }
                self.unreadable(why, true);
            }
        } else if !whole {
            self.unreadable("it is cut off, or not an entry of the log".into(), false);
        }
    }

    /// Counts what cannot be read; `relevant` if it may be about what is sought.
    fn unreadable(&mut self, why: String, relevant: bool) {
        let source = self.file.path.display().to_string();
        self.seen.unreadable(Unreadable { source, position: self.position, why }, relevant);
    }
}

/// A line without the white space around it, and without the comma that separates it from the next.
fn trim(line: &[u8]) -> &[u8] {
    let line = without_mark(line).trim_ascii();
    line.strip_suffix(b",").map_or(line, <[u8]>::trim_ascii_end)
}

/// The record's time as it stands there. A quote inside a string has a backslash before it, so no caller can forge this.
fn time_of(record: &[u8]) -> Option<&str> {
    const FIRST: &[u8] = b"{\"time\":\"";
    let value = match record.strip_prefix(FIRST) {
        Some(value) => value,
        None => {
            let key = memmem::find(record, b"\"time\"")?;
            let rest = record.get(key + b"\"time\"".len()..)?.trim_ascii_start();
            rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?
        }
    };
    let value = value.get(..memchr(b'"', value)?)?;
    std::str::from_utf8(value).ok()
}
