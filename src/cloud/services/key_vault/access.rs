//! How a vault words that it does not let somebody in.

use super::operation::Operation;
use super::refusal::Refusal;
use crate::cloud::world::access::DenialReason;
use crate::cloud::world::identity::Principal;

/// Who asks for what, where.
#[derive(Debug)]
pub(crate) struct AccessRequest<'a> {
    pub(crate) vault: &'a str,
    pub(crate) region: &'a str,
    pub(crate) resource_id: &'a str,
    pub(crate) principal: &'a Principal,
    pub(crate) client_address: &'a str,
    pub(crate) operation: &'a Operation,
}

/// The refusal, by its reason.
pub(crate) fn refuse(reason: DenialReason, request: &AccessRequest<'_>) -> Refusal {
    let caller = request.principal.caller();
    let vault = format!("{};location={}", request.vault, request.region);
    match reason {
        DenialReason::ForbiddenByRbac => {
            let object = request.operation.name().map(|name| format!("/secrets/{name}")).unwrap_or_default();
            let lines = [
                "Caller is not authorized to perform action on resource.".to_owned(),
                "If role assignments, deny assignments or role definitions were changed recently, please observe \
                 propagation time."
                    .to_owned(),
                format!("Caller: {caller}"),
                format!("Action: 'Microsoft.KeyVault/vaults/secrets/{}'", request.operation.data_action()),
                format!("Resource: '{}{object}'", request.resource_id.to_ascii_lowercase()),
                "Assignment: (not found)".to_owned(),
                "DenyAssignmentId: null".to_owned(),
                "DecisionReason: 'DeniedWithNoValidRBAC' ".to_owned(),
                format!("Vault: {vault}"),
                String::new(),
            ];
            Refusal::new(403, "Forbidden", lines.join("\r\n")).inner("ForbiddenByRbac")
        }
        DenialReason::ForbiddenByFirewall => {
            let message = format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: {}\r\n\
                 Caller: {caller}\r\nVault: {vault}",
                request.client_address
            );
            Refusal::new(403, "Forbidden", message).inner("ForbiddenByFirewall")
        }
        DenialReason::ForbiddenByConnection => {
            let message = format!(
                "Public network access is disabled and request is not from a trusted service nor via an approved \
                 private link.\r\nCaller: {caller}\r\nVault: {vault}"
            );
            Refusal::new(403, "Forbidden", message).inner("ForbiddenByConnection")
        }
        DenialReason::AccessDenied => {
            let message = format!(
                "The user, group or application '{caller}' does not have secrets {} permission on key vault \
                 '{vault}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
                request.operation.policy_permission()
            );
            Refusal::new(403, "Forbidden", message).inner("AccessDenied")
        }
    }
}
