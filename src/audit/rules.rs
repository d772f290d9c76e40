//! The rules: each looks at the facts and gives its findings.
//!
//! They follow what is publicly known to work for Key Vault (mass retrieval beyond 25 secrets, any delete, purge or
//! backup), and add what a leak of one secret makes suspicious. Statuses decide, not the log's result type: that says
//! "Success" of refusals too.

use super::findings::{Evidence, Facts, Finding, Severity, evidence, name_of};
use super::groups::{Group, Groups, Key};
use crate::clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

type Rule = fn(&Facts<'_>) -> Vec<Finding>;
type Deed<'a> = (&'a Key, &'a Group);

/// All rules, in the order their findings of one severity appear.
pub(crate) const RULES: [Rule; 12] = [
    no_evidence,
    unknown_reader,
    sensitive_operation,
    mass_retrieval,
    enumeration,
    denied_then_success,
    read_after_revocation,
    changed_by_others,
    unreadable_evidence,
    unattributed_access,
    beyond_secrets,
    tool_user_agent,
];

/// More distinct secrets than this read by one caller is a mass retrieval.
const MASS_SECRETS: usize = 25;
/// So many distinct secrets read after a listing is an enumeration.
const ENUMERATED_SECRETS: usize = 5;
/// So many refusals within [`BURST_MINUTES`] are a burst.
const BURST_DENIALS: u64 = 5;
const BURST_MINUTES: i64 = 10;
/// A success so long after a burst belongs to it.
const AFTER_BURST_MINUTES: i64 = 60;
/// Beginnings of the user agents of tools that people drive by hand, or scripts do without Azure's libraries.
const TOOLS: [&str; 8] =
    ["curl", "wget", "python-requests", "powershell", "httpie", "postman", "go-http-client", "python-urllib"];

fn finding(rule: &str, severity: Severity, summary: String, evidence: Vec<Evidence>) -> Finding {
    Finding { rule: rule.into(), severity, summary, evidence }
}

fn evidence_of(deeds: &[Deed<'_>]) -> Vec<Evidence> {
    deeds.iter().map(|deed| evidence(*deed)).collect()
}

fn total(deeds: &[Deed<'_>]) -> u64 {
    deeds.iter().map(|(_, group)| group.count).sum()
}

/// Deeds by their caller, with the caller's name; those without an object id are left out.
fn by_caller<'a>(deeds: impl Iterator<Item = Deed<'a>>) -> BTreeMap<&'a str, (&'a str, Vec<Deed<'a>>)> {
    let mut callers: BTreeMap<&str, (&str, Vec<Deed<'_>>)> = BTreeMap::new();
    for (key, group) in deeds.filter(|(key, _)| !key.oid.is_empty()) {
        callers.entry(&key.oid).or_insert_with(|| (name_of(key, group), Vec::new())).1.push((key, group));
    }
    callers
}

/// A log without entries shows nothing, not that nothing happened.
fn no_evidence(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.coverage.events > 0 {
        return Vec::new();
    }
    let summary = format!(
        "the archive has no entry of the vault `{}` in this window: this is no evidence, not no access",
        facts.question.vault
    );
    vec![finding("no-evidence", Severity::High, summary, Vec::new())]
}

/// Records that may be about the secret and could not be read.
fn unreadable_evidence(facts: &Facts<'_>) -> Vec<Finding> {
    let count = facts.seen.unreadable_relevant;
    if count == 0 {
        return Vec::new();
    }
    let note = |shown: &super::coverage::Unreadable| Evidence {
        count: 1,
        note: format!("{}, record {}: {}", shown.source, shown.position, shown.why),
        ..Evidence::default()
    };
    let summary = format!("records that may be about the secret could not be read: {count}");
    vec![finding("unreadable-evidence", Severity::Medium, summary, facts.seen.shown.iter().map(note).collect())]
}

/// A caller nobody expected read the value, or tried to.
fn unknown_reader(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().filter(|(key, _)| facts.unknown.contains(&key.oid));
    let mut findings = Vec::new();
    for (name, deeds) in by_caller(deeds).into_values() {
        let reads: Vec<Deed<'_>> =
            deeds.iter().copied().filter(|(key, _)| key.operation == "SecretGet" && key.succeeded()).collect();
        let versions: BTreeSet<&str> = reads.iter().map(|(key, _)| key.version.as_str()).collect();
        findings.push(if reads.is_empty() {
            let summary =
                format!("unknown caller `{name}` touched the secret {} without reading it", times(total(&deeds)));
            finding("unknown-caller", Severity::Medium, summary, evidence_of(&deeds))
        } else {
            let versions =
                if versions.len() == 1 { "1 version".into() } else { format!("{} versions", versions.len()) };
            let summary = format!("unknown caller `{name}` read {versions} of the secret, {}", times(total(&reads)));
            finding("unknown-reader", Severity::High, summary, evidence_of(&reads))
        });
    }
    findings
}

/// Backups, deletions and purges by others than us: of this secret, and of any by the unknown callers.
fn sensitive_operation(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().chain(facts.reach.iter());
    let deeds = deeds.filter(|(key, _)| is_sensitive(&key.operation));
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(deeds) {
        let operations: BTreeSet<&str> = deeds.iter().map(|(key, _)| key.operation.as_str()).collect();
        let succeeded = deeds.iter().any(|(key, _)| key.succeeded());
        let outcome = if succeeded { "carried out" } else { "was refused" };
        let severity = if succeeded { facts.severity_for(oid, Severity::Medium) } else { Severity::Medium };
        let operations = operations.into_iter().collect::<Vec<_>>().join(", ");
        let summary = format!("`{name}` {outcome} {operations}, {}", times(total(&deeds)));
        let evidence = deeds.iter().map(|deed| Evidence { note: about(deed), ..evidence(*deed) }).collect();
        findings.push(finding("sensitive-operation", severity, summary, evidence));
    }
    findings
}

fn is_sensitive(operation: &str) -> bool {
    ["Backup", "Purge", "Delete"].iter().any(|verb| operation.ends_with(verb))
}

fn about((key, _): &Deed<'_>) -> String {
    if key.secret.is_empty() { String::new() } else { format!("secret `{}`", key.secret) }
}

/// An unknown caller read more secrets than anyone needs.
fn mass_retrieval(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for oid in facts.unknown {
        let (name, reads) = reads_of(facts, oid, None);
        let secrets = distinct_secrets(&reads);
        if secrets > MASS_SECRETS {
            let summary = format!("unknown caller `{name}` read {secrets} different secrets of the vault");
            findings.push(finding("mass-retrieval", Severity::High, summary, by_address(&reads)));
        }
    }
    findings
}

/// An unknown caller listed secrets or versions and then read several.
fn enumeration(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for oid in facts.unknown {
        let is_listing = |key: &Key| key.succeeded() && matches!(&*key.operation, "SecretList" | "SecretListVersions");
        let listings: Vec<Deed<'_>> = facts.deeds_of(oid).filter(|(key, _)| is_listing(key)).collect();
        let Some(listed) = listings.iter().map(|(_, group)| group.first.at).min() else {
            continue;
        };
        let (name, reads) = reads_of(facts, oid, Some(listed));
        let secrets = distinct_secrets(&reads);
        if secrets >= ENUMERATED_SECRETS {
            let summary =
                format!("unknown caller `{name}` listed what the vault holds and then read {secrets} secrets");
            let mut evidence = by_address(&listings);
            evidence.extend(by_address(&reads));
            findings.push(finding("enumeration", Severity::High, summary, evidence));
        }
    }
    findings
}

/// The caller's name, and its successful reads of any secret, of which the last was at or after `since`.
fn reads_of<'a>(facts: &Facts<'a>, oid: &'a str, since: Option<Timestamp>) -> (&'a str, Vec<Deed<'a>>) {
    let is_read = |(key, group): &Deed<'_>| {
        key.operation == "SecretGet" && key.succeeded() && since.is_none_or(|since| group.last.at >= since)
    };
    let reads: Vec<Deed<'a>> = facts.deeds_of(oid).filter(is_read).collect();
    (reads.first().map_or(oid, |(key, group)| name_of(key, group)), reads)
}

