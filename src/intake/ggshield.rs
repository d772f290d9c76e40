//! ggshield, `--json`: scans in scans, down to the matches of an incident in a file.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, first, line, list, place, text, values};
use super::times::since;
use crate::find::Digest;
use serde_json::{Value, json};

pub(super) static FORMAT: Format = Format {
    name: "ggshield",
    title: "a ggshield report",
    shapes: "JSON",
    told_by: "`total_incidents` with `entities_with_incidents` or `scans`",
    value: "`match`, if it was run with --show-secrets; else a SHA-256, by which the versions of the vault are recognised",
    place: "commit, file and line",
    time: "the commit's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    document.get("total_incidents")?;
    let mut entry = Entry::default();
    // The same program looks at infrastructure as code and at packages.
    if ["iac_engine_version", "scanned_files", "added_vulns"].iter().any(|name| document.get(name).is_some()) {
        entry
            .unfinished
            .push("it is of a scan of infrastructure or packages, which does not look for secrets".to_owned());
        return Some(entry);
    }
    scan(document, &mut entry, 0);
    let looked_at = ["scans", "entities_with_incidents", "results", "total_entities"];
    let is_nothing = |name: &&str| document.get(name).is_none_or(|found| found == &json!([]) || found == &json!(0));
    // Whoever looked at something names it, or writes an empty list of what it found there.
    if entry.findings.is_empty() && document.get("scans").is_some() && looked_at.iter().all(is_nothing) {
        entry.unfinished.push("the scanner looked at nothing: its list of scans is empty".to_owned());
    }
    let promised = document.get("total_incidents").and_then(Value::as_u64).unwrap_or(0);
    let read = entry.findings.len() as u64;
    if promised > read {
        entry.unread.push(format!("it speaks of {promised} incidents, and holds {read}"));
    }
    Some(entry)
}

fn scan(scanned: &Value, entry: &mut Entry, depth: usize) {
    let files = list(scanned, "entities_with_incidents").iter().chain(list(scanned, "results"));
    for file in files {
        for incident in list(file, "incidents") {
            entry.findings.push(finding(scanned, text(file, "filename"), incident));
        }
    }
    for error in list(scanned, "errors") {
        let files = list(error, "files").len().max(1);
        entry.unfinished.push(format!("the scanner could not look at {files} of its files"));
    }
    if depth < 16 {
        list(scanned, "scans").iter().for_each(|inner| scan(inner, entry, depth + 1));
    }
}

fn finding(scanned: &Value, file: &str, incident: &Value) -> ScanFinding {
    let matches = list(incident, "occurrences");
    let commit = Some(text(scanned, "id")).filter(|id| text(scanned, "type") == "commit" || is_commit(id));
    let parts = Seen {
        rule: first(incident, &["type", "detector"]),
        values: values(matches.iter().map(|found| text(found, "match"))),
        found_at: place(
            None,
            file,
            matches.first().and_then(|found| line(found, "line_start")),
            commit.unwrap_or_default(),
        ),
        since: since(
            scanned.pointer("/extra_info/date").and_then(Value::as_str).unwrap_or_default(),
            SinceWhat::Written,
        ),
    };
    let mut finding = parts.finding(&FORMAT);
    if let (true, [only]) = (finding.values.is_empty(), matches) {
        let behind = format!(",{}", first(only, &["type", "match_type"]));
        finding.hash = Digest::of_hex(text(incident, "ignore_sha"), behind);
    }
    finding
}

fn is_commit(id: &str) -> bool {
    id.len() == 40 && id.bytes().all(|digit| digit.is_ascii_hexdigit())
}
