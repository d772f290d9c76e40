//! Records that may be about the secret and could not be read: whoever wants to hide in a log damages it.

use super::deeds::finding;
use super::facts::Facts;
use crate::audit::findings::{Evidence, Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let (records, files) = (facts.unreadable, facts.coverage.unread_files);
    let parts = [
        (records > 0).then(|| format!("records that may be about the secret could not be read: {records}")),
        (files > 0).then(|| format!("files that may be about the secret were not read: {files}")),
    ];
    let Some(summary) = parts.into_iter().flatten().reduce(|one, other| format!("{one}; {other}")) else {
        return Vec::new();
    };
    let note = |shown: &crate::audit::coverage::UnreadableSample| Evidence {
        count: 1,
        note: shown.to_string(),
        ..Evidence::default()
    };
    let evidence = facts.coverage.unreadable.iter().map(note).collect();
    vec![finding("unreadable-evidence", Severity::Medium, summary, evidence, &["T1565.001 Stored Data Manipulation"])]
}
