//! SARIF 2.1.0, as gitleaks and others write it: what leaked is the snippet of a result's region.

use super::finding::ScanFinding;
use super::parts::{not_stated, place, text, values, written};
use serde_json::Value;

/// The findings, if it is such a log.
pub(super) fn findings(document: &Value) -> Option<Vec<ScanFinding>> {
    let runs = document.get("runs")?.as_array()?;
    if !text(document, "version").starts_with("2.1") {
        return None;
    }
    Some(runs.iter().flat_map(results).collect())
}

fn results(run: &Value) -> Vec<ScanFinding> {
    let list = run.get("results").and_then(Value::as_array);
    list.into_iter().flatten().map(|result| finding(run, result)).collect()
}

fn finding(run: &Value, result: &Value) -> ScanFinding {
    let at = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let location = "/locations/0/physicalLocation";
    let line = result.pointer(&format!("{location}/region/startLine")).and_then(Value::as_u64);
    let repository = run.pointer("/versionControlProvenance/0/repositoryUri").and_then(Value::as_str);
    let rule = match text(result, "ruleId") {
        "" => at("/rule/id"),
        rule => rule,
    };
    ScanFinding {
        rule: rule.to_owned(),
        values: values(&[at(&format!("{location}/region/snippet/text"))]),
        found_at: place(
            repository,
            at(&format!("{location}/artifactLocation/uri")),
            line,
            at("/partialFingerprints/commitSha"),
        )
        .unwrap_or_else(not_stated),
        since: written(at("/partialFingerprints/date")),
    }
}
