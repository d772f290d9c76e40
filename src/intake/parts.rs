//! The parts that findings of all formats are put together from.

use super::finding::{Entry, Format, ScanFinding};
use super::times::ToldTime;
use crate::find::is_placeholder;
use crate::redaction::without_credentials;
use crate::secret::Secret;
use crate::told::unless_repeated;
use crate::visible;
use serde_json::Value;

/// More of a place than this is not shown.
const LONGEST_PLACE: usize = 240;
/// What is shorter stands in a place by chance.
const SHORTEST_VALUE: usize = 4;

/// The place of a finding that names none.
pub const NOT_STATED: &str = "not stated";

/// A text member.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The text that a pointer leads to.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The first text member that is there and not empty.
pub(super) fn first<'a>(value: &'a Value, names: &[&str]) -> &'a str {
    names.iter().map(|name| text(value, name)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// A member that is a value: a number is one as well, as its digits, where the reader of JSON keeps all of them.
pub(super) fn scalar(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
        _ => String::new(),
    }
}

/// A member that counts lines, as a number or as its digits.
pub(super) fn line(value: &Value, name: &str) -> Option<u64> {
    match value.get(name)? {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    }
}

/// The members of a list; nothing where there is none.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The values that a report really holds, each once.
pub(super) fn values<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Secret> {
    let mut values: Vec<Secret> = Vec::new();
    for text in texts {
        let text = text.as_ref();
        if !is_placeholder(text) && values.iter().all(|known| known.expose() != text) {
            values.push(Secret::new(text.to_owned()));
        }
    }
    values
}

/// What is put together to a finding.
pub(super) struct Seen<'a> {
    pub(super) rule: &'a str,
    pub(super) values: Vec<Secret>,
    pub(super) found_at: Option<String>,
    pub(super) since: ToldTime,
}

impl Seen<'_> {
    pub(super) fn finding(self, format: &'static Format) -> ScanFinding {
        ScanFinding {
            format,
            rule: self.rule.to_owned(),
            values: self.values,
            parts: Vec::new(),
            hash: None,
            found_at: self.found_at.unwrap_or_else(|| NOT_STATED.to_owned()),
            since: match self.since {
                ToldTime::At(since) => Some(since),
                ToldTime::Nothing | ToldTime::Unreadable => None,
            },
            is_time_unread: self.since == ToldTime::Unreadable,
        }
    }

    pub(super) fn entry(self, format: &'static Format) -> Entry {
        Entry::from(vec![self.finding(format)])
    }
}

/// An address that can be opened.
pub(super) fn link(text: &str) -> Option<String> {
    text.starts_with("https://").then(|| text.to_owned())
}

/// `config/prod.env:12 in commit 4f1c9a0…`, as much of it as is known; nothing if nothing is.
pub(super) fn place(repository: Option<&str>, file: &str, line: Option<u64>, commit: &str) -> Option<String> {
    let line = line.filter(|line| *line > 0).map(|line| format!(":{line}")).unwrap_or_default();
    let repository = repository.filter(|repository| !repository.is_empty()).map(str::to_owned);
    let file = (!file.is_empty()).then(|| format!("{file}{line}"));
    let commit: String = commit.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let commit = commit.bytes().any(|digit| digit != b'0').then(|| format!("in commit {commit}"));
    let known: Vec<String> = [repository, file, commit].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(" "))
}

/// A finding whose texts are fit to be shown: without its values, and only then cut, so that no cut leaves half of one.
pub(super) fn shown(finding: ScanFinding) -> ScanFinding {
    let without = |text: String| {
        let hidden = finding.values.iter().chain(&finding.parts);
        let long = hidden.map(|value| value.expose().trim()).filter(|value| value.len() >= SHORTEST_VALUE);
        let text = long.fold(text, |text, value| text.replace(value, "[redacted]"));
        said(&unless_repeated(&text))
    };
    let (rule, found_at) = (without(finding.rule.clone()), without(finding.found_at.clone()));
    ScanFinding { rule, found_at, ..finding }
}

/// What somebody else wrote, fit to be shown: one line, without control characters or marks that turn the writing
/// direction, without the credentials of an address, and cut.
pub fn said(text: &str) -> String {
    let text = &*without_credentials(text);
    let shown = visible::line(&text.chars().take(LONGEST_PLACE).collect::<String>());
    if text.chars().nth(LONGEST_PLACE).is_some() { shown + "…" } else { shown }
}
