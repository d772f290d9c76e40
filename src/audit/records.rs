//! A file's bytes → its records, in constant memory: one JSON object a line, or documents over many lines, also mixed.
//!
//! Lines are handed over in blocks, so that a search can run over many at once. A document is one object, or holds a list
//! of them, `[…]` or `{"records":[…]}` and the like, also within each other: its records are handed over one by one, and
//! what stands around a list is not kept. Invariant: every byte ends up in a record, in white space or separators between
//! records, in what an object with a list says beside it, or in a call of [`Sink::broken`].

use super::document::{Document, LONGEST_RECORD_BYTES, Sink};
use memchr::{memchr, memrchr};
use std::cell::Cell;
use std::io::{self, ErrorKind, Read};

/// How much is read at once: small enough to stay in a core's cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// What files are read into: one after the other into the same.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

/// Reads a file to its end, or to the error, and returns how many bytes there were.
///
/// # Errors
/// The first error of `source`; what came before it was handed over.
pub(crate) fn read_records(mut source: impl Read, buffer: &mut Buffer, sink: &mut impl Sink) -> (u64, io::Result<()>) {
    let mut framing = Framing::Lines;
    let buffer = &mut buffer.0;
    // A long record of an earlier file may have let it grow.
    if buffer.len() != BLOCK_BYTES {
        *buffer = vec![0; BLOCK_BYTES];
    }
    let mut filled = 0;
    let mut total = 0_u64;
    loop {
        let (count, result) = fill(&mut source, buffer.get_mut(filled..).unwrap_or_default());
        total += count as u64;
        filled += count;
        let at_end = filled < buffer.len();
        let taken = framing.take(buffer.get(..filled).unwrap_or_default(), at_end, sink);
        if at_end {
            framing.finish(sink);
            return (total, result);
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        if filled == buffer.len() {
            if filled >= LONGEST_RECORD_BYTES {
                sink.broken("it is longer than 64 MB", beginning_of(buffer), false);
                framing = Framing::Skip;
                filled = 0;
                *buffer = vec![0; BLOCK_BYTES];
            } else {
                buffer.resize(LONGEST_RECORD_BYTES.min(filled * 2), 0);
            }
        }
    }
}

/// Whether a document begins with this line, or with this much of one that is not `whole`: a list, an object that begins with a list,
/// or one that is open where a printer breaks its lines.
pub(crate) fn begins_document(line: &[u8], whole: bool) -> bool {
    if line.starts_with(b"{\"time\"") && line.ends_with(b"}") {
        return false;
    }
    let line = without_mark(line).trim_ascii();
    match line.split_first() {
        Some((b'[', rest)) => rest.trim_ascii_start().first().is_none_or(|byte| b"{[]\"".contains(byte)),
        Some((b'{', rest)) => begins_with_list(rest.trim_ascii_start()) || (whole && is_open(line)),
        _ => false,
    }
}

fn begins_with_list(members: &[u8]) -> bool {
    let Some(name) = members.strip_prefix(b"\"") else { return false };
    let Some((name, rest)) = memchr(b'"', name).and_then(|end| name.split_at_checked(end)) else { return false };
    let value = rest.get(1..).unwrap_or_default().trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    Document::is_list_name(name) && value.is_some_and(|value| value.starts_with(b"["))
}

fn is_open(line: &[u8]) -> bool {
    matches!(line.last(), Some(b'{' | b'[' | b',' | b':')) && !line.ends_with(b"},")
}

/// As much of a long record as is worth showing.
fn beginning_of(bytes: &[u8]) -> &[u8] {
    bytes.get(..1024).unwrap_or(bytes)
}

/// The bytes without a byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A line without the white space around it, and without the comma that separates it from the next.
pub(super) fn trim(line: &[u8]) -> &[u8] {
    if line.starts_with(b"{") && line.ends_with(b"}") {
        return line;
    }
    let line = without_mark(line).trim_ascii();
    line.strip_suffix(b",").map_or(line, <[u8]>::trim_ascii_end)
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
        match source.read(space) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

/// How many of the bytes are whole lines: as many lines as a block holds, so that what is noted of them stays small, or
/// one that is longer.
fn whole_lines(bytes: &[u8], at_end: bool) -> usize {
    let block = bytes.get(..BLOCK_BYTES).unwrap_or(bytes);
    if at_end && block.len() == bytes.len() {
        return bytes.len();
    }
    let line_break = memrchr(b'\n', block).or_else(|| memchr(b'\n', bytes));
    line_break.map_or(if at_end { bytes.len() } else { 0 }, |at| at + 1)
}

enum Framing {
    Lines,
    Document(Document),
    /// Inside a line that is too long.
    Skip,
}

impl Framing {
    /// Hands over what is whole in `bytes` and returns how many bytes that was.
    fn take(&mut self, bytes: &[u8], at_end: bool, sink: &mut impl Sink) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self {
                Self::Skip => match memchr(b'\n', rest) {
                    Some(at) => {
                        taken += at + 1;
                        *self = Self::Lines;
                    }
                    None => return bytes.len(),
                },
                Self::Document(document) => match document.take(rest, sink) {
                    Some(count) => {
                        taken += count;
                        *self = Self::Lines;
                    }
                    None => return bytes.len(),
                },
                Self::Lines => {
                    let block = rest.get(..BLOCK_BYTES).unwrap_or(rest);
                    let line = memchr(b'\n', block).and_then(|end| block.get(..end));
                    if begins_document(line.unwrap_or(block), at_end || line.is_some()) {
                        *self = Self::Document(Document::default());
                        continue;
                    }
                    let whole = whole_lines(rest, at_end);
                    if whole == 0 {
                        return taken;
                    }
                    taken += sink.lines(rest.get(..whole).unwrap_or_default());
                }
            }
        }
        taken
    }

    fn finish(&self, sink: &mut impl Sink) {
        if let Self::Document(document) = self {
            document.finish(sink);
        }
    }
}

/// Counts the bytes that are read.
pub(super) struct Counted<'a, R> {
    pub(super) source: R,
    pub(super) bytes: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}
