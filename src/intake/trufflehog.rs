//! TruffleHog version 3, `--json`: one object a line, between lines of its log.

use super::finding::ScanFinding;
use super::parts::{not_stated, place, text, values, written};
use serde_json::Value;

/// The findings, if there is one among the documents, or if all of them are the scanner's own log.
pub(super) fn findings(documents: &[Value]) -> Option<Vec<ScanFinding>> {
    let inside = |document: &'_ Value| document.as_array().cloned();
    let list: Vec<Value> = match documents {
        [only] => inside(only).unwrap_or_else(|| vec![only.clone()]),
        many => many.to_vec(),
    };
    let is_finding = |entry: &&Value| entry.get("DetectorName").is_some() && entry.get("SourceMetadata").is_some();
    let is_log = |entry: &Value| entry.get("level").is_some() && entry.get("msg").is_some();
    let findings: Vec<ScanFinding> = list.iter().filter(is_finding).map(finding).collect();
    (!findings.is_empty() || (!list.is_empty() && list.iter().all(is_log))).then_some(findings)
}

fn finding(entry: &Value) -> ScanFinding {
    let rule = match entry.get("Verified").and_then(Value::as_bool) {
        Some(true) => format!("{}, verified by the scanner", text(entry, "DetectorName")),
        _ => text(entry, "DetectorName").to_owned(),
    };
    // The member is called after the kind of source: `Git`, `Github`, `Filesystem`, `Slack`.
    let data = entry.pointer("/SourceMetadata/Data").and_then(Value::as_object);
    let nowhere = Value::Null;
    let source = data.and_then(|data| data.values().next()).unwrap_or(&nowhere);
    let first = |names: &[&str]| names.iter().map(|name| text(source, name)).find(|text| !text.is_empty());
    let link = text(source, "link");
    let line = source.get("line").and_then(Value::as_u64);
    let found_at = match link.starts_with("https://") {
        true => link.to_owned(),
        false => place(
            first(&["repository", "bucket", "channel_name", "location", "project", "image"]),
            first(&["file", "path", "filename", "layer"]).unwrap_or_default(),
            line,
            text(source, "commit"),
        )
        .unwrap_or_else(not_stated),
    };
    ScanFinding {
        rule,
        // The second holds both halves of a credential that has two.
        values: values(&[text(entry, "Raw"), text(entry, "RawV2")]),
        found_at,
        since: written(text(source, "timestamp")),
    }
}
