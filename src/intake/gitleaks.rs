//! gitleaks, `--report-format json`: a list of findings, whose members begin with capitals.

use super::finding::ScanFinding;
use super::parts::{not_stated, place, text, values, written};
use serde_json::Value;

/// The findings, if it is such a report.
pub(super) fn findings(document: &Value) -> Option<Vec<ScanFinding>> {
    let list = document.as_array()?;
    let fits = |entry: &Value| entry.get("RuleID").is_some() && entry.get("Secret").is_some();
    list.iter().all(fits).then(|| list.iter().map(finding).collect())
}

fn finding(entry: &Value) -> ScanFinding {
    let line = entry.get("StartLine").and_then(Value::as_u64);
    let link = text(entry, "Link");
    let found_at = match link.starts_with("https://") {
        true => link.to_owned(),
        false => place(None, text(entry, "File"), line, text(entry, "Commit")).unwrap_or_else(not_stated),
    };
    ScanFinding {
        rule: text(entry, "RuleID").to_owned(),
        values: values(&[text(entry, "Secret")]),
        found_at,
        since: written(text(entry, "Date")),
    }
}
