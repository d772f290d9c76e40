//! A known caller came by a way it never took in the baseline: another address and another kind of client for a person,
//! either of them for an application. A stolen token or certificate of a known identity looks like this.
//!
//! Clients are compared by their name without its version, and addresses by their network (/24, /48): updates and new
//! machines beside the old ones are ordinary. A caller that read too rarely before tells nothing.

use super::deeds::{CLOUD_ACCOUNTS, SECRETS_STORE, by_caller, finding, is_read, times, total};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use std::collections::BTreeSet;
use std::net::IpAddr;

const NAME: &str = "new-origin";
/// What it was called in earlier versions, whose answers later looks are compared with.
const FORMER: &str = "new-way-in";

/// A rule's name as it is now.
pub(in crate::audit) fn present_name(rule: &str) -> &str {
    if rule == FORMER { NAME } else { rule }
}

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let mut before = by_caller(facts, facts.before.iter().filter(|(key, _)| !key.is_own() && is_read(key)));
    let mut findings = Vec::new();
    for (oid, (name, reads)) in by_caller(facts, facts.others().filter(|(key, _)| is_read(key))) {
        let Some((_, ordinary)) = before.remove(oid) else { continue };
        if total(&ordinary) < facts.question.thresholds.baseline_reads {
            continue;
        }
        let networks: BTreeSet<String> = ordinary.iter().map(|(key, _)| network(&key.ip)).collect();
        let clients: BTreeSet<String> = ordinary.iter().flat_map(clients_of).collect();
        let is_new = |deed: &Deed<'_>| {
            let new_network = !networks.contains(&network(&deed.0.ip));
            let new_client = clients_of(deed).iter().any(|client| !clients.contains(client));
            let is_person = !deed.1.upn.is_empty();
            if is_person { new_network && new_client } else { new_network || new_client }
        };
        let new: Vec<Deed<'_>> = reads.into_iter().filter(is_new).collect();
        if new.is_empty() {
            continue;
        }
        let summary = format!(
            "known caller `{name}` read the secret {} by an address or client it had not used in the baseline",
            times(total(&new))
        );
        let evidence = facts.evidence_of(&new);
        findings.push(finding(NAME, Severity::Medium, summary, evidence, &[CLOUD_ACCOUNTS, SECRETS_STORE]));
    }
    findings
}

/// The kinds of client: the first word of the user agent without its version.
fn clients_of((_, group): &Deed<'_>) -> Vec<String> {
    let kind = |agent: &String| {
        let word = agent.split_whitespace().next().unwrap_or("");
        word.split('/').next().unwrap_or("").to_lowercase()
    };
    group.agents.keys().map(kind).collect()
}

fn network(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}")
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}")
        }
        Err(_) => ip.to_owned(),
    }
}
