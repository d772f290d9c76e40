//! Files, side by side → what a [`Collect`] makes of the candidate events, and what was [`Reading`] on the way.
//!
//! Every record is counted and its time noted; only candidates are parsed. Results are merged in the order of the
//! files, so that the same archive always gives the same answer.

use super::avro;
use super::document::Sink;
use super::entries;
use super::event::{Event, read_events};
use super::parts::{OpenLines, Part};
use super::plain::{Plainly, may_be_of_any};
use super::reading::{Reading, Unreadable, has_shape};
use super::records::{Buffer, begins_document, read_records, without_mark};
use super::search::{Candidates, Needle};
use super::sheet::Sheet;
use super::store::{LogFile, Store};
use super::times::Times;
use super::unpack::{Form, Unpacked, unpack};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use std::cell::Cell;
use std::io::{self, Cursor, Read};

/// Makes something of events.
pub(crate) trait Collect: Send {
    /// Takes one candidate; it may still be about something else.
    fn event(&mut self, event: &Event<'_>);
    /// Whether an event is of what is asked about, as far as its vault and its time tell.
    fn may_concern(&self, event: &Event<'_>) -> bool;
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

/// What is looked for, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search<'a> {
    pub(crate) needle: &'a Needle,
    pub(crate) look: Look,
    pub(crate) times: Times,
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
    search: Search<'_>,
    new: impl Fn() -> C + Sync + Send,
) -> (C, Reading) {
    let empty = || Work {
        collector: new(),
        seen: Reading::default(),
        buffer: Buffer::default(),
        candidates: Candidates::default(),
    };
    let work = files.par_iter().fold(empty, |work, file| scan_file(store, file, search, work));
    work.map(|work| (work.collector, work.seen)).reduce(
        || (new(), Reading::default()),
        |mut earlier, later| {
            earlier.0.merge(later.0);
            earlier.1.merge(later.1);
            earlier
        },
    )
}

fn scan_file<C: Collect>(store: &impl Store, file: &LogFile, search: Search<'_>, mut work: Work<C>) -> Work<C> {
    let mut buffer = std::mem::take(&mut work.buffer);
    let events = work.seen.events;
    let (columns, plainly, parts) = Default::default();
    let mut scanner = Scanner { file, search, work, position: 0, only_lines: true, columns, plainly, parts };
    match store.open(file).and_then(|source| unpack(source, &file.name)) {
        Ok(Unpacked { form: Form::Records, source }) => scanner.records(source, &mut buffer),
        Ok(Unpacked { form: Form::Sheet(sheet), source }) => scanner.sheet(&sheet, source, store),
        Ok(Unpacked { form: Form::Avro, source }) => scanner.avro(source, &mut buffer),
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
    search: Search<'a>,
    work: Work<C>,
    position: u64,
    /// Whether the file held nothing but lines, each an entry in the archive's own shape.
    only_lines: bool,
    /// Of the table whose rows are being read.
    columns: Vec<String>,
    plainly: Plainly,
    parts: OpenLines,
}

/// What the quick search says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// It may be about what is sought.
    Candidate,
    /// Whether it is an entry of the audit log, and about something else, is not certain.
    Doubtful,
    Nothing,
}

impl<C: Collect> Scanner<'_, C> {
    fn records(&mut self, source: impl Read, buffer: &mut Buffer) {
        let (bytes, result) = read_records(source, buffer, self);
        self.work.seen.bytes += bytes;
        for part in self.parts.finish() {
            self.cut(&part);
        }
        match result {
            Ok(()) if self.only_lines => self.work.seen.only_lines.push(self.file.mark()),
            Ok(()) => {}
            Err(error) => self.unreadable(format!("the file cannot be read any further: {error}"), b"", true),
        }
    }

    fn sheet<S: Store>(&mut self, sheet: &Sheet, source: Box<dyn Read + '_>, store: &S) {
        let file = self.file;
        let bytes = Cell::new(0);
        let source = Counted { source, bytes: &bytes };
        let again = || Ok(unpack(store.open(file)?, &file.name)?.source);
        let read = sheet.read(Box::new(source), again, self.search.times, &mut |position, fields, times| {
            self.position = position;
            match fields.and_then(|fields| Event::new(fields, times)) {
                Ok(event) => self.event(&event, b""),
                Err(why) => self.unreadable(why, b"", true),
            }
        });
        self.work.seen.bytes += bytes.get();
        self.work.seen.exports = true;
        if let Err(refusal) = read {
            self.work.seen.unread_file(&file.name, || format!("{}: {}", refusal.because, refusal.help));
            self.work.seen.refused.push((file.name.clone(), refusal));
        }
    }

    fn avro(&mut self, source: impl Read, buffer: &mut Buffer) {
        self.only_lines = false;
        let read = avro::bodies(source, &mut |body| {
            let (bytes, _) = read_records(Cursor::new(body), buffer, self);
            self.work.seen.bytes += bytes;
        });
        if let Err(why) = read {
            self.unreadable(format!("the file cannot be read any further: {why}"), b"", true);
        }
    }
}

impl<C: Collect> Sink for Scanner<'_, C> {
    fn lines(&mut self, block: &[u8]) -> usize {
        let mut candidates = std::mem::take(&mut self.work.candidates);
        self.search.needle.candidates(block, &mut candidates);
        let taken = if self.search.look == Look::AtCandidates && self.file.only_lines {
            self.take_candidates(block, &candidates);
            block.len()
        } else {
            self.take_lines(block, &candidates)
        };
        self.work.candidates = candidates;
        taken
    }

