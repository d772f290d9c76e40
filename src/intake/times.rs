//! The times of reports, however their scanners write them.

use super::finding::{Since, SinceWhat};
use crate::clock::Timestamp;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound};

/// A year before this is what a program writes that knows no time: `0001-01-01`, `1970-01-01`.
const FIRST_YEAR: i32 = 1990;
/// RFC 3339 has no later one.
const LAST_YEAR: i32 = 9999;

/// With a zone, as version control, mailers and Go write them.
const WITH_ZONE: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%a %b %d %H:%M:%S %Y %z",
    "%a, %d %b %Y %H:%M:%S %z",
];
/// Without one.
const WITHOUT_ZONE: &[&str] =
    &["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%a %b %d %H:%M:%S %Y", "%s%.f"];

/// A time, and whether its zone had to be assumed.
fn time(text: &str) -> Option<(Timestamp, bool)> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some((time.to_utc(), false));
    }
    // Go writes the zone twice: `2022-06-16 10:17:40 -0700 PDT`, `… +0000 UTC`.
    let words: Vec<&str> = text.split_whitespace().collect();
    let first_three = words.get(..3).map(|words| words.join(" "));
    for text in [Some(text.to_owned()), first_three].into_iter().flatten() {
        let text =
            text.strip_suffix(" UTC").or(text.strip_suffix(" GMT")).map(|rest| format!("{rest} +0000")).unwrap_or(text);
        if let Some(time) = WITH_ZONE.iter().find_map(|form| DateTime::parse_from_str(&text, form).ok()) {
            return Some((time.to_utc(), false));
        }
    }
    // Seconds, perhaps with a zone behind them as git keeps it, or milliseconds.
    if let Some(seconds) = words.first().and_then(|word| word.split('.').next()?.parse::<i64>().ok())
        && seconds > 9_999
    {
        let milliseconds = seconds > 99_999_999_999;
        let time =
            if milliseconds { DateTime::from_timestamp_millis(seconds) } else { DateTime::from_timestamp(seconds, 0) };
        return time.map(|time| (time, false));
    }
    let naive = WITHOUT_ZONE.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let naive = naive.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    naive.map(|time| (time.and_utc(), true))
}

/// What a report says of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToldTime {
    /// Nothing, or what a program writes that knows none.
    Nothing,
    /// Something that is no time, or none that can be.
    Unreadable,
    At(Since),
}

impl ToldTime {
    /// This time, else another one.
    pub(super) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::At(_) => self,
            Self::Nothing => other(),
            Self::Unreadable => match other() {
                Self::Nothing => self,
                told => told,
            },
        }
    }

    /// The first of several that is one.
    pub(super) fn first(times: impl IntoIterator<Item = Self>) -> Self {
        times.into_iter().fold(Self::Nothing, |told, time| told.or_else(|| time))
    }

    /// The earliest of several. It is none where one of them cannot be read: that may be the earliest.
    pub(super) fn earliest(times: impl IntoIterator<Item = Self>) -> Self {
        times.into_iter().fold(Self::Nothing, |told, time| match (told, time) {
            (Self::Unreadable, _) | (_, Self::Nothing) => told,
            (Self::At(one), Self::At(other)) => Self::At(if one.at <= other.at { one } else { other }),
            (_, time) => time,
        })
    }
}

/// Since when something has been out: to the second, as all times are told, and never later than the report says.
pub(super) fn since(text: &str, known: SinceWhat) -> ToldTime {
    let word = text.trim().to_ascii_lowercase();
    if ["", "-", "null", "none", "n/a", "unknown", "<nil>"].contains(&word.as_str()) {
        return ToldTime::Nothing;
    }
    match time(text) {
        Some((at, _)) if at.year() < FIRST_YEAR => ToldTime::Nothing,
        Some((at, zone_assumed)) if at.year() <= LAST_YEAR => {
            ToldTime::At(Since { at: at.trunc_subsecs(0), known, zone_assumed })
        }
        _ => ToldTime::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_moment() {
        for (text, assumed) in [
            ("2026-09-14T08:31:07Z", false),
            ("2026-09-14T10:31:07+02:00", false),
            ("2026-09-14T10:31:07.000+0200", false),
            ("2026-09-14 10:31:07 +0200", false),
            ("2026-09-14 01:31:07 -0700 PDT", false),
            ("2026-09-14 08:31:07 +0000 UTC", false),
            ("2026-09-14 08:31:07 UTC", false),
            ("2026-09-14 08:31:07.000000 UTC", false),
            ("Mon Sep 14 10:31:07 2026 +0200", false),
            ("Mon, 14 Sep 2026 10:31:07 +0200", false),
            ("1789374667 +0200", false),
            ("1789374667.000200", false),
            ("1789374667000", false),
            ("2026-09-14T08:31:07", true),
            ("2026-09-14 08:31:07", true),
        ] {
            let since = since(text, SinceWhat::Written);
            let expected = DateTime::parse_from_rfc3339("2026-09-14T08:31:07Z").unwrap().to_utc();
            let same = ToldTime::At(Since { at: expected, known: SinceWhat::Written, zone_assumed: assumed });
            assert_eq!(since, same, "{text}");
        }
        for text in ["", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "12", "null"] {
            assert_eq!(since(text, SinceWhat::Written), ToldTime::Nothing, "{text}");
        }
        for text in ["yesterday", "14/09/2026", "9999-12-31T23:59:59-12:00", "2026-13-01T00:00:00Z", "2026-02-30"] {
            assert_eq!(since(text, SinceWhat::Written), ToldTime::Unreadable, "{text}");
        }
    }
}
