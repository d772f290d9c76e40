//! The times of reports, however their scanners write them.

use super::finding::{Since, SinceWhat};
use crate::clock::Timestamp;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};

/// A year before this is what a program writes that knows no time: `0001-01-01`, `1970-01-01`.
const FIRST_YEAR: i32 = 1990;

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

/// Since when something has been out, if the text is a time that can be.
pub(super) fn since(text: &str, known: SinceWhat) -> Option<Since> {
    let (at, zone_assumed): (DateTime<Utc>, bool) = time(text)?;
    (at.year() >= FIRST_YEAR).then_some(Since { at, known, zone_assumed })
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
            let same = since.map(|since| (since.at, since.zone_assumed));
            assert_eq!(
                same.map(|(at, assumed)| (at.timestamp(), assumed)),
                Some((expected.timestamp(), assumed)),
                "{text}"
            );
        }
        for text in ["", "yesterday", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "12", "14/09/2026"] {
            assert_eq!(since(text, SinceWhat::Written), None, "{text}");
        }
    }
}