    fn element(&mut self, element: &[u8]) {
        self.only_lines = false;
        let worth = self.worth(element);
        self.record(element, worth, false);
    }

    fn head(&mut self, head: &[u8]) {
        self.only_lines = false;
        // Of an object that is cut where its list begins, the list is all that is missing.
        let head = [head, b"]}"].concat();
        let table: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&head).ok();
        if table.as_ref().and_then(|table| table.get("error")).is_some_and(serde_json::Value::is_object) {
            self.partial();
        }
        self.columns = table.and_then(|table| entries::columns(&table)).unwrap_or_default();
    }

    fn partial(&mut self) {
        let truncation =
            format!("the answer in `{}` has an `error`: it holds only a part of what was asked", self.file.name);
        if !self.work.seen.truncations.contains(&truncation) {
            self.work.seen.truncations.push(truncation);
        }
    }

    fn broken(&mut self, why: &'static str, bytes: &[u8], at_end: bool) {
        self.only_lines = false;
        self.position += 1;
        if at_end && self.file.may_grow {
            return self.growing(bytes);
        }
        let relevant = bytes.is_empty() || self.is_candidate(bytes) || may_be_of_any(bytes);
        self.unreadable(why.into(), bytes, relevant);
    }
}

impl<C: Collect> Scanner<'_, C> {
    fn is_candidate(&mut self, record: &[u8]) -> bool {
        self.search.needle.candidates(record, &mut self.work.candidates);
        !self.work.candidates.is_empty()
    }

    fn worth(&mut self, record: &[u8]) -> Worth {
        if self.is_candidate(record) { Worth::Candidate } else { self.worth_of_no_candidate(record) }
    }

    fn worth_of_no_candidate(&mut self, record: &[u8]) -> Worth {
        // Of a file with other shapes in it, candidates are not all that counts.
        let counts = self.search.look == Look::AtAll || !self.file.only_lines;
        if counts && !self.plainly.is_of_something_else(record) { Worth::Doubtful } else { Worth::Nothing }
    }

    /// Parses the lines that hold a candidate, and passes the others over.
    fn take_candidates(&mut self, block: &[u8], candidates: &Candidates) {
        for at in candidates.firsts() {
            let start = block.get(..at).and_then(|before| memrchr(b'\n', before)).map_or(0, |newline| newline + 1);
            let end = block.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(block.len(), |length| at + length);
            let line = trim(block.get(start..end).unwrap_or_default());
            self.record(line, Worth::Candidate, end == block.len());
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
            let worth = match candidates.next_if(|at| *at < end) {
                Some(_) => Worth::Candidate,
                None => self.worth_of_no_candidate(line),
            };
            // Nearly all lines are whole entries of nobody's interest, in the one shape that Azure writes.
            if worth == Worth::Nothing && line_break.is_some() && self.work.seen.ordinary(line) {
                self.position += 1;
            } else {
                // Of the first line it was said before that no document begins with it.
                if start > 0 && begins_document(line, line_break.is_some()) {
                    self.only_lines = false;
                    return start;
                }
                let line = trim(line);
                if line.is_empty() {
                    self.position += 1;
                } else {
                    self.record(line, worth, line_break.is_none());
                }
            }
            start = end + 1;
        }
        block.len()
    }

    /// Counts a record, and parses it if it is a candidate, or if what it is cannot be told without. `unended` is what
    /// stands at a file's end without a line break behind it.
    fn record(&mut self, record: &[u8], worth: Worth, unended: bool) {
        self.position += 1;
        match self.parts.take(record) {
            Ok(Part::None) => self.whole_record(record, worth, unended),
            Ok(Part::Kept) => self.only_lines = false,
            Ok(Part::Last(joined)) => self.joined(&joined, unended),
            Err(earlier) => {
                self.cut(&earlier);
                self.whole_record(record, worth, unended);
            }
        }
    }

    fn joined(&mut self, joined: &str, unended: bool) {
        self.only_lines = false;
        let joined = joined.trim().as_bytes();
        let worth = self.worth(joined);
        self.whole_record(joined, worth, unended);
    }

    /// The parts of a line whose end never came.
    fn cut(&mut self, parts: &str) {
        let relevant = self.is_candidate(parts.as_bytes()) || may_be_of_any(parts.as_bytes());
        self.unreadable("it is cut off: the line with its end is missing".into(), parts.as_bytes(), relevant);
    }

    fn whole_record(&mut self, record: &[u8], worth: Worth, unended: bool) {
        let whole = record.starts_with(b"{") && record.ends_with(b"}");
        if worth == Worth::Nothing
            && whole
            && let Some(time) = time_of(record)
        {
            self.work.seen.events += 1;
            return self.work.seen.time(time);
        }
        if !whole && unended && self.file.may_grow {
            return self.growing(record);
        }
        let times = self.search.times;
        let columns = std::mem::take(&mut self.columns);
        let read = read_events(record, &columns, &times, &mut |event| self.event(event, record));
        self.columns = columns;
        // What was parsed without being a candidate is in a shape of its own.
        self.only_lines &= worth == Worth::Candidate;
        if let Err(why) = read {
            self.unreadable(why, record, worth == Worth::Candidate || may_be_of_any(record));
        }
    }

    fn event(&mut self, event: &Event<'_>, record: &[u8]) {
        if let Some(other) = &event.other_log {
            return self.work.seen.other_log(other.clone(), 1);
        }
        if let Some(why) = event.leaves_open() {
            let relevant = self.work.collector.may_concern(event);
            self.work.seen.unnamed += u64::from(relevant && event.names_no_secret());
            return self.unreadable(why, record, relevant);
        }
        self.work.seen.events += 1;
        self.work.seen.time(&event.time);
        self.work.collector.event(event);
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

/// The record's time as it stands there, where it is plainly one of UTC. A quote inside a string has a backslash before it,
/// so no caller can forge this.
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
    std::str::from_utf8(value).ok().filter(|time| has_shape(time) && time.ends_with('Z'))
}

/// Counts the bytes that are read.
struct Counted<'a, R> {
    source: R,
    bytes: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}
