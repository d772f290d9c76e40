//! A table as a portal, a command line or a spreadsheet exports it → its rows.
//!
//! The columns are named in the first line and separated by whatever the exporter's country separates numbers with. Of
//! which zone the times are, and whether the day or the month comes first, is settled for the whole column before any row
//! counts: a table of which that is not certain is refused, with the name of the column.

use super::columns::{self, Fields, OPERATION, TIME};
use super::entries::{Held, entries, twofold_column};
use super::naming::plain_name;
use super::records::without_mark;
use super::rows::{Layout, Quoting, Rows};
use super::times::{DateOrder, Ordered, Times, Unsure};
use csv::{ByteRecord, ReaderBuilder};
use memchr::memchr;
use serde_json::{Map, Value};
use std::io::{self, Read};

const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// So many lines may stand above the one with the names.
const MOST_ABOVE: usize = 16;

/// A table, by the line with the names of its columns.
#[derive(Debug)]
pub(crate) struct Sheet {
    layout: Layout,
    names: Vec<String>,
    /// The column that tells the time.
    time: Option<usize>,
    /// Columns of the same name, in pairs.
    twins: Vec<(usize, usize)>,
}

/// Takes the line of a row, its fields or why it cannot be read, and how its times are meant.
pub(crate) type TakeRow<'t> = dyn FnMut(u64, Result<Fields<'static>, String>, &Times) + 't;

/// Takes the line of a row, and its cells or why they cannot be told apart.
type TakeRecord<'t> = dyn FnMut(u64, Result<ByteRecord, String>) -> Result<(), Refusal> + 't;

/// Why a whole table is not read, and what helps.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) because: String,
    pub(crate) help: String,
}

impl Sheet {
    /// The table that a file holds, if it is one: by its name, or by the names in one of its first lines.
    pub(crate) fn of(beginning: &[u8], named_so: bool) -> Option<Self> {
        let has_line_breaks = memchr(b'\n', beginning).is_some() || memchr(b'\r', beginning).is_none();
        let line_end = if has_line_breaks { b'\n' } else { b'\r' };
        let lines = without_mark(beginning).split(|byte| *byte == line_end).map(<[u8]>::trim_ascii_end);
        let (mut separator, mut first) = (None, None);
        for (above, line) in lines.enumerate().take(MOST_ABOVE) {
            match line.trim_ascii().to_ascii_lowercase().as_slice() {
                [] => continue,
                [b's', b'e', b'p', b'=', given] => separator = Some(*given),
                line if line.starts_with(b"#type ") => {}
                [b'{' | b'[', ..] => break,
                _ => {
                    let Some(sheet) = Self::named_in(line, separator, (above, line_end)) else { continue };
                    let is_first = first.is_none();
                    if sheet.is_of_a_log() || (is_first && sheet.holds_entries_as_sent()) {
                        return Some(sheet.with_time(beginning));
                    }
                    first = first.or(Some(sheet));
                }
            }
        }
        first.filter(|_| named_so).map(|sheet| sheet.with_time(beginning))
    }

    /// The table whose columns a line names, taken apart by whatever suits it best.
    fn named_in(line: &[u8], separator: Option<u8>, (above, line_end): (usize, u8)) -> Option<Self> {
        let given = separator.map(|separator| vec![separator]);
        let sheets = given.unwrap_or_else(|| SEPARATORS.to_vec()).into_iter().filter_map(|separator| {
            let mut reader = ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(line);
            let names = reader.byte_records().next()?.ok()?;
            let names: Vec<String> = names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
            let layout = Layout {
                separator,
                line_end,
                above: above + 1,
                columns: names.len(),
                names_are_quoted: memchr(b'"', line).is_some(),
            };
            Some(Self { layout, time: time_column(&names, None), twins: twins(&names), names })
        });
        sheets.max_by_key(|sheet| (sheet.time.is_some(), sheet.names.len()))
    }

    /// The same, its time read from the column whose times are the most certain, by its first row.
    fn with_time(self, beginning: &[u8]) -> Self {
        let rows = Rows::new(Box::new(beginning), self.layout, Quoting::Doubled);
        let row = rows.filter_map(|(_, row)| row.ok()).next();
        Self { time: time_column(&self.names, row.as_ref()), ..self }
    }

