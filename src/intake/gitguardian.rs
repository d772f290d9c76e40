//! GitGuardian: incidents of its interface (one or a list), and rows of its export, which can hold the values.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, at, first, line, link, list, place, scalar, text, values};
use super::times::{ToldTime, since};
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "gitguardian",
    title: "GitGuardian incidents",
    shapes: "JSON of the interface, CSV of the export",
    told_by: "`detector` with `gitguardian_url`, `secret_hash` or `triggered_at`; `incident_id` in an export",
    value: "none; an export can hold it (`secret`)",
    place: "the first occurrence, and the incident's page",
    time: "the first occurrence's, else when the incident was opened",
    read,
};

fn read(incident: &Value) -> Option<Entry> {
    let has = |name: &str| incident.get(name).is_some();
    let is_incident = has("detector") && (has("gitguardian_url") || has("secret_hash") || has("triggered_at"));
    let is_row = has("incident_id") && (has("detector") || has("detector_name") || has("secret"));
    // A page of them, and what a web hook sends.
    let around = incident.get("results").or(incident.get("data")).and_then(Value::as_array);
    if let Some(page) = around.filter(|page| !page.is_empty()) {
        let findings: Vec<Entry> = page.iter().filter_map(read).collect();
        if findings.is_empty() {
            return None;
        }
        let mut entry = Entry::default();
        let missing = page.len() - findings.len();
        findings.into_iter().for_each(|found| {
            entry.findings.extend(found.findings);
            entry.unread.extend(found.unread);
        });
        if missing > 0 {
            entry.unread.push(format!("{missing} entries are no incident"));
        }
        return Some(entry);
    }
    if let Some(inside) = incident.get("incident").filter(|inside| inside.get("detector").is_some()) {
        return Some(Entry::from(vec![finding(inside)]));
    }
    (is_incident || is_row).then(|| Entry::from(vec![finding(incident)]))
}

fn finding(incident: &Value) -> ScanFinding {
    let nowhere = Value::Null;
    let seen = list(incident, "occurrences").first().unwrap_or(&nowhere);
    let here = if seen.is_null() { incident } else { seen };
    let repository = match at(here, "/source/full_name") {
        "" => first(here, &["source_name", "repository", "source"]),
        name => name,
    };
    let matched = list(seen, "matches").first().unwrap_or(&nowhere);
    let inside = place(
        Some(repository),
        first(here, &["filepath", "file_path", "file"]),
        ["line_start", "post_line_start", "pre_line_start"].iter().find_map(|name| line(matched, name)),
        first(here, &["sha", "commit_sha"]),
    );
    let page = link(first(incident, &["gitguardian_url", "incident_url", "share_url"]));
    let rule = match incident.get("detector") {
        Some(Value::Object(_)) => match at(incident, "/detector/display_name") {
            "" => at(incident, "/detector/name"),
            name => name,
        },
        _ => first(incident, &["detector_name", "detector"]),
    };
    let dates = [(seen, "date"), (incident, "date"), (incident, "first_occurrence_date")];
    let written = dates.iter().map(|(value, name)| since(text(value, name), SinceWhat::Written));
    let written = ToldTime::first(written);
    let detected = || since(first(incident, &["triggered_at", "detection_date", "created_at"]), SinceWhat::Detected);
    let found_at = match (inside, page) {
        (Some(inside), Some(page)) => Some(format!("{inside}, {page}")),
        (inside, page) => inside.or(page),
    };
    Seen { rule, values: values([scalar(incident, "secret")]), found_at, since: written.or_else(detected) }
        .finding(&FORMAT)
}
