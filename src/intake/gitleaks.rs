//! gitleaks: version 8, whose members begin with capitals (JSON, CSV, JUnit), and version 7, whose value is `offender`.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, line, link, place, scalar, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "gitleaks",
    title: "a gitleaks report",
    shapes: "JSON, JSON lines, CSV, JUnit; `null` or `[]` where nothing was found",
    told_by: "`RuleID` with `Secret` or `Match`",
    value: "`Secret`, unless it was run with --redact",
    place: "the link, or file, line and commit",
    time: "the commit's",
    read,
};

pub(super) static FORMAT_7: Format = Format {
    name: "gitleaks-7",
    title: "a gitleaks 7 report",
    shapes: "JSON, JSON lines, CSV",
    told_by: "`offender` with `rule` and `file`",
    value: "`offender`, unless it was run with --redact",
    place: "the link, or repository, file, line and commit",
    time: "the commit's",
    read: read_7,
};

fn read(entry: &Value) -> Option<Entry> {
    let has = |name: &str| entry.get(name).is_some();
    if !has("RuleID") || !(has("Secret") || has("Match")) {
        return None;
    }
    let place = || place(None, text(entry, "File"), line(entry, "StartLine"), text(entry, "Commit"));
    let parts = Seen {
        rule: text(entry, "RuleID"),
        values: values([scalar(entry, "Secret")]),
        found_at: link(text(entry, "Link")).or_else(place),
        since: since(text(entry, "Date"), SinceWhat::Written),
    };
    Some(parts.entry(&FORMAT))
}

fn read_7(entry: &Value) -> Option<Entry> {
    let has = |name: &str| entry.get(name).is_some();
    if !has("offender") || !has("rule") || !has("file") {
        return None;
    }
    let repository = Some(text(entry, "repo"));
    let place = || place(repository, text(entry, "file"), line(entry, "lineNumber"), text(entry, "commit"));
    let parts = Seen {
        rule: text(entry, "rule"),
        values: values([scalar(entry, "offender")]),
        found_at: link(text(entry, "leakURL")).or_else(place),
        since: since(text(entry, "date"), SinceWhat::Written),
    };
    Some(parts.entry(&FORMAT_7))
}