    fn has(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| plain_name(name) == wanted)
    }

    fn is_of_a_log(&self) -> bool {
        self.time.is_some() && self.has(OPERATION)
    }

    fn holds_entries_as_sent(&self) -> bool {
        self.names.len() > 1 && self.has("raw")
    }

    /// The names of its columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Gives each row to `take`.
    ///
    /// # Errors
    /// If it is not certain how the table is meant.
    pub(crate) fn read<'s>(
        &self,
        source: Box<dyn Read + 's>,
        again: impl Fn() -> io::Result<Box<dyn Read + 's>>,
        times: Times,
        take: &mut TakeRow<'_>,
    ) -> Result<(), Refusal> {
        let unusable = |error: io::Error| Refusal { because: error.to_string(), help: EXPORT.to_owned() };
        let quoting = Quoting::of(again().map_err(unusable)?, self.layout);
        let rows = |source| Rows::new(source, self.layout, quoting);
        let column = self.time.filter(|_| !self.carries());
        let Some((column, name)) = column.and_then(|column| Some((column, self.names.get(column)?))) else {
            return self.read_carried(rows(source), times, take);
        };
        let mut times = times.of_column(name);
        if times.order.is_none() {
            times.order = self.order((column, name), rows(again().map_err(unusable)?))?;
        }
        let mut settled = false;
        let raw = self.names.iter().position(|name| plain_name(name) == "raw");
        self.each(rows(source), &mut |line, record| {
            let record = match record {
                Ok(record) => record,
                Err(why) => {
                    take(line, Err(why), &times);
                    return Ok(());
                }
            };
            // The entry as it was sent stands beside what somebody took out of it.
            let sent = raw.and_then(|raw| record.get(raw)).map(String::from_utf8_lossy);
            if let Some(sent) = sent {
                let Held { rows, unread, .. } = entries(Value::String(sent.into_owned()));
                if !rows.is_empty() || unread.is_some() {
                    rows.iter().for_each(|row| take(line, Ok(columns::fields(row)), &times));
                    unread.into_iter().for_each(|why| take(line, Err(why), &times));
                    return Ok(());
                }
            }
            let time = record.get(column).map(String::from_utf8_lossy).unwrap_or_default();
            if !settled && let Some(refusal) = refusal(name, &time, &times) {
                return Err(refusal);
            }
            match times.read(time.clone()) {
                Ok(_) => settled = true,
                Err(why) => {
                    take(line, Err(format!("{why}: its column `{name}` has `{}`", shown(&time))), &times);
                    return Ok(());
                }
            }
            take(line, Ok(columns::fields(&self.row(column, &record))), &times);
            Ok(())
        })
    }

    /// Whether it has no columns for what an entry says, so that whole entries may stand in its cells.
    fn carries(&self) -> bool {
        !self.names.iter().any(|name| plain_name(name) == OPERATION)
    }

    /// Reads a table whose cells hold whole entries, as those have that come out of a search engine or a queue.
    fn read_carried(&self, rows: Rows<'_>, times: Times, take: &mut TakeRow<'_>) -> Result<(), Refusal> {
        let (mut carried, mut has_rows) = (self.time.is_some(), false);
        let not_named = || {
            let names: Vec<String> = self.names.iter().take(12).map(|name| format!("`{name}`")).collect();
            Refusal {
                because: format!("it has no column `TimeGenerated`; its columns are {}", names.join(", ")),
                help: EXPORT.to_owned(),
            }
        };
        self.each(rows, &mut |line, record| {
            has_rows = true;
            let held = record.map(|record| {
                let cells = self.names.iter().zip(&record);
                let cells = cells.map(|(name, cell)| (name.clone(), String::from_utf8_lossy(cell).into_owned().into()));
                entries(Value::Object(cells.collect()))
            });
            match held {
                Ok(Held { rows, unread, .. }) => {
                    carried |= !rows.is_empty() || unread.is_some();
                    if !carried {
                        return Err(not_named());
                    }
                    let nothing = rows.is_empty() && unread.is_none();
                    rows.iter().for_each(|row| take(line, Ok(columns::fields(row)), &times));
                    let unread = unread.or_else(|| nothing.then(|| "it is not an entry of the log".to_owned()));
                    if let Some(why) = unread {
                        take(line, Err(why), &times);
                    }
                }
                Err(why) => take(line, Err(why), &times),
            }
            Ok(())
        })?;
        // A single row of a table whose first part is elsewhere is taken for the names of columns.
        let says_anything = self.names.iter().any(|name| !name.is_empty());
        if carried || has_rows || !says_anything { Ok(()) } else { Err(not_named()) }
    }

    /// Gives each row to `take`, with the line that it begins on; or why nobody can tell which of its cells are which.
    fn each(&self, rows: Rows<'_>, take: &mut TakeRecord<'_>) -> Result<(), Refusal> {
        for (line, record) in rows {
            let differ = |record: &ByteRecord| {
                let are_different = |(one, other): &&(usize, usize)| {
                    let cells = [record.get(*one), record.get(*other)].map(Option::unwrap_or_default);
                    // Where the names differ in case, exports were joined, and each row has one of the two.
                    let is_one_empty = cells.iter().any(|cell| cell.is_empty());
                    let are_joined = is_one_empty && self.names.get(*one) != self.names.get(*other);
                    cells[0] != cells[1] && !are_joined
                };
                self.twins.iter().find(are_different).map(|(one, _)| *one)
            };
            let twofold = record.as_ref().ok().and_then(differ).and_then(|column| self.names.get(column));
            if let Some(name) = twofold {
                return Err(Refusal { because: twofold_column(name), help: ONE_NAME_EACH.to_owned() });
            }
            let repeats_names = |record: &ByteRecord| {
                let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned());
                cells.eq(self.names.iter().cloned())
            };
            // Of exports that somebody put behind each other.
            if !record.as_ref().is_ok_and(repeats_names) {
                take(line, record)?;
            }
        }
        Ok(())
    }

    fn row(&self, time: usize, record: &ByteRecord) -> Map<String, Value> {
        let cells = self.names.iter().zip(record).enumerate();
        // Another column of times would speak of another moment, or of the same one in another zone.
        let cells = cells.filter(|(column, (name, _))| *column == time || !TIME.contains(&plain_name(name).as_str()));
        cells
            .map(|(_, (name, cell))| (name.clone(), Value::String(String::from_utf8_lossy(cell).into_owned())))
            .collect()
    }

    /// What comes first in the dates of a column, by all of them.
    fn order(&self, (column, name): (usize, &str), rows: Rows<'_>) -> Result<Option<DateOrder>, Refusal> {
        let (mut by_number, mut either) = ([None, None], None);
        for record in rows.filter_map(|(_, record)| record.ok()) {
            let time = record.get(column).map(String::from_utf8_lossy).unwrap_or_default();
            match Times::order_in(&time) {
                Ordered::Plainly if either.is_none() && by_number == [None, None] => return Ok(None),
                Ordered::ByNumber(DateOrder::DayFirst) => by_number[0] = Some(DateOrder::DayFirst),
                Ordered::ByNumber(DateOrder::MonthFirst) => by_number[1] = Some(DateOrder::MonthFirst),
                Ordered::Either => either = either.or(Some(time.into_owned())),
                Ordered::Plainly | Ordered::Unsaid => {}
            }
        }
        match (by_number, either) {
            ([Some(_), Some(_)], _) => Err(Refusal {
                because: format!("some dates of its column `{name}` have the day first, others the month"),
                help: EXPORT.to_owned(),
            }),
            ([None, None], Some(either)) => Err(no_order(name, &either)),
            ([day, month], _) => Ok(day.or(month)),
        }
    }
}

