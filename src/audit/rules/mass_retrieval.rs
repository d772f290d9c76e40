//! A caller nobody vouches for read more different secrets than anyone needs. The threshold (25 a caller) is the one that
//! Microsoft's own detection for Key Vault uses.

use super::deeds::{SECRETS_STORE, by_address, distinct_secrets, finding, reads_of};
use super::facts::Facts;
use crate::audit::findings::{Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for oid in facts.unknown {
        let (name, reads) = reads_of(facts, oid, None);
        let secrets = distinct_secrets(&reads);
        if secrets > facts.question.thresholds.mass_secrets {
            let kind = facts.kind_of(oid);
            let summary = format!("{kind} `{name}` read {secrets} different secrets");
            findings.push(finding(
                "mass-retrieval",
                Severity::High,
                summary,
                by_address(facts, &reads),
                &[SECRETS_STORE],
            ));
        }
    }
    findings
}
