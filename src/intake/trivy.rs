//! Trivy, `--scanners secret --format json`: secrets of each target. It covers the values.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, first, line, list, place, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "trivy",
    title: "a Trivy report",
    shapes: "JSON",
    told_by: "`SchemaVersion` with `ArtifactName` or `Results`",
    value: "none: Trivy covers it with asterisks",
    place: "artifact, target and line",
    time: "the scan's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    document.get("SchemaVersion")?;
    if document.get("ArtifactName").is_none() && document.get("Results").is_none() {
        return None;
    }
    let mut entry = Entry::default();
    if document.get("Results").is_some_and(|results| !results.is_array() && !results.is_null()) {
        entry.unread.push("its results are no list".to_owned());
    }
    for target in list(document, "Results") {
        for secret in list(target, "Secrets") {
            let parts = Seen {
                rule: first(secret, &["Title", "RuleID"]),
                values: values(Some(text(secret, "Match")).filter(|line| !line.is_empty())),
                found_at: place(
                    Some(text(document, "ArtifactName")),
                    text(target, "Target"),
                    line(secret, "StartLine"),
                    "",
                ),
                since: since(text(document, "CreatedAt"), SinceWhat::Scanned),
            };
            entry.findings.push(parts.finding(&FORMAT));
        }
    }
    Some(entry)
}
