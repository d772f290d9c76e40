//! What was read on the way → what the log could, and could not, show.

use super::gaps::{Gap, gaps};
use super::question::Question;
use super::reading::{Reading, parse};
use crate::clock::Timestamp;
use chrono::{SecondsFormat, TimeDelta};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// How late an entry may reach the log: storage says ten minutes at most, a workspace up to twenty; so long is waited for.
pub const LATENESS: TimeDelta = TimeDelta::minutes(20);
/// How far apart two clocks may be: a time of one that lies so little ahead of the other may be the present.
pub const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// What the log could, and could not, show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Where the log was read from.
    pub sources: Vec<String>,
    /// How many files of this vault and window were read; the files at its edges whole. In a workspace: tables.
    pub files: u64,
    /// How many entries those files hold.
    pub events: u64,
    /// How many bytes those files hold, after decompression.
    pub bytes: u64,
    /// The oldest entry's time, as it stands in the log; empty without entries.
    pub first: String,
    /// The newest entry's time, as it stands in the log; empty without entries.
    pub last: String,
    /// The hours of the window without a single entry: a quiet vault, or a log that was not kept.
    pub gaps: Vec<Gap>,
    /// How many records, or rests of files, could not be read.
    pub unreadable_lines: u64,
    /// How many of these may have been about the secret.
    #[serde(default)]
    pub unreadable_relevant: u64,
    /// Whether some of these stand for more than one entry, so that there are at least as many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable_at_least: bool,
    /// How many of those are entries that do not say which secret they are about.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed: u64,
    /// How many files beside the log were not read at all, whatever they hold.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread_files: u64,
    /// How many entries are of other logs, which say nothing of who read a secret; they cover no time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub others: u64,
    /// Why the source could not answer for stretches of the time, one reason each.
    #[serde(default)]
    pub unanswered: Vec<String>,
    /// The newest moment of the window the log speaks for: its newest entry. What happened later may not have reached the
    /// log yet, and within the 20 minutes before the log was read, entries may still arrive.
    pub horizon: Option<Timestamp>,
    /// Since when the source holds any entry of the vault; nothing where it cannot tell.
    #[serde(default)]
    pub log_begins: Option<Timestamp>,
    /// The first few records that could not be read.
    #[serde(default)]
    pub unreadable: Vec<UnreadableSample>,
    /// What limits cut off. Empty where everything was read.
    #[serde(default)]
    pub truncations: Vec<String>,
    /// Vaults that were asked about and of which the source holds nothing: diagnostics may never have been switched on.
    #[serde(default)]
    pub vaults_without_log: Vec<String>,
    /// What else must be known to judge the answer, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Why an answer says nothing, whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// There is a log, and none of it could be read.
    Unreadable(String),
    /// The log holds no entry of the vault: a quiet vault looks the same as one whose diagnostics were never on.
    Empty(String),
}

impl Coverage {
    /// Why nothing follows from what was found, if nothing does: no entry of the vault was read at all.
    pub fn nothing(&self) -> Option<Nothing> {
        if self.horizon.is_some() {
            return None;
        }
        let source = self.sources.join(", ");
        Some(match self.in_part() {
            Some(why) => Nothing::Unreadable(format!("{why}, in {source}")),
            None => Nothing::Empty(format!("the audit trail holds no entry of this vault and this time, in {source}")),
        })
    }

    /// How many entries do not say which secret they are about, if any.
    pub(crate) fn unnamed_entries(&self) -> Option<String> {
        match self.unnamed {
            0 => None,
            1 => Some("1 entry does not say which secret it is about".to_owned()),
            count => Some(format!("{count} entries do not say which secret they are about")),
        }
    }

    /// How many files beside the log were not read, if any.
    pub(crate) fn files_not_read(&self) -> Option<String> {
        match self.unread_files {
            0 => None,
            1 => Some("1 file was not read".to_owned()),
            count => Some(format!("{count} files were not read")),
        }
    }

