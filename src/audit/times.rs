//! A time as somebody wrote it → the same as RFC 3339 has it, in UTC; or why it is not certain which moment is meant.
//!
//! Azure writes UTC. Portals, spreadsheets and scripts write what suits their reader: a time taken for another one moves
//! an access out of the window, and the answer is a false all-clear. So nothing is guessed.

use crate::clock;
use crate::failure::Failure;
use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use regex::{Captures, Regex};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

/// How the times of a source are meant, where they do not say so themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The zone of times without one.
    pub zone: Option<Zone>,
    /// What comes first in dates like `03/04/2026`.
    pub order: Option<DateOrder>,
}

/// A zone of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// So far from UTC, all year.
    Offset(FixedOffset),
    /// A place's, with its summer time.
    Named(Tz),
}

/// What comes first in a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// `31/12/2026`
    DayFirst,
    /// `12/31/2026`
    MonthFirst,
}

/// Why a time cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsure {
    NoTime,
    NoZone,
    NoOrder,
    /// No vault's log can have it: it stands for no time, or was read in a form that it is not in.
    Impossible,
    /// The clock was put back and showed it twice, or was put forward and never showed it.
    Summer,
}

impl fmt::Display for Unsure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoTime => "it has no time that can be read",
            Self::NoZone => "its time names no zone: say which one by `--timezone`",
            Self::NoOrder => {
                "the day and the month of its time cannot be told apart: say what comes first by `--date-order`"
            }
            Self::Impossible => "its time is none of a vault's log: it lies before 2015, or more than a year ahead",
            Self::Summer => "the zone's clock showed its time twice or never, where summer time begins or ends",
        })
    }
}

impl Zone {
    /// Reads `UTC`, `+01:00` or `Europe/Berlin`.
    ///
    /// # Errors
    /// Refused if it is none of these.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        offset_of(text).map(Self::Offset).or_else(|| text.parse().ok().map(Self::Named)).ok_or_else(|| {
            Failure::refused(format!("`{text}` is not a zone of time"))
                .help("write `UTC`, a distance like `+01:00`, or a place like `Europe/Berlin`")
        })
    }

    fn moment(self, time: NaiveDateTime) -> Result<DateTime<Utc>, Unsure> {
        let utc = match self {
            Self::Offset(offset) => offset.from_local_datetime(&time).map(|at| at.with_timezone(&Utc)),
            Self::Named(zone) => zone.from_local_datetime(&time).map(|at| at.with_timezone(&Utc)),
        };
        match utc {
            LocalResult::Single(at) => Ok(at),
            LocalResult::Ambiguous(..) | LocalResult::None => Err(Unsure::Summer),
        }
    }
}

impl DateOrder {
    /// Reads `day-first` or `month-first`.
    ///
    /// # Errors
    /// Refused if it is neither.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text.trim().to_ascii_lowercase().as_str() {
            "day-first" | "dmy" => Ok(Self::DayFirst),
            "month-first" | "mdy" => Ok(Self::MonthFirst),
            _ => Err(Failure::refused(format!("`{text}` is not an order of dates"))
                .help("write `day-first` for 31/12/2026, or `month-first` for 12/31/2026")),
        }
    }
}

impl Times {
    /// The same, for a column: portals write into a column's name of which zone its times are.
    pub(crate) fn of_column(self, header: &str) -> Self {
        let inside = header.find(['[', '(']).and_then(|at| header.get(at + 1..));
        let zone = inside.map(|zone| zone.trim_end_matches([']', ')', ' '])).filter(|zone| !zone.is_empty());
        let is_utc = || header.trim().to_ascii_lowercase().ends_with("utc");
        let utc = || FixedOffset::east_opt(0).map(Zone::Offset);
        let named = zone.and_then(|zone| Zone::parse(zone).ok()).or_else(|| is_utc().then(utc)?);
        Self { zone: named.or(self.zone), ..self }
    }

