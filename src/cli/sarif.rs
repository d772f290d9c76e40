//! Problems as SARIF 2.1.0, which editors and code review read.

use crate::runbook::{Diagnostic, Diagnostics};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One log with one run: every problem of every file.
pub(crate) fn log(all: &[Diagnostics]) -> Value {
    let rules: BTreeSet<&str> = all.iter().flat_map(|one| &one.found).map(|problem| problem.rule).collect();
    let rules: Vec<Value> = rules.into_iter().map(|rule| json!({ "id": rule })).collect();
    let results: Vec<Value> = all.iter().flat_map(|one| one.found.iter().map(|problem| result(one, problem))).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "stanch",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(of: &Diagnostics, problem: &Diagnostic) -> Value {
    let position = of.position(problem);
    let text = match &problem.help {
        Some(help) => format!("{}\nhelp: {help}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "ruleId": problem.rule,
        "level": if problem.warning { "warning" } else { "error" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(of.file(problem)) },
            "region": {
                "startLine": position.line,
                "startColumn": position.column,
                "endColumn": position.end_column.max(position.column + 1),
            },
        } }],
    })
}

/// A path as a relative reference: what is no unreserved character is escaped.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.split('/')
        .map(|part| percent_encoding::utf8_percent_encode(part, PART).to_string())
        .collect::<Vec<_>>()
        .join("/")
}

const PART: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
