//! A scanner's report becomes findings: what leaked, where, and since when. Usable without any runbook.
//!
//! Reports come from outside and may be anything; whatever they hold besides the leaked values is cut to what can be
//! shown, and nothing of them is ever repeated in an error.

mod github;
mod gitleaks;
mod sarif;
mod trufflehog;

use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::secret::Secret;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

/// A larger report is not read.
pub const LARGEST_REPORT: usize = 32 << 20;
/// More of a place than this is not shown.
const LONGEST_PLACE: usize = 240;

/// What a scanner found.
#[derive(Debug)]
pub struct Report {
    pub format: Format,
    /// In the report's order.
    pub findings: Vec<Finding>,
}

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Format {
    #[serde(rename = "gitleaks")]
    Gitleaks,
    #[serde(rename = "trufflehog")]
    TruffleHog,
    #[serde(rename = "sarif")]
    Sarif,
    #[serde(rename = "github")]
    GitHub,
}

impl Format {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gitleaks => "a gitleaks report",
            Self::TruffleHog => "a TruffleHog report",
            Self::Sarif => "a SARIF log",
            Self::GitHub => "a GitHub secret scanning alert",
        }
    }
}

/// One leak.
#[derive(Debug)]
pub struct Finding {
    /// What kind of secret the scanner takes it for.
    pub rule: String,
    /// The leaked value; several where the scanner tells its parts apart, none where the report hides it.
    pub values: Vec<Secret>,
    /// Where it leaked, for the report of the run. It may still hold the value.
    pub found_at: String,
    pub since: Option<Since>,
}

/// Since when it has been out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    pub at: Timestamp,
    pub known: SinceWhat,
}

/// What the time is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceWhat {
    /// The commit or message that holds it.
    Written,
    /// When the scanner saw it; it may have been out before.
    Detected,
}

/// Reads a report of any format that is known.
pub fn read(bytes: &[u8]) -> Result<Report, Failure> {
    if bytes.len() > LARGEST_REPORT {
        let summary = format!("the report is larger than {} MiB", LARGEST_REPORT >> 20);
        return Err(Failure::refused(summary).help("give it the findings of one incident only"));
    }
    let text = decode(bytes)?;
    let documents = documents(&text)?;
    if let [only] = documents.as_slice() {
        if let Some(findings) = sarif::findings(only) {
            return Ok(Report { format: Format::Sarif, findings });
        }
        if let Some(findings) = github::findings(only) {
            return Ok(Report { format: Format::GitHub, findings });
        }
        if let Some(findings) = gitleaks::findings(only) {
            return Ok(Report { format: Format::Gitleaks, findings });
        }
    }
    match trufflehog::findings(&documents) {
        Some(findings) => Ok(Report { format: Format::TruffleHog, findings }),
        None => Err(Failure::refused("this is no report that is known").help(
            "known are the JSON of gitleaks and TruffleHog, SARIF 2.1.0, and GitHub secret scanning alerts; or pipe the value itself in",
        )),
    }
}

/// The report as text. A shell may have written it as UTF-16.
fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, Failure> {
    let wide = |rest: &[u8], join: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).filter_map(|pair| Some(join(pair.try_into().ok()?))).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        bytes => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    text.map(Zeroizing::new).ok_or_else(|| Failure::refused("the report is not text"))
}

/// The JSON documents in a text: one, or one a line. Lines of a log between them are passed over.
fn documents(text: &str) -> Result<Vec<Value>, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::refused("the report is empty").help("a scanner that found nothing leaves nothing to do"));
    }
    let whole = match serde_json::from_str(text) {
        Ok(document) => return Ok(vec![document]),
        Err(error) => error,
    };
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('{'));
    let documents: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    if documents.is_empty() {
        // The reader's own words name a place, and never what stands there.
        let why = format!(
            "line {}, column {}: it breaks off, is no JSON, or is nested too deep",
            whole.line(),
            whole.column()
        );
        return Err(Failure::refused("the report cannot be read").because(why).help("write it anew with the scanner"));
    }
    Ok(documents)
}

/// A text member.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A value that a report really holds: scanners can be told to hide it.
fn value(text: &str) -> Option<Secret> {
    let hidden = text.trim().is_empty()
        || text.to_uppercase().contains("REDACTED")
        || text.contains("****")
        || text.ends_with("...");
    (!hidden).then(|| Secret::new(text.to_owned()))
}

/// The values that a report really holds, each once.
fn values(texts: &[&str]) -> Vec<Secret> {
    let mut texts: Vec<&str> = texts.to_vec();
    texts.dedup();
    texts.into_iter().filter_map(value).collect()
}

/// `config/prod.env:12 in commit 4f1c9a0…`, as much of it as is known.
fn place(repository: &str, file: &str, line: Option<u64>, commit: &str) -> String {
    let line = line.filter(|line| *line > 0).map(|line| format!(":{line}")).unwrap_or_default();
    let file = if file.is_empty() { String::new() } else { format!("{file}{line}") };
    let commit: String = commit.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let commit = if commit.is_empty() { commit } else { format!("in commit {commit}") };
    let known = [repository, &file, &commit].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    if known.is_empty() { "not stated".to_owned() } else { said(&known.join(" ")) }
}

/// What somebody else wrote, fit to be shown: one line, without control characters or marks that turn the writing
/// direction, and cut.
pub fn said(text: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let shown: String = text
        .chars()
        .take(LONGEST_PLACE)
        .map(|character| if is_hidden(character) { '\u{fffd}' } else { character })
        .collect();
    if text.chars().nth(LONGEST_PLACE).is_some() { shown + "…" } else { shown }
}

/// A time as the scanners write it: RFC 3339, or `2022-06-16 10:17:40 -0700 PDT`.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    let parts: Vec<&str> = text.split_whitespace().take(3).collect();
    DateTime::parse_from_str(&parts.join(" "), "%Y-%m-%d %H:%M:%S %z").ok().map(|time| time.with_timezone(&Utc))
}

fn written(text: &str) -> Option<Since> {
    time(text).map(|at| Since { at, known: SinceWhat::Written })
}
