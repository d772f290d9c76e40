//! A document over many lines → its records, by brackets, quotes and the names of lists alone.
//!
//! The document is one record, unless it is a list, or an object that holds one under a name that such objects have:
//! then the elements are the records, or hold lists themselves. Nothing but the record that is being read is kept.

use memchr::memchr3;

/// The longest record that is looked at.
pub(crate) const LONGEST_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// Takes what a file holds.
pub(crate) trait Sink {
    /// Takes whole lines; returns how many bytes it took: less than all if a line begins a document.
    fn lines(&mut self, block: &[u8]) -> usize;
    /// Takes one record of a document.
    fn element(&mut self, element: &[u8]);
    /// Learns of what stands before a list in the object that holds it.
    fn head(&mut self, head: &[u8]);
    /// Learns of what a document has around its records, of which there were so many.
    fn around(&mut self, around: &[u8], given: u64);
    /// Learns of bytes that cannot be told apart into records, and of the beginning of them where it is at hand;
    /// `at_end` if the file ends there.
    fn broken(&mut self, why: &'static str, beginning: &[u8], at_end: bool);
}

/// Under which names lists of entries stand, in lower case.
const LISTS: [&[u8]; 14] = [
    b"records",
    b"value",
    b"tables",
    b"rows",
    b"data",
    b"results",
    b"items",
    b"events",
    b"logs",
    b"entries",
    b"hits",
    b"resourcelogs",
    b"scopelogs",
    b"logrecords",
];
/// A longer name is none of these.
const LONGEST_NAME: usize = 16;

/// A document that is being read.
#[derive(Default)]
pub(super) struct Document {
    /// How many brackets are open.
    depth: usize,
    /// Which of them, from the outermost, are lists of records and the objects around these: an element lies inside of all.
    open: Vec<Around>,
    in_string: bool,
    escaped: bool,
    inside_element: bool,
    /// Whether the element is a text, or a row of cells.
    is_text: bool,
    is_row: bool,
    /// The beginning of an element that goes on in the next block.
    carried: Vec<u8>,
    too_long: bool,
    /// The latest text that may be a name, and whether a value is awaited under it.
    name: Vec<u8>,
    awaits_value: bool,
    /// A list with a known name has just begun: what follows tells whether its elements are records.
    just_begun: bool,
    at_line_start: bool,
    /// The latest byte that is no white space; of a text its last quote.
    previous: u8,
    /// What stands around the records, and how many of these there were.
    around: AroundText,
    given: u64,
}

/// More around records than this is not kept.
const MOST_AROUND: usize = 1024 * 1024;

/// A document without its records, as JSON.
#[derive(Default)]
struct AroundText {
    text: Vec<u8>,
    /// What came since the last record.
    gap: Vec<u8>,
}

impl AroundText {
    fn extend(&mut self, bytes: &[u8]) {
        if self.text.len() + self.gap.len() + bytes.len() <= MOST_AROUND {
            self.gap.extend_from_slice(bytes);
        }
    }

    /// Joins what came since the last record to what came before, without the commas between records.
    fn join(&mut self) {
        let is_of_list = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        let gap = self.gap.trim_ascii();
        let start = gap.iter().position(|byte| !is_of_list(byte)).unwrap_or(gap.len());
        let end = gap.iter().rposition(|byte| !is_of_list(byte)).map_or(start, |last| last + 1);
        let gap = gap.get(start..end).unwrap_or_default();
        let is_next = gap.first().is_some_and(|first| !b"]}".contains(first));
        if is_next && self.text.last().is_some_and(|last| !b"[{,:".contains(last)) {
            self.text.push(b',');
        }
        self.text.extend_from_slice(gap);
        self.gap.clear();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    List,
    Object,
}

impl Document {
    pub(super) fn is_list_name(name: &[u8]) -> bool {
        name.len() < LONGEST_NAME && LISTS.contains(&name.to_ascii_lowercase().as_slice())
    }

    /// Returns how many bytes belong to the document, once it ends.
    pub(super) fn take(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Option<usize> {
        let mut start = 0;
        let mut at = 0;
        // Where what stands outside of records goes on.
        let mut outside = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if self.in_string {
                at = self.take_string(bytes, at);
                self.previous = b'"';
                if self.is_text && !self.in_string {
                    self.end_element(bytes.get(start..at).unwrap_or_default(), sink);
                    outside = at;
                }
                if self.in_string && bytes.get(at) == Some(&b'\n') {
                    // No string holds a line break: a quote was lost, so begin again with the next element.
                    self.give_up("a string does not end on its line", bytes.get(start..at).unwrap_or_default(), sink);
                    outside = at;
                    if self.open.is_empty() {
                        return Some(at + 1);
                    }
                    at += 1;
                }
                continue;
            }
            if self.just_begun && !byte.is_ascii_whitespace() {
                self.just_begun = false;
                if matches!(byte, b'{' | b'[' | b']') {
                    self.begin_list(bytes.get(start..at).unwrap_or_default(), sink);
                    outside = at;
                }
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.name.clear();
                    // An entry as JSON text, one of a list of them.
                    let is_element = self.open.last() == Some(&Around::List) && self.depth == self.open.len();
                    if is_element && !self.inside_element {
                        self.around.extend(bytes.get(outside..at).unwrap_or_default());
                        self.inside_element = true;
                        self.is_text = true;
                        start = at;
                    }
                    at += 1;
                    continue;
                }
                b'{' | b'[' => {
                    if byte == b'{' && self.inside_element && self.begins_another(bytes.get(at + 1)) {
                        self.give_up("it is cut off", bytes.get(start..at).unwrap_or_default(), sink);
                        outside = at;
                    }
                    if self.begin_bracket(byte) {
                        self.around.extend(bytes.get(outside..at).unwrap_or_default());
                        start = at;
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.inside_element && self.depth == self.open.len() {
                        self.end_element(bytes.get(start..=at).unwrap_or_default(), sink);
                        outside = at + 1;
                    }
                    self.open.truncate(self.depth);
                    self.awaits_value = false;
                    if self.depth == 0 {
                        self.around.extend(bytes.get(outside..=at).unwrap_or_default());
                        self.around.join();
                        // Of a document that is one record, nothing stands around it.
                        if !self.around.text.is_empty() {
                            sink.around(&self.around.text, self.given);
                        }
                        return Some(at + 1);
                    }
                }
                b':' => self.awaits_value = true,
                b',' => self.awaits_value = false,
                _ if self.is_bare_element(byte) => {
                    let bare = bytes.get(at..).unwrap_or_default();
                    let end = bare.iter().position(|byte| b",]}\n".contains(byte)).unwrap_or(bare.len());
                    sink.broken("it is not an entry of the log", bare.get(..end).unwrap_or_default(), false);
                }
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                self.previous = byte;
            }
            self.at_line_start = byte == b'\n';
            at += 1;
        }
        if self.inside_element {
            self.carry(bytes.get(start..).unwrap_or_default());
        } else {
            self.around.extend(bytes.get(outside..).unwrap_or_default());
        }
        None
    }