    /// The time as RFC 3339 has it, in UTC.
    pub(crate) fn read<'t>(&self, text: Cow<'t, str>) -> Result<(Cow<'t, str>, DateTime<Utc>), Unsure> {
        let trimmed = text.trim();
        if let Ok(at) = DateTime::parse_from_rfc3339(trimmed) {
            let at = possible(at.with_timezone(&Utc))?;
            let is_as_azure_writes = trimmed.len() == text.len() && text.ends_with('Z') && text.contains('T');
            return Ok((if is_as_azure_writes { text } else { rfc3339(at).into() }, at));
        }
        let at = self.moment(trimmed).and_then(possible)?;
        Ok((rfc3339(at).into(), at))
    }

    /// Whether a text is a time that a log can have, be it certain or not which moment is meant.
    pub(crate) fn is_time(text: &str) -> bool {
        !matches!(Self::default().read(text.into()), Err(Unsure::NoTime | Unsure::Impossible))
    }

    /// What a time says of the order of its date.
    pub(crate) fn order_in(text: &str) -> Ordered {
        let date = captures(&NUMBERS, text.trim()).and_then(|found| Date::of(&found));
        match date {
            Some(Date::Either(either)) if either.first == either.second => Ordered::Unsaid,
            Some(Date::Either(either)) => either.by_number().map_or(Ordered::Either, Ordered::ByNumber),
            Some(Date::Certain(_)) => Ordered::Plainly,
            None if epoch(text.trim()).is_some() || DateTime::parse_from_rfc3339(text.trim()).is_ok() => {
                Ordered::Plainly
            }
            None => Ordered::Unsaid,
        }
    }

    fn moment(&self, text: &str) -> Result<DateTime<Utc>, Unsure> {
        if let Some(at) = epoch(text) {
            return Ok(at);
        }
        if let Ok(at) = DateTime::parse_from_rfc2822(text) {
            return Ok(at.with_timezone(&Utc));
        }
        let found = captures(&NUMBERS, text).or_else(|| captures(&WORDS, text)).ok_or(Unsure::NoTime)?;
        let date = Date::of(&found).ok_or(Unsure::NoTime)?;
        let time = clock_time(&found).ok_or(Unsure::NoTime)?;
        let day = date.day(self.order)?.and_time(time);
        match found.name("zone").map(|zone| zone.as_str()).filter(|zone| !zone.is_empty()) {
            Some(zone) => Zone::Offset(offset_of(zone).ok_or(Unsure::NoZone)?).moment(day),
            None => self.zone.ok_or(Unsure::NoZone)?.moment(day),
        }
    }
}

const CLOCK: &str = r"(?:,?[T\s]\s*|\s*@\s*)(?<hour>\d{1,2})[:.](?<minute>\d{2})(?:[:.](?<second>\d{2})(?:[.,](?<fraction>\d{1,12}))?)?\s*(?<half>[AaPp]\.?\s?[Mm]\.?)?\s*(?<zone>[Zz]|(?:UTC|GMT)?\s?[+-]\d{1,2}(?::?\d{2})?|[A-Za-z]{2,5})?$";

static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r"^(?<one>\d{{1,4}})(?<between>[-/.])\s?(?<two>\d{{1,2}})[-/.]\s?(?<three>\d{{1,4}})\.?{CLOCK}"
    ))
    .ok()
});
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r"^(?:[A-Za-z]{{3,9}},?\s)?(?:(?<day>\d{{1,2}})[-\s](?<month>[A-Za-z]{{3}})[a-z]*|(?<monthfirst>[A-Za-z]{{3}})[a-z]*\s(?<dayafter>\d{{1,2}})),?[-\s](?<year>\d{{4}}){CLOCK}"
    ))
    .ok()
});

fn captures<'t>(pattern: &Option<Regex>, text: &'t str) -> Option<Captures<'t>> {
    pattern.as_ref().and_then(|pattern| pattern.captures(text))
}

/// What a time says of the order of its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ordered {
    /// It is in a form that has but one.
    Plainly,
    /// A number above twelve is a day.
    ByNumber(DateOrder),
    /// Both are possible, and are not the same day.
    Either,
    Unsaid,
}

/// A date as its numbers stand there.
enum Date {
    Certain(NaiveDate),
    Either(Either),
}

/// Which of the first two numbers is the day is not said by the form.
struct Either {
    first: u32,
    second: u32,
    year: i32,
}

impl Either {
    fn by_number(&self) -> Option<DateOrder> {
        match (self.first, self.second) {
            (13.., ..=12) => Some(DateOrder::DayFirst),
            (..=12, 13..) => Some(DateOrder::MonthFirst),
            _ => None,
        }
    }
}

