//! A file's bytes → its records, in constant memory: one JSON object a line, `[…]`, or `{"records":[…]}`, also mixed.
//!
//! Lines are handed over in blocks, so that a search can run over many at once; the elements of a list one by one,
//! whatever their layout. Invariant: every byte ends up in a record, in white space or separators between records, or
//! in a call of [`Sink::broken`].

use memchr::{memchr, memrchr};
use std::io::{self, ErrorKind, Read};

/// How much is read at once: small enough to stay in a core's cache.
const BLOCK_BYTES: usize = 256 * 1024;
/// The longest record that is looked at.
const LONGEST_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// Takes what a file holds.
pub(crate) trait Sink {
    /// Takes whole lines; returns how many bytes it took: less than all if a line begins a list.
    fn lines(&mut self, block: &[u8]) -> usize;
    /// Takes one element of a list.
    fn element(&mut self, element: &[u8]);
    /// Learns of bytes that cannot be told apart into records, and of the beginning of them where it is at hand;
    /// `at_end` if the file ends there.
    fn broken(&mut self, why: &'static str, beginning: &[u8], at_end: bool);
}

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

/// Whether a list of records begins here: `[` or `{"records"`.
pub(crate) fn begins_list(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"{\"time\"") {
        return false;
    }
    let bytes = without_mark(bytes).trim_ascii_start();
    match bytes.split_first() {
        Some((b'[', _)) => true,
        Some((b'{', rest)) => rest.trim_ascii_start().starts_with(b"\"records\""),
        _ => false,
    }
}

/// As much of a long record as is worth showing.
fn beginning_of(bytes: &[u8]) -> &[u8] {
    bytes.get(..1024).unwrap_or(bytes)
}

/// The bytes without a byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
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
    List(List),
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
                Self::List(list) => match list.take(rest, sink) {
                    Some(count) => {
                        taken += count;
                        *self = Self::Lines;
                    }
                    None => return bytes.len(),
                },
                Self::Lines => {
                    if begins_list(rest.get(..BLOCK_BYTES).unwrap_or(rest)) {
                        *self = Self::List(List::default());
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
        if matches!(self, Self::List(_)) {
            sink.broken("the file ends inside a list of records", b"", true);
        }
    }
}

/// Takes a list apart into its elements by brackets and quotes alone.
#[derive(Default)]
struct List {
    /// How many brackets are open.
    depth: u64,
    /// How many are open around an element: 1 in `[…]`, 2 in `{"records":[…]}`; 0 before the beginning.
    base: u64,
    in_string: bool,
    escaped: bool,
    inside_element: bool,
    /// The beginning of an element that goes on in the next block.
    carried: Vec<u8>,
    too_long: bool,
}

impl List {
    /// Returns how many bytes belong to the list, once it ends.
    fn take(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Option<usize> {
        let mut start = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                self.take_in_string(*byte, sink);
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    if self.base == 0 {
                        self.base = if *byte == b'[' { 1 } else { 2 };
                    } else if *byte == b'{' && self.depth == self.base && !self.inside_element {
                        self.inside_element = true;
                        start = at;
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.inside_element && self.depth == self.base {
                        self.end_element(bytes.get(start..=at).unwrap_or_default(), sink);
                    }
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        if self.inside_element {
            self.carry(bytes.get(start..).unwrap_or_default());
        }
        None
    }

    fn take_in_string(&mut self, byte: u8, sink: &mut impl Sink) {
        match byte {
            // No string holds a line break: a quote was lost, so begin again with the next element.
            b'\n' => {
                sink.broken("a string does not end on its line", &self.carried, false);
                self.inside_element = false;
                self.in_string = false;
                self.escaped = false;
                self.too_long = false;
                self.carried.clear();
                self.depth = self.base;
            }
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    fn end_element(&mut self, end: &[u8], sink: &mut impl Sink) {
        self.inside_element = false;
        if self.carried.is_empty() && !self.too_long {
            return sink.element(end);
        }
        self.carry(end);
        if self.too_long {
            sink.broken("it is longer than 64 MB", b"", false);
        } else {
            sink.element(&self.carried);
        }
        self.carried = Vec::new();
        self.too_long = false;
    }

    fn carry(&mut self, bytes: &[u8]) {
        if self.too_long || self.carried.len() + bytes.len() > LONGEST_RECORD_BYTES {
            self.too_long = true;
            self.carried = Vec::new();
        } else {
            self.carried.extend_from_slice(bytes);
        }
    }
}
