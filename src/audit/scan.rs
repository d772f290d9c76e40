//! Files, side by side → what a [`Collect`] makes of the candidate events, and what was [`Reading`] on the way.
//!
//! Every record is counted and its time noted; only candidates are parsed. Results are merged in the order of the
//! files, so that the same archive always gives the same answer.

use super::avro;
use super::copies::{Copies, Twin};
use super::document::Sink;
use super::entries::entries;
use super::event::{Event, NO_ENTRY, read_events};
use super::frames::Frames;
use super::json;
use super::owner::Owner;
use super::partial::{Partial, partial_in};
use super::parts::{OpenLines, Part};
use super::plain::{Plainly, may_be_of_any, names_a_secret};
use super::question::Question;
use super::reading::{Reading, Unreadable, time_of};
use super::records::{Buffer, Counted, begins_document, read_records, trim};
use super::rows;
use super::search::{Candidates, Needle};
use super::sheet::Sheet;
use super::store::{LogFile, Store};
use super::times::Times;
use super::unpack::{Form, Unpacked, unpack};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read};

/// Makes something of events.
pub(crate) trait Collect: Send {
    /// Takes one candidate; it may still be about something else.
    fn event(&mut self, event: &Event<'_>);
    /// Whether an event counts, so that it must not count twice.
    fn counts(&self, event: &Event<'_>) -> bool;
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
    pub(crate) question: &'a Question,
    pub(crate) needle: &'a Needle,
    pub(crate) look: Look,
    pub(crate) times: Times,
    /// What was counted, of all files.
    pub(crate) copies: &'a Copies,
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
    let (frames, plainly, parts) = Default::default();
    let owner = Owner::of(file, search.question);
    let mut scanner = Scanner {
        file,
        search,
        work,
        position: 0,
        only_lines: true,
        frames,
        plainly,
        parts,
        owner,
        holds_answers: false,
        next_page: None,
        of_batches: HashSet::new(),
    };
    match store.open(file).and_then(|source| unpack(source, &file.name)) {
        Ok(Unpacked { form: Form::Records, source }) => scanner.records(source, &mut buffer),
        Ok(Unpacked { form: Form::Sheet(sheet), source }) => scanner.sheet(&sheet, source, store),
        Ok(Unpacked { form: Form::Avro, source }) => scanner.avro(source, &mut buffer),
        Err(error) => scanner.unreadable(format!("the file cannot be opened: {error}"), b"", true),
    }
    if let Some(partial) = scanner.next_page.take() {
        scanner.truncated(&partial);
    }
    let Scanner { mut work, owner, .. } = scanner;
    owner.tell(file, &mut work.seen);
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
    frames: Frames,
    plainly: Plainly,
    parts: OpenLines,
    owner: Owner<'a>,
    /// Whether it holds answers, each of which may say that it is not whole; and a link to more that did not come yet.
    holds_answers: bool,
    next_page: Option<Partial>,
    /// Marks of entries that came in batches, each of which may stand in several records.
    of_batches: HashSet<u64>,
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
        self.end_frames(None);
        for part in self.parts.finish() {
            self.cut(&part);
        }
        match result {
            Ok(()) if self.only_lines => self.work.seen.only_lines.push(self.file.mark()),
            Ok(()) => {}
            Err(error) => self.lost(format!("the file cannot be read any further: {error}")),
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
                Ok(event) => self.event(event, b""),
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
        let read = avro::bodies(source, &mut |body| match unpack(Box::new(Cursor::new(body)), "") {
            Ok(Unpacked { form: Form::Records, source }) => {
                let (bytes, result) = read_records(source, buffer, self);
                self.work.seen.bytes += bytes;
                if let Err(error) = result {
                    self.lost(format!("what an event carried cannot be read any further: {error}"));
                }
            }
            Ok(_) => self.unreadable("an event carried something else than entries".into(), body, true),
            Err(error) => self.unreadable(format!("what an event carried cannot be read: {error}"), body, true),
        });
        if let Err(why) = read {
            self.lost(format!("the file cannot be read any further: {why}"));
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
            self.owner.look_at_ends(block, &self.search.times);
            self.take_lines(block, &candidates)
        };
        self.work.candidates = candidates;
        taken
    }

    fn element(&mut self, element: &[u8]) {
        self.only_lines = false;
        if !self.frames.takes(element) {
            let worth = self.worth(element);
            self.record(element, worth, false);
        }
    }

    fn head(&mut self, head: &[u8]) {
        self.only_lines = false;
        self.frames.head(head);
        if memmem::find(head, b"\"DataReplace\"").is_some() {
            self.truncated(&Partial { has: "a frame that replaces rows before it".to_owned(), is_page: false });
        }
    }

    fn around(&mut self, bytes: &[u8], given: u64) {
        let around = std::str::from_utf8(bytes).ok().and_then(|around| json::value(around).ok());
        self.end_frames(around.as_ref());
        // Beside a list of entries, others may lie deeper in the same object.
        let beside = around.clone().filter(|_| memmem::find(bytes, OPERATION_NAME).is_some()).map(entries);
        for row in beside.into_iter().flat_map(|held| held.rows) {
            let row = Value::Object(row).to_string();
            if memmem::find(row.as_bytes(), OPERATION_NAME).is_some() {
                self.record(row.as_bytes(), Worth::Candidate, false);
            }
        }
        self.answer(around.and_then(|around| partial_in(&around, given)));
    }

    fn broken(&mut self, why: &'static str, bytes: &[u8], at_end: bool) {
        self.only_lines = false;
        self.position += 1;
        if at_end && self.file.may_grow {
            return self.growing(bytes);
        }
        let relevant = bytes.is_empty() || self.may_be_about(bytes, false);
        self.work.seen.at_least |= at_end && relevant;
        self.unreadable(why.into(), bytes, relevant);
    }
}

impl<C: Collect> Scanner<'_, C> {
    /// Reads the rows that waited for the names of their columns.
    fn end_frames(&mut self, around: Option<&Value>) {
        for row in self.frames.end(around) {
            let worth = self.worth(&row);
            self.record(&row, worth, false);
        }
    }

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

    /// Whether bytes that could not be read may be about what is sought. They may be about anything, unless they name another
    /// secret or operation, or are an object `without_entry`, read to its end.
    fn may_be_about(&mut self, bytes: &[u8], without_entry: bool) -> bool {
        let is_told_apart =
            |plainly: &mut Plainly| without_entry || names_a_secret(bytes) || plainly.is_of_something_else(bytes);
        self.is_candidate(bytes) || may_be_of_any(bytes) || !is_told_apart(&mut self.plainly)
    }

    /// Takes what an answer says of itself.
    fn answer(&mut self, partial: Option<Partial>) {
        match partial {
            Some(partial) if partial.is_page => self.next_page = Some(partial),
            Some(partial) => self.truncated(&partial),
            None => self.next_page = None,
        }
    }

    fn truncated(&mut self, partial: &Partial) {
        let file = &self.file.name;
        let truncation = format!("the answer in `{file}` has {}: it holds only a part of what was asked", partial.has);
        if !self.work.seen.truncations.contains(&truncation) {
            self.work.seen.truncations.push(truncation);
        }
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
        let relevant = self.may_be_about(parts.as_bytes(), false);
        self.unreadable("it is cut off: the line with its end is missing".into(), parts.as_bytes(), relevant);
    }

    fn whole_record(&mut self, record: &[u8], worth: Worth, unended: bool) {
        let whole = record.starts_with(b"{") && record.ends_with(b"}");
        // An answer is one record, or the first of a few, and begins with something else than an entry does.
        let may_be_answer = self.holds_answers || (self.position == 1 && !record.starts_with(b"{\"time\""));
        if worth == Worth::Nothing
            && whole
            && (!may_be_answer || self.search.look == Look::AtCandidates)
            && let Some(time) = time_of(record)
        {
            self.work.seen.events += 1;
            self.owner.look_at_some(self.position, record, &self.search.times);
            return self.work.seen.time(time);
        }
        if !whole && unended && self.file.may_grow {
            return self.growing(record);
        }
        let times = self.search.times;
        let columns = std::mem::take(&mut self.frames.columns);
        let events = self.work.seen.events;
        let read = read_events(record, &columns, &times, &mut |event| self.event(event, record));
        self.frames.columns = columns;
        // What was parsed without being a candidate is in a shape of its own.
        self.only_lines &= worth == Worth::Candidate || (may_be_answer && worth == Worth::Nothing);
        match read {
            Ok(partial) => {
                self.holds_answers |= partial.is_some();
                if self.holds_answers {
                    self.only_lines = false;
                    self.answer(partial);
                }
            }
            // What names another secret before it does not tell of the rest of a line.
            Err(why) => {
                let without_entry = why == NO_ENTRY && serde_json::from_slice::<Members>(record).is_ok();
                let relevant = self.work.seen.events > events || self.may_be_about(record, without_entry);
                self.unreadable(why, record, relevant);
            }
        }
    }

    fn event(&mut self, mut event: Event<'_>, record: &[u8]) {
        // More of them are not told from their copies.
        let is_copy =
            event.is_of_batch && self.of_batches.len() < MOST_OF_BATCHES && !self.of_batches.insert(event.mark());
        if is_copy {
            return;
        }
        self.owner.take(&mut event);
        if let Some(other) = &event.other_log {
            return self.work.seen.other_log(other.clone(), 1);
        }
        if let Some(why) = event.leaves_open() {
            let relevant = self.work.collector.may_concern(&event);
            self.work.seen.unnamed += u64::from(relevant && event.names_no_secret());
            return self.unreadable(why, record, relevant);
        }
        self.work.seen.events += 1;
        self.work.seen.time(&event.time);
        let twin = match self.work.collector.counts(&event) {
            true => self.search.copies.take(self.file.mark(), &event),
            false => Twin::None,
        };
        match twin {
            Twin::None => {}
            Twin::Certain => {
                self.work.seen.copies += 1;
                return;
            }
            Twin::Perhaps => self.work.seen.alike += 1,
            Twin::NotTold => self.work.seen.not_told_apart += 1,
        }
        self.work.collector.event(&event);
    }

    /// The beginning of an entry that is still being written.
    fn growing(&mut self, bytes: &[u8]) {
        self.work.seen.growing += 1;
        self.unreadable("its end was not written yet when it was read".into(), bytes, false);
    }

    /// The rest of what was being read is lost, however much that is.
    fn lost(&mut self, why: String) {
        self.work.seen.at_least = true;
        self.unreadable(why, b"", true);
    }

    /// Counts what cannot be read; `relevant` if it may be about what is sought.
    fn unreadable(&mut self, why: String, bytes: &[u8], relevant: bool) {
        self.work.seen.at_least |= relevant && STANDS_FOR_MORE.iter().any(|words| why.contains(words));
        let source = &self.file.name;
        self.work.seen.unreadable(|| Unreadable::new(source, self.position, why, bytes), relevant);
    }
}

/// Words of a reason for which more than one entry is missing.
const STANDS_FOR_MORE: [&str; 2] = [rows::LOST, "several entries"];
const OPERATION_NAME: &[u8] = b"operationName";
const MOST_OF_BATCHES: usize = 1_000_000;

/// Any object of JSON.
type Members = BTreeMap<String, IgnoredAny>;
