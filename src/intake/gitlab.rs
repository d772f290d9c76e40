//! GitLab secret detection: `gl-secret-detection-report.json`.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, at, first, line, place, text, values};
use super::times::{ToldTime, since};
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "gitlab",
    title: "a GitLab secret detection report",
    shapes: "JSON of the job, and of the interface: one, a list, or an answer of GraphQL",
    told_by: "`vulnerabilities` with a `scan` of the type `secret_detection`; `report_type` or `reportType`",
    value: "`raw_source_code_extract`; none in the interface",
    place: "file, line and commit",
    time: "the commit's, else the scan's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    vulnerability(document).or_else(|| answer(document)).or_else(|| report(document))
}

/// One vulnerability or finding of the interface, of REST or of GraphQL.
fn vulnerability(found: &Value) -> Option<Entry> {
    let kind = Some(first(found, &["report_type", "reportType"])).filter(|kind| !kind.is_empty())?;
    found.get("location").or(found.get("severity"))?;
    if !kind.eq_ignore_ascii_case("secret_detection") {
        return Some(Entry { others: 1, ..Entry::default() });
    }
    let nowhere = Value::Null;
    let location = found.get("location").unwrap_or(&nowhere);
    let start = line(location, "start_line").or(line(location, "startLine"));
    let parts = Seen {
        rule: first(found, &["title", "name", "message"]),
        values: values([text(found, "raw_source_code_extract")]),
        found_at: place(
            None,
            first(location, &["file", "path"]),
            start,
            first(location.get("commit").unwrap_or(&nowhere), &["sha"]),
        ),
        since: since(first(found, &["created_at", "detectedAt", "detected_at"]), SinceWhat::Detected),
    };
    Some(parts.entry(&FORMAT))
}

/// An answer of GraphQL, which holds one page.
fn answer(document: &Value) -> Option<Entry> {
    let inside = document.get("data")?;
    let owner = ["project", "group", "instanceSecurityDashboard"].iter().find_map(|name| inside.get(name));
    let page = owner.unwrap_or(inside).get("vulnerabilities")?;
    let mut entry = Entry::default();
    for node in page.get("nodes")?.as_array()? {
        match vulnerability(node) {
            Some(found) => {
                entry.findings.extend(found.findings);
                entry.others += found.others;
            }
            None => {
                entry.unread.push("a vulnerability does not say what kind it is of: ask for `reportType`".to_owned())
            }
        }
    }
    if page.pointer("/pageInfo/hasNextPage").and_then(Value::as_bool) == Some(true) {
        entry.unfinished.push("there are more pages than it holds".to_owned());
    }
    Some(entry)
}

/// What the job writes.
fn report(document: &Value) -> Option<Entry> {
    let found = document.get("vulnerabilities")?.as_array()?;
    let is_secret =
        |found: &Value| found.get("raw_source_code_extract").is_some() || text(found, "category") == "secret_detection";
    let is_scan = at(document, "/scan/type") == "secret_detection";
    if !is_scan && (found.is_empty() || !found.iter().all(is_secret)) {
        return None;
    }
    let mut entry = Entry::default();
    let scanned = at(document, "/scan/start_time");
    for secret in found {
        let Some(location) = secret.get("location") else {
            entry.unread.push("a vulnerability names no place".to_owned());
            continue;
        };
        let commit = |name: &str| at(location, &format!("/commit/{name}"));
        let parts = Seen {
            rule: first(secret, &["name", "message", "description"]),
            values: values([text(secret, "raw_source_code_extract")]),
            found_at: place(None, text(location, "file"), line(location, "start_line"), commit("sha")),
            since: since(commit("date"), SinceWhat::Written).or_else(|| {
                // Its times are UTC by the format's definition, though they do not say so.
                match scanned.trim_end_matches('Z') {
                    "" => ToldTime::Nothing,
                    scanned => since(&format!("{scanned}Z"), SinceWhat::Scanned),
                }
            }),
        };
        entry.findings.push(parts.finding(&FORMAT));
    }
    if !matches!(at(document, "/scan/status"), "" | "success") {
        entry.unfinished.push("the scanner says that its run failed".to_owned());
    }
    let messages = document.pointer("/scan/messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if messages.iter().any(|message| matches!(text(message, "level"), "error" | "fatal" | "warn")) {
        entry
            .unfinished
            .push("the scanner says that something went wrong: it may not have looked everywhere".to_owned());
    }
    Some(entry)
}
