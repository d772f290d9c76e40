//! The parts that findings of all formats are put together from.

use super::finding::{ScanFinding, Since, SinceWhat};
use crate::clock::Timestamp;
use crate::redaction::without_credentials;
use crate::secret::Secret;
use crate::told::unless_repeated;
use crate::visible;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// More of a place than this is not shown.
const LONGEST_PLACE: usize = 240;
/// What is shorter stands in a place by chance.
const SHORTEST_VALUE: usize = 4;

/// A text member.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
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
pub(super) fn values(texts: &[&str]) -> Vec<Secret> {
    let mut texts: Vec<&str> = texts.to_vec();
    texts.dedup();
    texts.into_iter().filter_map(value).collect()
}

/// What is said of a place that a report does not name.
pub(super) fn not_stated() -> String {
    "not stated".to_owned()
}

/// `config/prod.env:12 in commit 4f1c9a0…`, as much of it as is known; nothing if nothing is.
pub(super) fn place(repository: Option<&str>, file: &str, line: Option<u64>, commit: &str) -> Option<String> {
    let line = line.filter(|line| *line > 0).map(|line| format!(":{line}")).unwrap_or_default();
    let repository = repository.filter(|repository| !repository.is_empty()).map(str::to_owned);
    let file = (!file.is_empty()).then(|| format!("{file}{line}"));
    let commit: String = commit.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let commit = (!commit.is_empty()).then(|| format!("in commit {commit}"));
    let known: Vec<String> = [repository, file, commit].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(" "))
}

/// A finding whose texts are fit to be shown: without its values, and only then cut, so that no cut leaves half of one.
pub(super) fn shown(finding: ScanFinding) -> ScanFinding {
    let ScanFinding { rule, values, found_at, since } = finding;
    let without = |text: String| {
        let long = values.iter().map(|value| value.expose().trim()).filter(|value| value.len() >= SHORTEST_VALUE);
        let text = long.fold(text, |text, value| text.replace(value, "[redacted]"));
        said(&unless_repeated(&text))
    };
    ScanFinding { rule: without(rule), found_at: without(found_at), values, since }
}

/// What somebody else wrote, fit to be shown: one line, without control characters or marks that turn the writing
/// direction, without the credentials of an address, and cut.
pub fn said(text: &str) -> String {
    let text = &*without_credentials(text);
    let shown = visible::line(&text.chars().take(LONGEST_PLACE).collect::<String>());
    if text.chars().nth(LONGEST_PLACE).is_some() { shown + "…" } else { shown }
}

/// A time as the scanners write it: RFC 3339, or `2022-06-16 10:17:40 -0700 PDT`.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    let parts: Vec<&str> = text.split_whitespace().take(3).collect();
    DateTime::parse_from_str(&parts.join(" "), "%Y-%m-%d %H:%M:%S %z").ok().map(|time| time.with_timezone(&Utc))
}

pub(super) fn written(text: &str) -> Option<Since> {
    time(text).map(|at| Since { at, known: SinceWhat::Written })
}