impl Date {
    fn of(found: &Captures<'_>) -> Option<Self> {
        let number = |name: &str| found.name(name).and_then(|digits| digits.as_str().parse::<u32>().ok());
        if let Some(year) = number("year") {
            const MONTHS: [&str; 12] =
                ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
            let name = found.name("month").or(found.name("monthfirst"))?.as_str().to_ascii_lowercase();
            let month = MONTHS.iter().position(|month| *month == name)? as u32 + 1;
            let day = number("day").or(number("dayafter"))?;
            return NaiveDate::from_ymd_opt(year as i32, month, day).map(Self::Certain);
        }
        let (one, two, three) = (number("one")?, number("two")?, number("three")?);
        let width = |name: &str| found.name(name).map_or(0, |digits| digits.len());
        match (width("one"), width("three"), found.name("between")?.as_str()) {
            (4, 1 | 2, _) => NaiveDate::from_ymd_opt(one as i32, two, three).map(Self::Certain),
            // Nobody writes the month first with points.
            (1 | 2, 4, ".") => NaiveDate::from_ymd_opt(three as i32, two, one).map(Self::Certain),
            // `AM` and `PM` tell nothing: Australia and India write them behind a day that comes first.
            (1 | 2, 4, _) => Some(Self::Either(Either { first: one, second: two, year: three as i32 })),
            _ => None,
        }
    }

    fn day(&self, given: Option<DateOrder>) -> Result<NaiveDate, Unsure> {
        let (either, first, second, year) = match self {
            Self::Certain(day) => return Ok(*day),
            Self::Either(either) => (either, either.first, either.second, either.year),
        };
        let day = match given.or(either.by_number()) {
            Some(DateOrder::DayFirst) => NaiveDate::from_ymd_opt(year, second, first),
            Some(DateOrder::MonthFirst) => NaiveDate::from_ymd_opt(year, first, second),
            // The same day either way.
            None if first == second => NaiveDate::from_ymd_opt(year, first, second),
            None => return Err(Unsure::NoOrder),
        };
        day.ok_or(Unsure::NoTime)
    }
}

fn clock_time(found: &Captures<'_>) -> Option<NaiveTime> {
    let number = |name: &str| found.name(name).map_or(Some(0), |digits| digits.as_str().parse::<u32>().ok());
    let half = found.name("half").map(|half| half.as_str().to_ascii_lowercase());
    let hour = match (half.as_deref().map(|half| half.starts_with('p')), number("hour")?) {
        (None, hour) => hour,
        (Some(is_afternoon), hour @ 1..=12) => hour % 12 + if is_afternoon { 12 } else { 0 },
        _ => return None,
    };
    let fraction = found.name("fraction").map_or("", |digits| digits.as_str());
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    NaiveTime::from_hms_nano_opt(hour, number("minute")?, number("second")?, nanoseconds)
}

/// Seconds, or thousandths, millionths or thousand millionths of them, since 1970: their size tells which.
fn epoch(text: &str) -> Option<DateTime<Utc>> {
    let text = text.strip_prefix("/Date(").and_then(|text| text.strip_suffix(")/")).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match whole.len() {
        9 | 10 => {
            let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
            DateTime::from_timestamp(number, nanoseconds)
        }
        12 | 13 => DateTime::from_timestamp_millis(number),
        15 | 16 => DateTime::from_timestamp_micros(number),
        // Tenths of millionths since the year 1, or since 1601: no more than one of them is possible.
        18 => [TICKS_BEFORE_1970, FILE_TIME_BEFORE_1970].into_iter().find_map(|before| {
            let at = DateTime::from_timestamp_nanos(number.checked_sub(before)?.checked_mul(100)?);
            possible(at).ok()
        }),
        19 => Some(DateTime::from_timestamp_nanos(number)),
        _ => None,
    }
}

const TICKS_BEFORE_1970: i64 = 621_355_968_000_000_000;
const FILE_TIME_BEFORE_1970: i64 = 116_444_736_000_000_000;

/// Since when there are vaults, and until when a clock may be wrong.
static POSSIBLE: LazyLock<Range<DateTime<Utc>>> = LazyLock::new(|| {
    let first = DateTime::from_timestamp(1_420_070_400, 0).unwrap_or_default();
    first..clock::now() + TimeDelta::days(366)
});

fn possible(at: DateTime<Utc>) -> Result<DateTime<Utc>, Unsure> {
    if POSSIBLE.contains(&at) { Ok(at) } else { Err(Unsure::Impossible) }
}

/// `Z`, `UTC`, `GMT`, `+01:00`, `UTC+1` and the like.
fn offset_of(text: &str) -> Option<FixedOffset> {
    let text = text.trim().to_ascii_uppercase();
    let rest =
        text.strip_prefix("UTC").or(text.strip_prefix("GMT")).or(text.strip_prefix('Z').filter(|rest| rest.is_empty()));
    let rest = rest.unwrap_or(&text).trim();
    if rest.is_empty() && !text.is_empty() {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match rest.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 4) => digits.split_at(2),
        (None, 1 | 2) => (digits, "0"),
        _ => return None,
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)))?
}

/// With as many digits behind the point as it needs.
fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
