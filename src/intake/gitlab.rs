//! GitLab secret detection: `gl-secret-detection-report.json`.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, at, first, line, place, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "gitlab",
    title: "a GitLab secret detection report",
    shapes: "JSON",
    told_by: "`vulnerabilities` with a `scan` of the type `secret_detection`",
    value: "`raw_source_code_extract`",
    place: "file, line and commit",
    time: "the commit's, else the scan's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
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
                since(&format!("{}Z", scanned.trim_end_matches('Z')), SinceWhat::Scanned)
            }),
        };
        entry.findings.push(parts.finding(&FORMAT));
    }
    if !matches!(at(document, "/scan/status"), "" | "success") {
        entry.unread.push("the scanner says that its run failed".to_owned());
    }
    Some(entry)
}
