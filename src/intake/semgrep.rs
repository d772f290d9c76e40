//! Semgrep, `--json`: matched lines, which it shows only to those who are logged in.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, at, line, list, place, text, values};
use super::subject::{Subject, of_rule};
use super::times::since;
use serde_json::{Value, json};

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
    // An empty list has many owners.
    if document.get("paths").is_none() && results.iter().all(|result| result.get("check_id").is_none()) {
        return None;
    }
    let mut entry = Entry::default();
    for result in results {
        match result.get("check_id") {
            Some(_) if subject(result) == Subject::Others => entry.others += 1,
            Some(_) => entry.findings.push(finding(result)),
            None => entry.unread.push("a result names no rule".to_owned()),
        }
    }
    let errors = list(document, "errors").len();
    if errors > 0 {
        let plural = if errors == 1 { "error" } else { "errors" };
        entry.unfinished.push(format!("the scanner speaks of {errors} {plural}: it may not have looked everywhere"));
    }
    if results.is_empty() && document.pointer("/paths/scanned").is_none_or(|scanned| scanned == &json!([])) {
        entry.unfinished.push("the scanner looked at no file".to_owned());
    }
    // Which rules it ran is told with `--time` only.
    let rules = document.pointer("/time/rules").map(Value::to_string).unwrap_or_default();
    if results.is_empty() && of_rule(&rules) != Subject::Secrets {
        let what =
            "it does not say which rules the scanner ran: perhaps none about secrets (`semgrep --time` lists them)";
        entry.unfinished.push(what.to_owned());
    }
    Some(entry)
}

/// Semgrep has rules about everything.
fn subject(result: &Value) -> Subject {
    let about = ["/extra/metadata", "/extra/message"].map(|part| result.pointer(part).map(Value::to_string));
    let rule = of_rule(&format!("{} {}", text(result, "check_id"), about.map(Option::unwrap_or_default).join(" ")));
    // Its rules about code stand in folders that say so.
    let code = text(result, "check_id").contains(".security.audit.");
    if rule == Subject::Unsaid && code { Subject::Others } else { rule }
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
