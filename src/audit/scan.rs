//! Files, side by side → what a [`Collect`] makes of the candidate events, and what was [`Reading`] on the way.
//!
//! Every record is counted and its time noted; only candidates are parsed. Results are merged in the order of the
//! files, so that the same archive always gives the same answer.

use super::event::{Event, read_events};
use super::reading::{Reading, Unreadable};
use super::records::{Buffer, Sink, begins_list, read_records, without_mark};
use super::search::{Candidates, Needle};
use super::store::{LogFile, Store, decompress};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

/// Makes something of events.
pub(crate) trait Collect: Send {
    /// Takes one candidate; it may still be about something else.
    fn event(&mut self, event: &Event<'_>);
    /// Takes in what was made of later files.
    fn merge(&mut self, later: Self);
}

/// How closely files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Every record is counted, and what cannot be read is noted.
    AtAll,
    /// Nothing but the candidates matters: the rest was counted before.
    AtCandidates,
}

/// What one worker has gathered so far, and what it works with.
struct Work<C> {
    collector: C,
    seen: Reading,
    buffer: Buffer,
    candidates: Candidates,
}

/// Reads `files` and gives every event the needle points at to a collector. Uses the current pool of threads.
pub(crate) fn scan<C: Collect>(
    store: &impl Store,
    files: &[&LogFile],
    needle: &Needle,
    look: Look,
    new: impl Fn() -> C + Sync + Send,
) -> (C, Reading) {
    let empty = || Work {
        collector: new(),
        seen: Reading::default(),
        buffer: Buffer::default(),
        candidates: Candidates::default(),
    };
    let work = files.par_iter().fold(empty, |work, file| scan_file(store, file, needle, look, work));
    work.map(|work| (work.collector, work.seen)).reduce(
        || (new(), Reading::default()),
        |mut earlier, later| {
            earlier.0.merge(later.0);
            earlier.1.merge(later.1);
            earlier
        },
    )
}

fn scan_file<C: Collect>(
    store: &impl Store,
    file: &LogFile,
    needle: &Needle,
    look: Look,
    mut work: Work<C>,
) -> Work<C> {
    let mut buffer = std::mem::take(&mut work.buffer);
    let events = work.seen.events;
    let mut scanner = Scanner { file, needle, look, work, position: 0, has_list: false };
    match store.open(file).and_then(decompress) {
        Ok(source) => {
            let (bytes, result) = read_records(source, &mut buffer, &mut scanner);
            scanner.work.seen.bytes += bytes;
            if !scanner.has_list && result.is_ok() {
                scanner.work.seen.only_lines.push(file.mark());
            }
            if let Err(error) = result {
                scanner.unreadable(format!("the file cannot be read any further: {error}"), b"", true);
            }
        }
        Err(error) => scanner.unreadable(format!("the file cannot be opened: {error}"), b"", true),
    }
    let mut work = scanner.work;
    if work.seen.events > events {
        work.seen.file_had_events(file.hour);
    }
    work.buffer = buffer;
    work
}

struct Scanner<'a, C> {
    file: &'a LogFile,
    needle: &'a Needle,
    look: Look,
    work: Work<C>,
    position: u64,
    has_list: bool,
}

impl<C: Collect> Sink for Scanner<'_, C> {
    fn lines(&mut self, block: &[u8]) -> usize {
        let mut candidates = std::mem::take(&mut self.work.candidates);
        self.needle.candidates(block, &mut candidates);
        let taken = if self.look == Look::AtCandidates && self.file.only_lines {
            self.take_candidates(block, &candidates);
            block.len()
        } else {
            self.take_lines(block, &candidates)
        };
        self.work.candidates = candidates;
        taken
    }

    fn element(&mut self, element: &[u8]) {
        self.has_list = true;
        let mut candidates = std::mem::take(&mut self.work.candidates);
        self.needle.candidates(element, &mut candidates);
        self.record(element, !candidates.is_empty(), false);
        self.work.candidates = candidates;
    }

    fn broken(&mut self, why: &'static str, bytes: &[u8], at_end: bool) {
        self.position += 1;
        if at_end && self.file.may_grow {
            return self.growing(bytes);
        }
        self.unreadable(why.into(), bytes, true);
    }
}

impl<C: Collect> Scanner<'_, C> {
    /// Parses the lines that hold a candidate, and passes the others over.
    fn take_candidates(&mut self, block: &[u8], candidates: &Candidates) {
        for at in candidates.firsts() {
            let start = block.get(..at).and_then(|before| memrchr(b'\n', before)).map_or(0, |newline| newline + 1);
            let end = block.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(block.len(), |length| at + length);
            self.record(trim(block.get(start..end).unwrap_or_default()), true, end == block.len());
        }
    }

    fn take_lines(&mut self, block: &[u8], candidates: &Candidates) -> usize {
        let mut candidates = candidates.firsts().peekable();
        let mut line_breaks = memchr_iter(b'\n', block);
        let mut start = 0;
        while start < block.len() {
            let line_break = line_breaks.next();
            let end = line_break.unwrap_or(block.len());
            let line = block.get(start..end).unwrap_or_default();
            let candidate = candidates.next_if(|at| *at < end).is_some();
            // Nearly all lines are whole entries of nobody's interest, in the one shape that Azure writes.
            if !candidate && line_break.is_some() && self.work.seen.ordinary(line) {
                self.position += 1;
            } else {
                let line = trim(line);
                if line.is_empty() {
                    self.position += 1;
                } else if begins_list(line) {
                    self.has_list = true;
                    return start;
                } else {
                    self.record(line, candidate, line_break.is_none());
                }
            }
            start = end + 1;
        }
        block.len()
    }

    /// Counts a record, and parses it if it is a candidate. `unended` is what stands at a file's end without a line
    /// break behind it.
    fn record(&mut self, record: &[u8], candidate: bool, unended: bool) {
        self.position += 1;
        let seen = &mut self.work.seen;
        let whole = record.starts_with(b"{") && record.ends_with(b"}");
        if whole {
            seen.events += 1;
            if let Some(time) = time_of(record) {
                seen.time(time);
            }
        } else if unended && self.file.may_grow {
            return self.growing(record);
        }
        if candidate {
            let collector = &mut self.work.collector;
            if let Err(why) = read_events(record, &mut |event| collector.event(event)) {
                if whole {
                    self.work.seen.events -= 1;
                }
                self.unreadable(why, record, true);
            }
        } else if !whole {
            self.unreadable("it is cut off, or not an entry of the log".into(), record, false);
        }
    }

    /// The beginning of an entry that is still being written.
    fn growing(&mut self, bytes: &[u8]) {
        self.work.seen.growing += 1;
        self.unreadable("its end was not written yet when it was read".into(), bytes, false);
    }

    /// Counts what cannot be read; `relevant` if it may be about what is sought.
    fn unreadable(&mut self, why: String, bytes: &[u8], relevant: bool) {
        let source = &self.file.name;
        self.work.seen.unreadable(|| Unreadable::new(source, self.position, why, bytes), relevant);
    }
}

/// A line without the white space around it, and without the comma that separates it from the next.
fn trim(line: &[u8]) -> &[u8] {
    if line.starts_with(b"{") && line.ends_with(b"}") {
        return line;
    }
    let line = without_mark(line).trim_ascii();
    line.strip_suffix(b",").map_or(line, <[u8]>::trim_ascii_end)
}

/// The record's time as it stands there. A quote inside a string has a backslash before it, so no caller can forge this.
fn time_of(record: &[u8]) -> Option<&str> {
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
    std::str::from_utf8(value).ok()
}
