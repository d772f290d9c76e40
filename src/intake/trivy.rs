//! Trivy, `--scanners secret --format json`: secrets of each target. It covers the values.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, at, first, line, list, place, text, values};
use super::times::since;
use crate::secret::Secret;
use serde_json::{Value, json};

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

pub(super) static FORMAT_OLD: Format = Format {
    name: "trivy-1",
    title: "a report of an old Trivy",
    shapes: "JSON list",
    told_by: "`Target` with `Vulnerabilities`, `Misconfigurations`, `Secrets` or `Type`",
    value: "none: Trivy covers it with asterisks",
    place: "target and line",
    time: "none",
    read: read_old,
};

pub(super) static FORMAT_OPERATOR: Format = Format {
    name: "trivy-operator",
    title: "reports of the Trivy operator",
    shapes: "JSON of kubectl: one, a list, `items`, or the reports by kind",
    told_by: "`kind: ExposedSecretReport`, or another of `aquasecurity.github.io`",
    value: "none: Trivy covers it with asterisks",
    place: "resource, image and target",
    time: "when the report was updated or created",
    read: read_operator,
};

/// Version 1 wrote a bare list of targets.
fn read_old(target: &Value) -> Option<Entry> {
    target.get("Target")?.as_str()?;
    let members = ["Vulnerabilities", "Misconfigurations", "Secrets", "Type", "Class"];
    members.iter().find(|name| target.get(**name).is_some())?;
    let mut entry = Entry::default();
    results(&Value::Null, &json!({ "Results": [target] }), "", &FORMAT_OLD, &mut entry);
    Some(entry)
}

/// What the operator keeps in a cluster.
fn read_operator(document: &Value) -> Option<Entry> {
    let is_own = |report: &Value| text(report, "apiVersion").starts_with("aquasecurity.github.io/");
    let by_kind = || {
        let lists = document.as_object()?.iter().filter(|(name, _)| name.ends_with("reports.aquasecurity.github.io"));
        let lists: Vec<&Value> = lists.map(|(_, list)| list).collect();
        (!lists.is_empty()).then(|| lists.into_iter().filter_map(Value::as_array).flatten().collect::<Vec<&Value>>())
    };
    let items = list(document, "items");
    let is_list = text(document, "kind") == "ExposedSecretReportList" || items.iter().any(is_own);
    let reports = match is_own(document) && !is_list {
        true => vec![document],
        false if is_list => items.iter().collect(),
        false => by_kind()?,
    };
    let mut entry = Entry::default();
    for report in reports {
        if !text(report, "kind").ends_with("ExposedSecretReport") {
            entry.others += 1;
            continue;
        }
        let Some(secrets) = report.pointer("/report/secrets").and_then(Value::as_array) else {
            entry.unread.push("a report of the operator holds no list of secrets".to_owned());
            continue;
        };
        let artifact = ["/metadata/namespace", "/metadata/name", "/report/artifact/repository"];
        let artifact = artifact.map(|pointer| at(report, pointer)).join(" ");
        let time = || since(at(report, "/report/updateTimestamp"), SinceWhat::Scanned);
        let since = time().or_else(|| since(at(report, "/metadata/creationTimestamp"), SinceWhat::Scanned));
        for secret in secrets {
            let parts = Seen {
                rule: first(secret, &["title", "ruleID"]),
                values: uncovered(text(secret, "match")),
                found_at: place(Some(artifact.trim()), text(secret, "target"), None, ""),
                since,
            };
            entry.findings.push(parts.finding(&FORMAT_OPERATOR));
        }
    }
    Some(entry)
}

/// The line of a match, unless something in it is covered: the rest of it is no value then.
fn uncovered(line: &str) -> Vec<Secret> {
    values(Some(line).filter(|line| !line.contains("**")))
}

fn read(document: &Value) -> Option<Entry> {
    let mut entry = Entry::default();
    // Of a cluster: a report for each of its resources.
    let older = ["Vulnerabilities", "Misconfigurations"];
    let resources = list(document, "Resources").iter().chain(older.iter().flat_map(|name| list(document, name)));
    if document.get("ClusterName").is_some() {
        for resource in resources {
            let name = ["Namespace", "Kind", "Name"].map(|name| text(resource, name)).join("/");
            results(document, resource, name.trim_start_matches('/'), &FORMAT, &mut entry);
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
    results(document, document, text(document, "ArtifactName"), &FORMAT, &mut entry);
    // Trivy leaves them out where it looked at nothing, as well as where it found nothing.
    if list(document, "Results").is_empty() {
        entry
            .unfinished
            .push("it holds no results: it does not tell whether the scanner looked for secrets".to_owned());
    }
    Some(entry)
}

fn results(document: &Value, of: &Value, name: &str, format: &'static Format, entry: &mut Entry) {
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
                values: uncovered(text(secret, "Match")),
                found_at: place(Some(name), text(target, "Target"), line(secret, "StartLine"), ""),
                since: since(text(document, "CreatedAt"), SinceWhat::Scanned),
            };
            entry.findings.push(parts.finding(format));
        }
    }
}
