//! The lines of a table → its rows of cells.
//!
//! No table says whether a quote at the beginning of a cell means that separators and line breaks may follow in it. Those
//! that mean it write a quote inside of a cell twice, or behind a backslash; others write what a caller chose as it is, and a
//! quote in it means nothing. So the whole table is looked at first. Where it fits both, no cell may hold what looks like rows:
//! these would be passed over in silence.

use super::document::LONGEST_RECORD_BYTES;
use super::entries::wrong_cells;
use super::times::Times;
use csv::ByteRecord;
use memchr::{memchr, memchr_iter, memmem};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Cursor, Read};

/// Says that more than one row is missing.
pub(super) const LOST: &str = "all lines from here on are lost";

/// How the lines of a table are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) separator: u8,
    pub(super) line_end: u8,
    /// How many lines stand above the rows, the one with the names among them.
    pub(super) above: usize,
    pub(super) columns: usize,
    /// Whether a quote stands in the line with the names.
    pub(super) names_are_quoted: bool,
}

/// What a quote means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// At the beginning of a cell, that it ends with the next one; two of them are one inside of it.
    Doubled,
    /// The same; one inside of it has a backslash before it.
    Escaped,
    /// Nothing.
    Literal,
}

/// Rows, each with the line that it begins on, or why nobody can tell which of its cells are which.
pub(super) struct Rows<'s> {
    source: BufReader<Box<dyn Read + 's>>,
    layout: Layout,
    quoting: Quoting,
    /// The line that was read last.
    line: u64,
    ready: VecDeque<(u64, Result<ByteRecord, String>)>,
    ended: bool,
}

impl Quoting {
    /// What quotes mean in a table, by all of it.
    pub(super) fn of(source: Box<dyn Read + '_>, layout: Layout) -> Self {
        let mut lines = Rows::new(source, layout, Self::Literal);
        let mut doubled = Fit::new(Self::Doubled);
        let mut escaped = Fit::new(Self::Escaped);
        let mut literal = Fit::new(Self::Literal);
        while let Ok(Some(line)) = lines.next_line() {
            for fit in [&mut doubled, &mut escaped, &mut literal] {
                fit.take(&line, layout);
            }
        }
        // No caller can put a line break into an entry: a cell that holds rows is none.
        let writes_quotes_as_they_are = !doubled.fits_to_its_end() || doubled.any_inside || doubled.holds_rows;
        if literal.fits && writes_quotes_as_they_are && !layout.names_are_quoted {
            Self::Literal
        } else if escaped.fits_to_its_end() && !doubled.fits_to_its_end() {
            Self::Escaped
        } else {
            Self::Doubled
        }
    }
}

/// How a table fits what quotes may mean.
struct Fit {
    cells: Cells,
    /// Whether every row that another one follows has a cell for each column, and no more.
    fits: bool,
    /// Of the latest row, which may be cut off.
    latest_fits: bool,
    /// Whether a quote stands inside of a cell that does not begin with one.
    any_inside: bool,
    /// Whether a cell goes on over lines that look like rows.
    holds_rows: bool,
}

impl Fit {
    fn new(quoting: Quoting) -> Self {
        Self { cells: Cells::new(quoting), fits: true, latest_fits: true, any_inside: false, holds_rows: false }
    }

    fn take(&mut self, line: &[u8], layout: Layout) {
        if line.is_empty() && !self.cells.is_open() {
            return;
        }
        self.holds_rows |= self.cells.is_open() && seems_a_row(line, layout.separator, layout.columns);
        self.cells.take(line, layout.separator);
        // Nothing of a cell without an end is needed.
        self.cells.forget_open();
        if !self.cells.is_open() {
            self.fits &= self.latest_fits;
            self.latest_fits = self.cells.row.len() == layout.columns && !self.cells.is_broken;
            self.any_inside |= self.cells.has_quote_inside;
            self.cells = Cells::new(self.cells.quoting);
        }
    }

    fn fits_to_its_end(&self) -> bool {
        self.fits && self.latest_fits && !self.cells.is_open()
    }
}

impl<'s> Rows<'s> {
    pub(super) fn new(source: Box<dyn Read + 's>, layout: Layout, quoting: Quoting) -> Self {
        let source = BufReader::new(without_mark(source));
        let mut rows = Self { source, layout, quoting, line: 0, ready: VecDeque::new(), ended: false };
        for _ in 0..layout.above {
            // What cannot be read here cannot be read right after it either.
            let _ = rows.next_line();
        }
        rows
    }

    /// The next line without its end; none behind the last.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut line = Vec::new();
        let most = LONGEST_RECORD_BYTES as u64;
        let count = self.source.by_ref().take(most).read_until(self.layout.line_end, &mut line);
        let count = count.map_err(|error| error.to_string())?;
        if count == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.last() == Some(&self.layout.line_end) {
            line.pop();
        } else if count == LONGEST_RECORD_BYTES {
            return Err("it is longer than 64 MB".to_owned());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// Reads on to the end of a row.
    fn read(&mut self) {
        let mut cells = Cells::new(self.quoting);
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        let mut begins = self.line + 1;
        loop {
            let line = match self.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(why) => {
                    self.ended = true;
                    return self.ready.push_back((self.line + 1, Err(why)));
                }
            };
            if line.is_empty() && lines.is_empty() {
                begins = self.line + 1;
                continue;
            }
            cells.take(&line, self.layout.separator);
            bytes += line.len();
            lines.push(line);
            if !cells.is_open() || bytes > LONGEST_RECORD_BYTES {
                break;
            }
        }
        if !lines.is_empty() {
            self.judge(cells, begins, &lines);
        }
    }