const ONE_NAME_EACH: &str = "export it again with each column once: which of the two counts is not certain";
const EXPORT: &str =
    "export the query's result as CSV, with all columns, their names in the first line and the times in UTC";

fn refusal(column: &str, time: &str, times: &Times) -> Option<Refusal> {
    let (because, help) = match times.read(time.into()).err()? {
        Unsure::NoZone => (
            if column.to_lowercase().contains("local") {
                format!(
                    "the times of its column `{column}` are local, as `{}`: nothing says of which zone",
                    shown(time)
                )
            } else {
                format!("the times of its column `{column}` name no zone, as `{}`", shown(time))
            },
            "set the portal to UTC and export again, or name the zone: `--timezone Europe/Berlin`, `--timezone +01:00` or \
             `--timezone UTC`",
        ),
        Unsure::NoOrder => return Some(no_order(column, time)),
        Unsure::NoTime | Unsure::Impossible | Unsure::Summer => return None,
    };
    Some(Refusal { because, help: help.to_owned() })
}

fn no_order(column: &str, time: &str) -> Refusal {
    Refusal {
        because: format!(
            "the day and the month in its column `{column}` cannot be told apart, as in `{}`",
            shown(time)
        ),
        help: "say what comes first: `--date-order day-first` or `--date-order month-first`".to_owned(),
    }
}

fn shown(time: &str) -> String {
    time.chars().filter(|char| !char.is_control()).take(40).collect()
}

/// The column that tells when an entry happened; where there are several of the same name, the one that names its zone, or
/// whose times do, as far as a row tells.
fn time_column(names: &[String], row: Option<&ByteRecord>) -> Option<usize> {
    let is_uncertain = |column: usize, name: &str| {
        let times = Times::default().of_column(name);
        let cell = row.and_then(|row| row.get(column)).map(String::from_utf8_lossy).unwrap_or_default();
        times.zone.is_none() && times.read(cell).is_err()
    };
    let of_name = |wanted: &str| {
        let columns = names.iter().enumerate().filter(|(_, name)| plain_name(name) == wanted);
        columns.min_by_key(|(column, name)| is_uncertain(*column, name)).map(|(column, _)| column)
    };
    TIME.iter().find_map(|wanted| of_name(wanted))
}

/// The columns that have the name of one before them, each with that one.
fn twins(names: &[String]) -> Vec<(usize, usize)> {
    let twin = |(column, name): (usize, &String)| {
        let earlier = names.iter().take(column).position(|earlier| earlier.eq_ignore_ascii_case(name));
        earlier.filter(|_| !name.is_empty()).map(|earlier| (earlier, column))
    };
    names.iter().enumerate().filter_map(twin).collect()
}
