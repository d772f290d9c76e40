//! A caller listed secrets or versions and then read several: an application knows the names of its secrets, somebody
//! who looks around does not.

use super::deeds::{SECRETS_STORE, by_address, distinct_secrets, finding, reads_of};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use crate::audit::groups::Key;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for oid in facts.unknown {
        let is_listing = |key: &Key| key.succeeded() && matches!(&*key.operation, "SecretList" | "SecretListVersions");
        let listings: Vec<Deed<'_>> = facts.deeds_of(oid).filter(|(key, _)| is_listing(key)).collect();
        let Some(listed) = listings.iter().map(|(_, group)| group.first.at).min() else {
            continue;
        };
        let (name, reads) = reads_of(facts, oid, Some(listed));
        let secrets = distinct_secrets(&reads);
        // Where nobody is known, an application that reads some secrets and lists them now and then is ordinary.
        let expected = facts.question.has_reference() || reads.iter().any(|(_, group)| group.first.at > listed);
        if secrets >= facts.question.thresholds.enumerated_secrets && expected {
            let kind = facts.kind_of(oid);
            let summary = format!("{kind} `{name}` listed what the vault holds and then read {secrets} secrets");
            let mut evidence = by_address(facts, &listings);
            evidence.extend(by_address(facts, &reads));
            let techniques = &["T1526 Cloud Service Discovery", SECRETS_STORE];
            findings.push(finding("enumeration", Severity::High, summary, evidence, techniques));
        }
    }
    findings
}