fn distinct_secrets(reads: &[Deed<'_>]) -> usize {
    reads.iter().map(|(key, _)| key.secret.as_str()).collect::<BTreeSet<_>>().len()
}

/// Evidence drawn together over secrets and versions.
fn by_address(deeds: &[Deed<'_>]) -> Vec<Evidence> {
    let mut groups = Groups::default();
    for (key, group) in deeds {
        let key = Key { secret: String::new(), version: String::new(), ..(*key).clone() };
        groups.merge(Groups(BTreeMap::from([(key, (*group).clone())])));
    }
    groups.iter().map(evidence).collect()
}

/// A caller was refused many times in a row and then let in.
fn denied_then_success(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts.others()) {
        let is_denied = |group: &Group| group.statuses.keys().any(|status| matches!(status, 401 | 403));
        let (denied, rest): (Vec<Deed<'_>>, Vec<Deed<'_>>) = deeds.into_iter().partition(|(_, group)| is_denied(group));
        let succeeded: Vec<Deed<'_>> = rest.into_iter().filter(|(key, _)| key.succeeded()).collect();
        let last_denied = denied.iter().map(|(_, group)| group.last.at).max();
        let last_success = succeeded.iter().map(|(_, group)| group.last.at).max();
        let (denied_at, succeeded_at) = (minutes(&denied), minutes(&succeeded));
        let Some((denials, end)) = burst_before_success(&denied_at, &succeeded_at, last_success > last_denied) else {
            continue;
        };
        let after = |(_, group): &Deed<'_>| group.minutes.range(end..=end + AFTER_BURST_MINUTES).next().is_some();
        let mut deeds = denied;
        deeds.extend(succeeded.into_iter().filter(after));
        let summary =
            format!("`{name}` was refused {} within {BURST_MINUTES} minutes, and then succeeded", times(denials));
        let severity = facts.severity_for(oid, Severity::Low);
        findings.push(finding("denied-then-success", severity, summary, evidence_of(&deeds)));
    }
    findings
}

fn minutes(deeds: &[Deed<'_>]) -> BTreeMap<i64, u64> {
    let mut minutes = BTreeMap::new();
    for (minute, count) in deeds.iter().flat_map(|(_, group)| &group.minutes) {
        *minutes.entry(*minute).or_insert(0) += count;
    }
    minutes
}

/// The first burst of refusals with a success soon after: how many refusals, and its last minute. A success within that
/// minute counts if `success_is_last`: minutes alone do not tell which came first.
fn burst_before_success(
    denied: &BTreeMap<i64, u64>,
    succeeded: &BTreeMap<i64, u64>,
    success_is_last: bool,
) -> Option<(u64, i64)> {
    denied.keys().find_map(|end| {
        let denials = denied.range(end - BURST_MINUTES + 1..=*end).map(|(_, count)| count).sum();
        let from = if success_is_last { *end } else { end + 1 };
        let let_in = succeeded.range(from..=end + AFTER_BURST_MINUTES).next().is_some();
        (denials >= BURST_DENIALS && let_in).then_some((denials, *end))
    })
}

/// A version was asked for, and refused, after it was changed: as a revocation does. The log does not tell a disabled
/// version from any other refusal, nor a consumer that is still pinned to it from a thief.
fn read_after_revocation(facts: &Facts<'_>) -> Vec<Finding> {
    let mut changed: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (key, group) in facts.accesses.iter().filter(|(key, _)| key.operation == "SecretUpdate" && key.succeeded()) {
        let at = changed.entry(&key.version).or_insert(group.first.at);
        *at = group.first.at.min(*at);
    }
    let refused = facts.others().filter(|(key, group)| {
        let since = changed.get(key.version.as_str()).filter(|_| !key.version.is_empty());
        key.operation == "SecretGet"
            && group.statuses.contains_key(&403)
            && since.is_some_and(|since| group.last.at >= *since)
    });
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(refused) {
        let summary = format!("`{name}` still asked for a version after it was revoked, and was refused");
        let severity = facts.severity_for(oid, Severity::Medium);
        findings.push(finding("read-after-revocation", severity, summary, evidence_of(&deeds)));
    }
    findings
}

/// Someone else changed a version's attributes, which may enable it again, or an unknown caller set a new one.
fn changed_by_others(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().filter(|(key, _)| {
        let set_by_unknown = facts.unknown.contains(&key.oid)
            && matches!(&*key.operation, "SecretSet" | "SecretRestore" | "SecretRecover");
        key.succeeded() && (key.operation == "SecretUpdate" || set_by_unknown)
    });
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(deeds) {
        let summary = format!(
            "`{name}` changed the secret {}; a change may enable a revoked version again",
            times(total(&deeds))
        );
        let severity = facts.severity_for(oid, Severity::Medium);
        findings.push(finding("changed-by-others", severity, summary, evidence_of(&deeds)));
    }
    findings
}

/// Something succeeded, and the log does not say who did it.
fn unattributed_access(facts: &Facts<'_>) -> Vec<Finding> {
    let is_unattributed = |key: &Key| key.oid.is_empty() && key.succeeded() && !key.operation.ends_with("Notification");
    let deeds: Vec<Deed<'_>> = facts.others().filter(|(key, _)| is_unattributed(key)).collect();
    if deeds.is_empty() {
        return Vec::new();
    }
    let summary = format!("the secret was touched {} by callers without an object id", times(total(&deeds)));
    vec![finding("unattributed-access", Severity::Medium, summary, evidence_of(&deeds))]
}

/// An unknown caller used what is not a secret: keys, certificates, the vault itself.
fn beyond_secrets(facts: &Facts<'_>) -> Vec<Finding> {
    let is_beyond = |key: &Key| {
        key.secret.is_empty()
            && key.succeeded()
            && !key.operation.starts_with("Secret")
            && key.operation != "Authentication"
    };
    let mut findings = Vec::new();
    for (name, deeds) in by_caller(facts.reach.iter().filter(|(key, _)| is_beyond(key))).into_values() {
        let operations: BTreeSet<&str> = deeds.iter().map(|(key, _)| key.operation.as_str()).collect();
        let operations = operations.into_iter().collect::<Vec<_>>().join(", ");
        let summary =
            format!("unknown caller `{name}` did more than touch secrets: {operations}, {}", times(total(&deeds)));
        findings.push(finding("beyond-secrets", Severity::Medium, summary, evidence_of(&deeds)));
    }
    findings
}

/// The secret was read with a tool rather than by an application.
fn tool_user_agent(facts: &Facts<'_>) -> Vec<Finding> {
    let is_tool = |agent: &String| {
        let agent = agent.to_lowercase();
        TOOLS.iter().any(|tool| agent.contains(tool))
    };
    let deeds = facts.others().filter(|(key, group)| key.succeeded() && group.agents.keys().any(is_tool));
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(deeds) {
        let agents: BTreeSet<&str> = deeds
            .iter()
            .flat_map(|(_, group)| group.agents.keys())
            .filter(|agent| is_tool(agent))
            .map(String::as_str)
            .collect();
        let agents = agents.into_iter().collect::<Vec<_>>().join(", ");
        let summary = format!("`{name}` used `{agents}` on the secret");
        let severity = if facts.unknown.contains(oid) { Severity::Medium } else { Severity::Low };
        findings.push(finding("tool-user-agent", severity, summary, evidence_of(&deeds)));
    }
    findings
}

fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}