    /// A row that is certain, or each line of it that nobody can tell the cells of.
    fn judge(&mut self, cells: Cells, begins: u64, lines: &[Vec<u8>]) {
        let columns = self.layout.columns;
        let plainly = |line: &[u8]| memchr_iter(self.layout.separator, line).count() + 1;
        let rest = lines.get(1..).unwrap_or_default();
        let is_row = |line: &Vec<u8>| seems_a_row(line, self.layout.separator, columns);
        let why = if cells.is_open() {
            format!("a quote in it has no end, or the file is cut off: {LOST}")
        } else if rest.iter().any(is_row) {
            "a cell of it begins with a quote and goes on over whole rows: whether quotes mean that in this table is not certain"
                .to_owned()
        } else if cells.is_broken && lines.first().is_some_and(|line| lines.len() > 1 || plainly(line) != columns) {
            "a quote in it ends no cell: where its cells end is not certain".to_owned()
        } else if cells.row.len() != columns {
            wrong_cells(cells.row.len(), columns)
        } else {
            return self.ready.push_back((begins, Ok(cells.row)));
        };
        self.ready.push_back((begins, Err(why.clone())));
        let others = rest.iter().zip(begins + 1..).filter(|(line, _)| is_row(line));
        self.ready.extend(others.map(|(_, line)| (line, Err(why.clone()))));
    }
}

impl Iterator for Rows<'_> {
    type Item = (u64, Result<ByteRecord, String>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            self.read();
        }
        self.ready.pop_front()
    }
}

/// Whether a line inside of a cell looks like a row: a cell of it is a time, or an entry.
fn seems_a_row(line: &[u8], separator: u8, columns: usize) -> bool {
    let mut cells = Cells::new(Quoting::Literal);
    cells.take(line, separator);
    let is_time = |cell: &[u8]| std::str::from_utf8(cell).is_ok_and(|text| Times::is_time(text.trim()));
    let is_entry = |cell: &[u8]| cell.starts_with(b"{") && memmem::find(cell, b"operationName").is_some();
    cells.row.len() > 1
        && (cells.row.iter().any(is_time) || (cells.row.len() == columns && cells.row.iter().any(is_entry)))
}

/// The cells of a row, line by line.
struct Cells {
    quoting: Quoting,
    row: ByteRecord,
    cell: Vec<u8>,
    state: State,
    /// Whether something else than a separator stands behind the end of a cell in quotes.
    is_broken: bool,
    has_quote_inside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begins,
    Plain,
    Quoted,
    /// Behind what may be its last quote.
    BehindQuote,
    /// Behind a backslash inside of quotes.
    BehindEscape,
}

impl Cells {
    fn new(quoting: Quoting) -> Self {
        let (row, cell, state) = (ByteRecord::new(), Vec::new(), State::Begins);
        Self { quoting, row, cell, state, is_broken: false, has_quote_inside: false }
    }

    /// Whether the last cell goes on in the next line.
    fn is_open(&self) -> bool {
        matches!(self.state, State::Quoted | State::BehindEscape)
    }

    /// Drops what there is of a cell that goes on.
    fn forget_open(&mut self) {
        self.cell.clear();
    }

    /// Takes a line, without its end.
    fn take(&mut self, line: &[u8], separator: u8) {
        if self.is_open() {
            self.cell.push(b'\n');
            self.state = State::Quoted;
        }
        if memchr(b'"', line).is_none() && self.state == State::Begins {
            return line.split(|byte| *byte == separator).for_each(|cell| self.row.push_field(cell));
        }
        for byte in line {
            self.byte(*byte, separator);
        }
        if !self.is_open() {
            self.end_cell();
        }
    }

    fn byte(&mut self, byte: u8, separator: u8) {
        self.state = match (self.state, byte) {
            (State::Begins | State::Plain | State::BehindQuote, byte) if byte == separator => {
                return self.end_cell();
            }
            (State::Begins, b'"') if self.quoting != Quoting::Literal => {
                self.state = State::Quoted;
                return;
            }
            (State::Quoted, b'\\') if self.quoting == Quoting::Escaped => {
                self.state = State::BehindEscape;
                return;
            }
            (State::Quoted, b'"') => {
                self.state = State::BehindQuote;
                return;
            }
            (State::BehindQuote, b'"') if self.quoting == Quoting::Doubled => State::Quoted,
            (State::BehindQuote, _) => {
                self.is_broken = true;
                State::Plain
            }
            (State::BehindEscape, byte) => {
                if !matches!(byte, b'"' | b'\\') {
                    self.cell.push(b'\\');
                }
                State::Quoted
            }
            (State::Quoted, _) => State::Quoted,
            (State::Begins | State::Plain, byte) => {
                self.has_quote_inside |= byte == b'"';
                State::Plain
            }
        };
        self.cell.push(byte);
    }

    fn end_cell(&mut self) {
        let cell = match (self.quoting, self.cell.as_slice()) {
            // Somebody put them around it.
            (Quoting::Literal, [b'"', inner @ .., b'"']) if memchr(b'"', inner).is_none() => inner,
            (_, cell) => cell,
        };
        self.row.push_field(cell);
        self.cell.clear();
        self.state = State::Begins;
    }
}

/// The same without a byte order mark, which would hide the first column's quotes.
fn without_mark<'s>(mut source: Box<dyn Read + 's>) -> Box<dyn Read + 's> {
    let mut beginning = Vec::new();
    // What cannot be read here cannot be read right after it either.
    let _ = source.by_ref().take(3).read_to_end(&mut beginning);
    if beginning == b"\xef\xbb\xbf" {
        beginning.clear();
    }
    Box::new(Cursor::new(beginning).chain(source))
}