    /// The file ends inside of the document.
    pub(super) fn finish(&self, sink: &mut impl Sink) {
        let why = if self.open.is_empty() { "it is cut off" } else { "the file ends inside a list of records" };
        sink.broken(why, beginning(&self.carried), true);
    }

    /// Takes what there is of a string, up to behind its end, or to a line break.
    fn take_string(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        loop {
            if self.escaped && at < bytes.len() && bytes.get(at) != Some(&b'\n') {
                self.escaped = false;
                at += 1;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let length = memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
            let room = LONGEST_NAME.saturating_sub(self.name.len());
            self.name.extend(rest.iter().take(length.min(room)));
            at += length;
            match bytes.get(at) {
                Some(b'"') => {
                    self.in_string = false;
                    self.awaits_value = false;
                    return at + 1;
                }
                Some(b'\\') => {
                    self.escaped = true;
                    at += 1;
                }
                _ => return at,
            }
        }
    }

    /// Whether an object that begins here is none of the element's own: nothing can stand there, or no printer puts a
    /// member's object at the beginning of a line. The element is cut off then.
    fn begins_another(&self, next: Option<&u8>) -> bool {
        let directly_inside = self.depth == self.open.len() + 1;
        match self.previous {
            b',' if directly_inside && !self.is_row => true,
            b',' | b':' | b'[' => self.at_line_start && next == Some(&b'"'),
            _ => true,
        }
    }

    /// Whether an element begins with this bracket.
    fn begin_bracket(&mut self, byte: u8) -> bool {
        let within = self.depth - self.open.len().min(self.depth);
        let is_named = self.awaits_value && Self::is_list_name(&self.name);
        self.awaits_value = false;
        self.depth += 1;
        if self.inside_element {
            self.just_begun = byte == b'[' && within == 1 && is_named;
            return false;
        }
        match self.open.last() {
            // A member beside a list: another list of records, or nothing to keep.
            Some(Around::Object) => {
                if byte == b'[' && within == 0 && is_named {
                    self.open.push(Around::List);
                }
                false
            }
            None if byte == b'[' => {
                self.open.push(Around::List);
                false
            }
            _ => {
                self.inside_element = within == 0;
                self.is_row = byte == b'[';
                self.inside_element
            }
        }
    }

    /// The element turns out to be an object around a list of records.
    fn begin_list(&mut self, head: &[u8], sink: &mut impl Sink) {
        self.carry(head);
        sink.head(&self.carried);
        self.around.join();
        self.around.extend(&self.carried);
        self.around.join();
        self.forget();
        self.open.extend([Around::Object, Around::List]);
    }

    fn give_up(&mut self, why: &'static str, rest: &[u8], sink: &mut impl Sink) {
        if self.inside_element {
            self.carry(rest);
        }
        sink.broken(why, beginning(&self.carried), false);
        self.forget();
        self.in_string = false;
        self.escaped = false;
        self.awaits_value = false;
        self.depth = self.open.len();
    }

    fn forget(&mut self) {
        self.inside_element = false;
        self.is_text = false;
        self.too_long = false;
        self.carried = Vec::new();
    }

    /// Whether a number or a word begins here where a record should.
    fn is_bare_element(&self, byte: u8) -> bool {
        !byte.is_ascii_whitespace()
            && !self.inside_element
            && self.open.last() == Some(&Around::List)
            && self.depth == self.open.len()
            && b"[,".contains(&self.previous)
    }

    fn end_element(&mut self, end: &[u8], sink: &mut impl Sink) {
        self.around.join();
        self.given += 1;
        if self.carried.is_empty() && !self.too_long {
            sink.element(end);
        } else {
            self.carry(end);
            if self.too_long {
                sink.broken("it is longer than 64 MB", b"", false);
            } else {
                sink.element(&self.carried);
            }
        }
        self.forget();
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

/// As much of a long record as is worth showing, and searching.
fn beginning(bytes: &[u8]) -> &[u8] {
    bytes.get(..64 * 1024).unwrap_or(bytes)
}
