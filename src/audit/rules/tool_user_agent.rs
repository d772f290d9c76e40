//! The secret was read with a tool rather than by an application. An application's identity calls through one of Azure's
//! libraries; `curl` or PowerShell in its name is somebody who holds its token. People do use tools: a known person's
//! tool is quiet.

use super::deeds::{CLOUD_ACCOUNTS, SECRETS_STORE, by_caller, finding, joined};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};

/// Beginnings of the user agents of tools that people drive by hand, or scripts do without Azure's libraries.
const TOOLS: [&str; 10] = [
    "curl",
    "wget",
    "python-requests",
    "powershell",
    "httpie",
    "postman",
    "go-http-client",
    "python-urllib",
    "insomnia",
    "mozilla",
];

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().filter(|deed| {
        let (key, group) = deed;
        let is_person = !group.upn.is_empty();
        let was_so_before = || {
            facts.before.iter().any(|(before, group)| before.caller == key.caller && group.agents.keys().any(is_tool))
        };
        key.succeeded()
            && group.agents.keys().any(is_tool)
            && (facts.is_stranger(&key.caller) || !is_person)
            && !was_so_before()
    });
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts, deeds) {
        let agents =
            |(_, group): &Deed<'_>| group.agents.keys().filter(|agent| is_tool(agent)).cloned().collect::<Vec<_>>();
        let agents: Vec<String> = deeds.iter().flat_map(agents).collect();
        let summary = format!("`{name}` used `{}` on the secret", joined(agents.iter().map(String::as_str)));
        let severity = if facts.unknown.contains(oid) { Severity::Medium } else { Severity::Low };
        let evidence = facts.evidence_of(&deeds);
        findings.push(finding("tool-user-agent", severity, summary, evidence, &[CLOUD_ACCOUNTS, SECRETS_STORE]));
    }
    findings
}

/// One that gives no version at the beginning of a known tool's name is still the tool.
#[expect(clippy::ptr_arg, reason = "it is given to iterators over strings")]
fn is_tool(agent: &String) -> bool {
    let agent = agent.to_lowercase();
    TOOLS.iter().any(|tool| agent.contains(tool))
}