    /// Why part of what may be about the secret is missing from what was found, if any is.
    pub fn in_part(&self) -> Option<String> {
        let why = |whole| self.unreadable.iter().find(|sample| sample.is_of_whole_file() == whole);
        let said = |whole, what: String| why(whole).map_or(what.clone(), |sample| format!("{what}: {}", sample.why));
        let at_least = if self.unreadable_at_least { "at least " } else { "" };
        let records = match self.unreadable_relevant.saturating_sub(self.unnamed) {
            0 => None,
            1 => Some(said(false, format!("{at_least}1 record of the log could not be read"))),
            count => Some(said(false, format!("{at_least}{count} records of the log could not be read"))),
        };
        let parts = [records, self.files_not_read().map(|files| said(true, files)), self.unnamed_entries()];
        if let Some(parts) = parts.into_iter().flatten().reduce(|one, other| format!("{one}; {other}")) {
            return Some(parts);
        }
        self.unanswered.first().or(self.truncations.first()).cloned()
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A record, or the rest of a file, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableSample {
    /// The file it stands in.
    pub source: String,
    /// The number of the record in its file, from 1; 0 where nothing of the file was read.
    pub record: u64,
    /// Why it could not be read.
    pub why: String,
    /// How it begins, without control characters.
    pub text: String,
}

impl UnreadableSample {
    fn is_of_whole_file(&self) -> bool {
        self.record == 0
    }
}

impl fmt::Display for UnreadableSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_of_whole_file() {
            return write!(f, "{}: {}", self.source, self.why);
        }
        write!(f, "record {}: {}, in {}", self.record, self.why, self.source)
    }
}

/// The statement about the window, as of `now`.
pub(crate) fn coverage(seen: &Reading, source: String, question: &Question, now: Timestamp) -> Coverage {
    let until = question.until;
    let samples = seen.shown.iter().map(|shown| UnreadableSample {
        source: shown.source.clone(),
        record: shown.position,
        why: shown.why.clone(),
        text: shown.text.clone(),
    });
    let without_log = question.vaults().filter(|vault| !seen.vaults.contains(&vault.name));
    Coverage {
        sources: vec![source],
        files: seen.files,
        events: seen.events,
        bytes: seen.bytes,
        first: seen.first.clone(),
        last: seen.last.clone(),
        gaps: gaps(seen, question.since, until.min(now - LATENESS)),
        unreadable_lines: seen.unreadable,
        unreadable_relevant: seen.unreadable_relevant,
        unreadable_at_least: seen.at_least,
        unnamed: seen.unnamed,
        unread_files: seen.unread_files,
        others: seen.others.values().sum(),
        unanswered: seen.missing.iter().map(|(_, _, why)| why.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        horizon: parse(&seen.last).filter(|_| seen.speaks_of(question)).map(|last| last.min(until)),
        log_begins: seen.log_begins,
        unreadable: samples.collect(),
        truncations: seen.truncations.clone(),
        vaults_without_log: without_log.map(|vault| vault.name.clone()).collect(),
        notes: notes(seen, question, now),
    }
}

fn notes(seen: &Reading, question: &Question, now: Timestamp) -> Vec<String> {
    let mut notes = seen.notes.clone();
    let moment = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    if !question.has_reference() {
        notes.push(
            "nothing says who is meant to read the secret, so every caller counts as unknown: list the known callers, or \
             let a baseline before the exposure tell"
                .to_owned(),
        );
    }
    if let Some(begins) = seen.log_begins.filter(|begins| *begins > question.from) {
        notes.push(format!("the source holds nothing of this vault before {}", moment(begins)));
    }
    if question.from < question.since && !seen.hours.keys().any(|hour| *hour < super::reading::hour_of(question.since))
    {
        notes.push("the baseline before the exposure holds no entry, so it tells nobody apart".to_owned());
    }
    if question.until > now - LATENESS {
        notes.push(format!(
            "entries arrive up to {} minutes late: what happened after {} may be missing",
            LATENESS.num_minutes(),
            moment(now - LATENESS)
        ));
    }
    if seen.growing > 0 {
        notes.push("the newest file was still being written; what was whole of it was read".to_owned());
    }
    notes
}
