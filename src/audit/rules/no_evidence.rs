//! A log without entries shows nothing, not that nothing happened: diagnostics may never have been switched on.

use super::deeds::finding;
use super::facts::Facts;
use crate::audit::findings::{Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.coverage.horizon.is_some() {
        return Vec::new();
    }
    let summary = format!(
        "the log has no entry of the vault `{}` in this window: this is no evidence, not no access",
        facts.question.vault.name
    );
    vec![finding("no-evidence", Severity::High, summary, Vec::new(), &["T1562.008 Disable or Modify Cloud Logs"])]
}
