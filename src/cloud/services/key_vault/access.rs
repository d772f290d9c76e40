//! Denials by control: which operations a vault refuses to whom, in the words of each of Azure's gates.
//!
//! A vault without rules lets everybody do everything who has a token.

use super::operation::Operation;
use super::refusal::Refusal;
use crate::cloud::world::identity::Principal;
use serde::{Deserialize, Serialize};

/// Which gate says no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// No role assignment.
    #[default]
    ForbiddenByRbac,
    /// The client's address is not allowed.
    ForbiddenByFirewall,
    /// Public access is off.
    ForbiddenByConnection,
    /// No access policy.
    AccessDenied,
}

/// One denial: both parts must fit, an absent part fits everything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Denial {
    /// By the audit trail's name: `SecretGet`.
    pub(crate) operation: Option<String>,
    /// By the caller's object id.
    pub(crate) oid: Option<String>,
}

/// All denials of a vault.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    pub(crate) deny: Vec<Denial>,
    #[serde(default)]
    pub(crate) kind: Kind,
}

/// Who asks for what, where.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) vault: &'a str,
    pub(crate) region: &'a str,
    pub(crate) resource_id: &'a str,
    pub(crate) principal: &'a Principal,
    pub(crate) client_address: &'a str,
    pub(crate) operation: &'a Operation,
}

impl Rules {
    /// The refusal, if a rule fits.
    pub(crate) fn check(&self, question: &Question<'_>) -> Result<(), Refusal> {
        let fits = |denial: &Denial| {
            denial.operation.as_deref().is_none_or(|operation| operation == question.operation.audit_name())
                && denial.oid.as_deref().is_none_or(|oid| oid.eq_ignore_ascii_case(&question.principal.oid))
        };
        if self.deny.iter().any(fits) { Err(refuse(self.kind, question)) } else { Ok(()) }
    }
}

fn refuse(kind: Kind, question: &Question<'_>) -> Refusal {
    let caller = question.principal.caller();
    let vault = format!("{};location={}", question.vault, question.region);
    match kind {
        Kind::ForbiddenByRbac => {
            let object = question.operation.name().map(|name| format!("/secrets/{name}")).unwrap_or_default();
            let lines = [
                "Caller is not authorized to perform action on resource.".to_owned(),
                "If role assignments, deny assignments or role definitions were changed recently, please observe \
                 propagation time."
                    .to_owned(),
                format!("Caller: {caller}"),
                format!("Action: 'Microsoft.KeyVault/vaults/secrets/{}'", question.operation.data_action()),
                format!("Resource: '{}{object}'", question.resource_id.to_ascii_lowercase()),
                "Assignment: (not found)".to_owned(),
                "DenyAssignmentId: null".to_owned(),
                "DecisionReason: 'DeniedWithNoValidRBAC' ".to_owned(),
                format!("Vault: {vault}"),
                String::new(),
            ];
            Refusal::new(403, "Forbidden", lines.join("\r\n")).inner("ForbiddenByRbac")
        }
        Kind::ForbiddenByFirewall => {
            let message = format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: {}\r\n\
                 Caller: {caller}\r\nVault: {vault}",
                question.client_address
            );
            Refusal::new(403, "Forbidden", message).inner("ForbiddenByFirewall")
        }
        Kind::ForbiddenByConnection => {
            let message = format!(
                "Public network access is disabled and request is not from a trusted service nor via an approved \
                 private link.\r\nCaller: {caller}\r\nVault: {vault}"
            );
            Refusal::new(403, "Forbidden", message).inner("ForbiddenByConnection")
        }
        Kind::AccessDenied => {
            let message = format!(
                "The user, group or application '{caller}' does not have secrets {} permission on key vault \
                 '{vault}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
                question.operation.policy_permission()
            );
            Refusal::new(403, "Forbidden", message).inner("AccessDenied")
        }
    }
}
