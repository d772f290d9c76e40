//! The rules: each looks at the facts and gives its findings. One file each, with its reasoning.
//!
//! They follow what is publicly known to work for Key Vault, and add what a leak of one secret makes suspicious.
//! Statuses decide, not the log's result type: that says "Success" of refusals too. Ordinary traffic must stay quiet: a
//! rule that cries every night is a rule nobody reads.

mod beyond_secrets;
mod burst;
mod changed_by_others;
mod deeds;
mod denied_then_success;
mod enumeration;
mod facts;
mod leaked_version;
mod mass_retrieval;
mod new_origin;
mod no_evidence;
mod re_enabled;
mod read_after_revocation;
mod sensitive_operation;
mod tool_user_agent;
mod unattributed_access;
mod unknown_reader;
mod unreadable_evidence;
mod vault_changed;

use super::findings::Finding;
pub(super) use facts::Facts;
pub(super) use new_origin::present_name;

type Rule = fn(&Facts<'_>) -> Vec<Finding>;

/// All rules, in the order their findings of one severity appear.
const RULES: [Rule; 17] = [
    no_evidence::rule,
    leaked_version::rule,
    unknown_reader::rule,
    read_after_revocation::rule,
    re_enabled::rule,
    sensitive_operation::rule,
    vault_changed::rule,
    mass_retrieval::rule,
    enumeration::rule,
    burst::rule,
    denied_then_success::rule,
    new_origin::rule,
    changed_by_others::rule,
    unreadable_evidence::rule,
    unattributed_access::rule,
    beyond_secrets::rule,
    tool_user_agent::rule,
];

/// All findings, the gravest first.
pub(super) fn find(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(facts)).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
