//! Semgrep, `--json`: matched lines, which it shows only to those who are logged in.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, at, line, list, place, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "semgrep",
    title: "a Semgrep report",
    shapes: "JSON",
    told_by: "`check_id` with `path`, in `results`",
    value: "the matched line, unless it says `requires login`",
    place: "file, line and commit",
    time: "the commit's, where the history was scanned",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    if document.get("check_id").is_some() && document.get("path").is_some() {
        return Some(Entry::from(vec![finding(document)]));
    }
    let results = document.get("results")?.as_array()?;
    document.get("errors")?;
    document.get("paths")?;
    let mut entry = Entry::default();
    for result in results {
        match result.get("check_id") {
            Some(_) => entry.findings.push(finding(result)),
            None => entry.unread.push("a result names no rule".to_owned()),
        }
    }
    let errors = list(document, "errors").iter().filter(|error| text(error, "level") == "error").count();
    if errors > 0 {
        entry.unread.push(format!("the scanner speaks of {errors} errors: it may not have looked everywhere"));
    }
    Some(entry)
}

fn finding(result: &Value) -> ScanFinding {
    let extra = result.get("extra").unwrap_or(&Value::Null);
    let variables = extra.get("metavars").and_then(Value::as_object);
    let variables = variables.into_iter().flatten().map(|(_, variable)| text(variable, "abstract_content"));
    let parts = Seen {
        rule: text(result, "check_id"),
        values: values([text(extra, "lines")]),
        found_at: place(
            None,
            text(result, "path"),
            line(result.get("start").unwrap_or(&Value::Null), "line"),
            at(extra, "/historical_info/git_commit"),
        ),
        since: since(at(extra, "/historical_info/git_commit_timestamp"), SinceWhat::Written),
    };
    let mut finding = parts.finding(&FORMAT);
    finding.parts = values(variables.map(|text| text.trim_matches(['"', '\''])));
    finding
}
