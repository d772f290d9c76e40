//! Denials by control: which operations a vault refuses to whom, and for which reason.
//!
//! A vault without rules lets everybody do everything who has a token.

use serde::{Deserialize, Serialize};

/// Why Azure says no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DenialReason {
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
pub(crate) struct AccessRules {
    pub(crate) deny: Vec<Denial>,
    #[serde(default)]
    pub(crate) kind: DenialReason,
}

impl AccessRules {
    /// The reason for which an operation is denied (by the audit trail's name) to a caller (by the object id).
    pub(crate) fn denies(&self, operation: &str, oid: &str) -> Option<DenialReason> {
        let fits = |denial: &Denial| {
            denial.operation.as_deref().is_none_or(|denied| denied == operation)
                && denial.oid.as_deref().is_none_or(|denied| denied.eq_ignore_ascii_case(oid))
        };
        self.deny.iter().any(fits).then_some(self.kind)
    }
}
