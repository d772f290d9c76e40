//! Records that may be about the secret and could not be read: whoever wants to hide in a log damages it.

use super::deeds::finding;
use super::facts::Facts;
use crate::audit::findings::{Evidence, Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let count = facts.unreadable;
    if count == 0 {
        return Vec::new();
    }
    let note = |shown: &crate::audit::coverage::UnreadableSample| Evidence {
        count: 1,
        note: format!("{}, record {}: {}", shown.source, shown.record, shown.why),
        ..Evidence::default()
    };
    let summary = format!("records that may be about the secret could not be read: {count}");
    let evidence = facts.coverage.unreadable.iter().map(note).collect();
    vec![finding("unreadable-evidence", Severity::Medium, summary, evidence, &["T1565.001 Stored Data Manipulation"])]
}
