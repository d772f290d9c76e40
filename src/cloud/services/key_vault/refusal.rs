//! What Key Vault answers when it says no: status, code, inner code and message, word for word.
//!
//! Main type: [`Refusal`]. The outer code is generic; clients must decide on the inner one.

use serde_json::{Map, Value, json};

/// A refused request.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) inner: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner: None }
    }

    pub(crate) fn inner(mut self, inner: &'static str) -> Self {
        self.inner = Some(inner);
        self
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = Map::new();
        error.insert("code".into(), self.code.into());
        error.insert("message".into(), self.message.clone().into());
        if let Some(inner) = self.inner {
            error.insert("innererror".into(), json!({ "code": inner }));
        }
        json!({ "error": error })
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", message)
    }

    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", message)
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        Self::new(405, "MethodNotAllowed", format!("HTTP {method} not allowed"))
    }

    pub(crate) fn not_found(name: &str) -> Self {
        let message = format!(
            "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you \
             may be able to recover it using the correct recovery command. For help resolving this issue, please see \
             https://go.microsoft.com/fwlink/?linkid=2125182"
        );
        Self::new(404, "SecretNotFound", message)
    }

    pub(crate) fn deleted_not_found(name: &str) -> Self {
        Self::new(404, "SecretNotFound", format!("Deleted Secret not found: {name}"))
    }

    pub(crate) fn disabled() -> Self {
        Self::new(403, "Forbidden", "Operation get is not allowed on a disabled secret.").inner("SecretDisabled")
    }

    pub(crate) fn purge_protected() -> Self {
        let message = "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault \
                       service will automatically purge it after the retention period has passed.";
        Self::new(403, "Forbidden", message).inner("ForbiddenByPolicy")
    }

    pub(crate) fn managed_by_certificate(operation: &str) -> Self {
        let message = format!(
            "Operation \"{operation}\" is not allowed on this secret, since it is associated with a certificate. \
             Perform the operation on the corresponding certificate. For more information refer to \
             https://docs.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates"
        );
        Self::new(403, "Forbidden", message).inner("SecretManagedByKeyVault")
    }

    pub(crate) fn deleted_but_recoverable(name: &str) -> Self {
        let message = format!(
            "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this \
             state, the secret can only be recovered or purged."
        );
        Self::new(409, "Conflict", message).inner("ObjectIsDeletedButRecoverable")
    }

    pub(crate) fn being_deleted(name: &str) -> Self {
        let message = format!("Secret {name} is currently being deleted and cannot be re-created; retry later.");
        Self::new(409, "Conflict", message).inner("ObjectIsBeingDeleted")
    }

    pub(crate) fn being_recovered(name: &str) -> Self {
        let message = format!("Secret {name} is currently being recovered and cannot be re-created; retry later.");
        Self::new(409, "Conflict", message).inner("ObjectIsBeingRecovered")
    }

    pub(crate) fn restore_conflict(id: &str) -> Self {
        let message = format!(
            "There was a conflict restoring the secret '{id}'. This can happen if either: a secret of this name \
             exists in the vault, or one is in a deleted state and has not been purged yet."
        );
        Self::new(409, "Conflict", message)
    }

    pub(crate) fn malformed_backup() -> Self {
        Self::new(400, "Malformed backup blob", "Backup blob contains invalid or corrupt version.")
    }

    pub(crate) fn throttled() -> Self {
        let message =
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached";
        Self::new(429, "Throttled", message)
    }

    /// What the control asked for, in the service's words.
    pub(crate) fn planned(status: u16) -> Self {
        match status {
            429 => Self::throttled(),
            503 => Self::new(503, "ServiceUnavailable", "The service is temporarily unavailable. Please retry."),
            500 => Self::new(500, "InternalServerError", "The server encountered an internal error."),
            502 => Self::new(502, "BadGateway", "The gateway got no good answer."),
            504 => Self::new(504, "GatewayTimeout", "The gateway got no answer in time."),
            408 => Self::new(408, "RequestTimeout", "The request was not received in time."),
            401 => Self::unauthorized("AKV10000: Request is missing a Bearer or PoP token."),
            403 => Self::new(403, "Forbidden", "The request is not allowed."),
            404 => Self::new(404, "NotFound", "There is nothing here."),
            409 => Self::new(409, "Conflict", "The request conflicts with another one."),
            _ => Self::new(status, "PlannedFault", "This answer was asked for by the control."),
        }
    }
}
