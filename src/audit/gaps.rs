//! The hours without an entry: a quiet vault, or a log that was not kept? Said with the reason.
//!
//! How much a vault logs depends on the hour of the day. From the other days it is known how many entries such hours
//! hold; if that many entries had been due, their absence by chance is unlikely, and the log is what is missing.

use super::reading::{HOUR_SECONDS, Reading, hour_of, hour_start};
use crate::clock::Timestamp;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// If more entries than this were due, their absence is no chance: for rare independent events, e⁻⁵ is under 1 %.
const UNLIKELY_ABSENT: f64 = 5.0;
const HOURS_OF_A_DAY: i64 = 24;

/// A stretch of the window without a single entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// What it more likely is.
    #[serde(default)]
    pub likely: Likely,
    /// Why.
    #[serde(default)]
    pub why: String,
}

/// What a gap more likely is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Likely {
    /// Nothing tells.
    #[default]
    Unknown,
    /// Nobody used the vault.
    Quiet,
    /// The log was not kept, did not arrive, or could not be asked.
    Missing,
}

/// The stretches between `since` and `until` outside of the hours that were seen.
pub(super) fn gaps(seen: &Reading, since: Timestamp, until: Timestamp) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut covered = since;
    let mut close = |from: Timestamp, to: Timestamp| {
        if from < to {
            let (likely, why) = judge(seen, from, to);
            gaps.push(Gap { from, to, likely, why });
        }
    };
    for hour in seen.hours.range(hour_of(since)..).map(|(hour, _)| *hour) {
        let Some(start) = hour_start(hour) else { continue };
        if start >= until {
            break;
        }
        close(covered, start);
        covered = start.checked_add_signed(TimeDelta::hours(1)).unwrap_or(start).max(covered);
    }
    close(covered, until);
    // Where the source itself said that it could not answer, entries beside it prove nothing.
    for (from, to, why) in &seen.missing {
        let (from, to) = ((*from).max(since), (*to).min(until));
        if from < to {
            gaps.push(Gap { from, to, likely: Likely::Missing, why: why.clone() });
        }
    }
    gaps.sort_by_key(|gap| gap.from);
    gaps
}

fn judge(seen: &Reading, from: Timestamp, to: Timestamp) -> (Likely, String) {
    if let Some(begins) = seen.log_begins.filter(|begins| *begins >= to) {
        return (Likely::Missing, format!("the log begins only at {}", begins.format("%Y-%m-%d %H:%M UTC")));
    }
    if seen.hours.is_empty() {
        return (Likely::Unknown, "there is no entry at all to compare with".to_owned());
    }
    let ordinary = ordinary(&seen.hours);
    let hours = (to - from).num_seconds().max(1) as f64 / HOUR_SECONDS as f64;
    let due: f64 = slots(from, to).map(|(hour, part)| part * ordinary.of(hour)).sum();
    let about = if due >= 10.0 { format!("{due:.0}") } else { format!("{due:.1}") };
    let reason = format!("such hours hold about {:.1} entries each, {about} were due in {hours:.1} h", due / hours);
    if due > UNLIKELY_ABSENT { (Likely::Missing, reason) } else { (Likely::Quiet, reason) }
}

/// The hours that a stretch touches, and how much of each.
fn slots(from: Timestamp, to: Timestamp) -> impl Iterator<Item = (i64, f64)> {
    // A long stretch needs no more than a month to be judged.
    (hour_of(from)..=hour_of(to)).take(31 * 24).map(move |hour| {
        let start = hour * HOUR_SECONDS;
        let part = (to.timestamp().min(start + HOUR_SECONDS) - from.timestamp().max(start)).max(0);
        (hour, part as f64 / HOUR_SECONDS as f64)
    })
}

/// How many entries hours ordinarily hold.
struct Ordinary {
    by_hour_of_day: BTreeMap<i64, u64>,
    overall: f64,
    /// From the first hour with entries to the last.
    days: i64,
}

impl Ordinary {
    fn of(&self, hour: i64) -> f64 {
        let events = self.by_hour_of_day.get(&hour.rem_euclid(HOURS_OF_A_DAY)).copied().unwrap_or_default();
        // With too few days, the hour of the day means nothing.
        if self.days >= 3 { events as f64 / self.days as f64 } else { self.overall }
    }
}

fn ordinary(hours: &BTreeMap<i64, u64>) -> Ordinary {
    let mut by_hour_of_day: BTreeMap<i64, u64> = BTreeMap::new();
    for (hour, count) in hours {
        *by_hour_of_day.entry(hour.rem_euclid(HOURS_OF_A_DAY)).or_default() += count;
    }
    let first = hours.keys().next().copied().unwrap_or_default();
    let last = hours.keys().next_back().copied().unwrap_or_default();
    let span = last - first + 1;
    let total: u64 = hours.values().sum();
    Ordinary { by_hour_of_day, overall: total as f64 / span.max(1) as f64, days: span / HOURS_OF_A_DAY }
}
