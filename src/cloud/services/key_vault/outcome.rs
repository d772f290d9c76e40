//! What became of a call to a vault: what is answered and audited.

use super::refusal::Refusal;
use super::secrets::Completed;
use crate::cloud::world::identity::Principal;

/// What became of a call.
pub(crate) struct Outcome {
    pub(crate) operation_name: &'static str,
    /// The object that was asked for, for the audit trail.
    pub(crate) asked: String,
    pub(crate) principal: Option<Principal>,
    /// Whose address the vault sees.
    pub(crate) client: String,
    /// Authorisation was passed.
    pub(crate) authorised: bool,
    pub(crate) result: Result<Completed, Refusal>,
}
