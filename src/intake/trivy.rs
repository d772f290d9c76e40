//! Trivy, `--scanners secret --format json`: secrets of each target. It covers the values.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, first, line, list, place, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "trivy",
    title: "a Trivy report",
    shapes: "JSON",
    told_by: "`SchemaVersion` with `ArtifactName` or `Results`; `ClusterName` of a cluster",
    value: "none: Trivy covers it with asterisks",
    place: "artifact, target and line",
    time: "the scan's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    let mut entry = Entry::default();
    // Of a cluster: a report for each of its resources.
    let older = ["Vulnerabilities", "Misconfigurations"];
    let resources = list(document, "Resources").iter().chain(older.iter().flat_map(|name| list(document, name)));
    if document.get("ClusterName").is_some() {
        for resource in resources {
            let name = ["Namespace", "Kind", "Name"].map(|name| text(resource, name)).join("/");
            results(document, resource, name.trim_start_matches('/'), &mut entry);
            if !text(resource, "Error").is_empty() {
                entry.unfinished.push("the scanner could not look at a resource of the cluster".to_owned());
            }
        }
        if document.get("Findings").is_some() {
            entry.unfinished.push("it is a summary, which holds no findings: write it with `--report all`".to_owned());
        }
        return Some(entry);
    }
    document.get("SchemaVersion")?;
    if document.get("ArtifactName").is_none() && document.get("Results").is_none() {
        return None;
    }
    results(document, document, text(document, "ArtifactName"), &mut entry);
    // Trivy leaves them out where it looked at nothing, as well as where it found nothing.
    if list(document, "Results").is_empty() {
        entry
            .unfinished
            .push("it holds no results: it does not tell whether the scanner looked for secrets".to_owned());
    }
    Some(entry)
}

fn results(document: &Value, of: &Value, name: &str, entry: &mut Entry) {
    if of.get("Results").is_some_and(|results| !results.is_array() && !results.is_null()) {
        entry.unread.push("its results are no list".to_owned());
    }
    for target in list(of, "Results") {
        let secrets = list(target, "Secrets");
        // Trivy does not write what it looked for, and looks for packages and settings as well.
        entry.others += usize::from(secrets.is_empty() && text(target, "Class") != "secret");
        for secret in secrets {
            let parts = Seen {
                rule: first(secret, &["Title", "RuleID"]),
                // The rest of the line stands in it, covered as the value is.
                values: values(Some(text(secret, "Match")).filter(|line| !line.contains("**"))),
                found_at: place(Some(name), text(target, "Target"), line(secret, "StartLine"), ""),
                since: since(text(document, "CreatedAt"), SinceWhat::Scanned),
            };
            entry.findings.push(parts.finding(&FORMAT));
        }
    }
}
