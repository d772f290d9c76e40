//! What a scanner found: its report, in the form that all of them are brought into.

use crate::clock::Timestamp;
use crate::find::Digest;
use crate::secret::Secret;
use serde::Serialize;
use serde_json::Value;

/// A kind of report. Its file says how it is read; the words are those of `stanch find --formats`.
#[derive(Debug, Serialize)]
pub struct Format {
    pub name: &'static str,
    /// For people: `a gitleaks report`.
    #[serde(skip)]
    pub title: &'static str,
    /// In which shapes it comes.
    pub shapes: &'static str,
    /// How it is told from the others.
    pub told_by: &'static str,
    pub value: &'static str,
    pub place: &'static str,
    pub time: &'static str,
    /// What one document or list entry holds; nothing if it is of another kind.
    #[serde(skip)]
    pub(super) read: fn(&Value) -> Option<Entry>,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What one document, or one entry of a list, holds.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) findings: Vec<ScanFinding>,
    /// What of it could not be read.
    pub(super) unread: Vec<String>,
    /// What the scanner says, or leaves out, that tells that it did not look at everything.
    pub(super) unfinished: Vec<String>,
    /// How many entries speak of other things than secrets: code, packages, settings.
    pub(super) others: usize,
}

impl From<Vec<ScanFinding>> for Entry {
    fn from(findings: Vec<ScanFinding>) -> Self {
        Self { findings, ..Self::default() }
    }
}

/// What a scanner found.
#[derive(Debug)]
pub struct ScanReport {
    /// Whose report it is; nothing if it holds no finding that would tell.
    pub format: Option<&'static Format>,
    /// In the report's order.
    pub findings: Vec<ScanFinding>,
    /// What of it could not be read, in words without anything of the report in them.
    pub unread: Vec<String>,
    /// What tells that the scanner did not look at everything, in words of the same kind.
    pub unfinished: Vec<String>,
}

impl ScanReport {
    /// Why more may have leaked than it holds.
    pub fn doubts(&self) -> impl Iterator<Item = &String> {
        self.unread.iter().chain(&self.unfinished)
    }
}

/// One leak.
#[derive(Debug)]
pub struct ScanFinding {
    pub format: &'static Format,
    /// What kind of secret the scanner takes it for.
    pub rule: String,
    /// The leaked value; several where the scanner tells its parts apart, none where the report hides it.
    pub values: Vec<Secret>,
    /// What the report points at inside of the values: the columns of a region.
    pub parts: Vec<Secret>,
    /// A hash of the value, where the report holds that in its place.
    pub hash: Option<Digest>,
    /// Where it leaked, for the report of the run.
    pub found_at: String,
    pub since: Option<Since>,
    /// The report says something of a time, and that cannot be read.
    pub is_time_unread: bool,
}

impl ScanFinding {
    /// Whether both hold the same value, as far as the report tells.
    pub fn is_same_value(&self, other: &Self) -> bool {
        let texts = |finding: &'_ Self| -> Vec<String> {
            let texts = finding.values.iter().map(|value| value.expose().trim().to_owned());
            texts.collect()
        };
        match (&self.hash, &other.hash) {
            (Some(one), Some(other)) => one == other,
            _ => !self.values.is_empty() && texts(self) == texts(other),
        }
    }
}

/// Since when it has been out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    pub at: Timestamp,
    pub known: SinceWhat,
    /// The report names no time zone: the time was taken for UTC.
    pub zone_assumed: bool,
}

/// What the time is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceWhat {
    /// The commit or message that holds it.
    Written,
    /// The last change of the file that holds it; it may have been there before.
    Modified,
    /// When the scanner first saw it; it may have been out before.
    Detected,
    /// When the scan ran; it was out before.
    Scanned,
}

impl SinceWhat {
    /// In words, behind a time.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Written => "when it was committed or sent",
            Self::Modified => "when its file was last changed; it may have been out before",
            Self::Detected => "when the scanner saw it; it may have been out before",
            Self::Scanned => "when the scan ran; it was out before: say since when with `--exposed-at`",
        }
    }
}
