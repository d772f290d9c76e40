//! What the Azure crates report becomes a failure in the house's words: what, why, and what to do.

use super::carried::{carried, root_cause};
use super::identity::Identity;
use super::service_error::{ServiceError, in_short};
use super::unavailable::{Unavailable, again, retry_after};
use crate::failure::{FailedOutcome, Failure, Retry};
use crate::told::told;
use crate::vault::belongs_to_certificate;
use azure_core::error::ErrorKind;
use std::time::Duration;

/// What was asked of a vault.
#[derive(Clone, Copy, Debug)]
pub struct VaultRequest<'a> {
    /// `set secrets`, for `stanch may not set secrets in …`.
    pub doing: &'a str,
    /// The operation's name in the documentation: `Set Secret`.
    pub operation: &'a str,
    /// The vault's short name.
    pub vault: &'a str,
    pub secret: &'a str,
    /// Who asked.
    pub identity: &'a Identity,
    /// Whether the request changes something.
    pub writes: bool,
}

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct ServiceRefusal {
    pub(super) status: u16,
    /// The inner code where there is one: the outer one is generic.
    pub(super) code: Option<String>,
    /// The first line of what it says.
    message: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// The address that the service saw the request come from, where it says so.
    address: Option<String>,
}

impl ServiceRefusal {
    /// Reads the answer, if the error is one.
    pub(super) fn of(error: &azure_core::Error) -> Option<Self> {
        let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else { return None };
        let raw = raw_response.as_deref();
        let said = raw.and_then(|raw| ServiceError::read(raw.body().as_ref()));
        let code = match &said {
            Some(said) => said.precise_code(),
            None => error_code.as_deref(),
        };
        Some(Self {
            status: u16::from(*status),
            code: code.map(told),
            message: said.as_ref().and_then(ServiceError::first_line).map(str::to_owned),
            retry_after: raw.and_then(|raw| retry_after(raw.headers())),
            address: said.as_ref().and_then(|said| said.address("Client address: ")),
        })
    }

    /// Whether it has this code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The answer in short: `403 ForbiddenByRbac`.
    pub(super) fn in_short(&self) -> String {
        in_short(self.status, self.code.as_deref())
    }
}

/// What a failed request is called, and what is known of the world after it.
pub fn failed(asked: VaultRequest<'_>, error: &azure_core::Error) -> Failure {
    if let Some(failure) = carried(error) {
        return failure.clone();
    }
    if let Some(refusal) = ServiceRefusal::of(error) {
        return refused(asked, &refusal);
    }
    let vault = asked.vault;
    let why = root_cause(error);
    match error.kind() {
        ErrorKind::Connection => Failure::refused(format!("the vault `{vault}` cannot be reached"))
            .because(why)
            .help("check the vault's name and the network: a vault behind a private endpoint is reached from its network only")
            .retry(Retry::Later),
        ErrorKind::Credential => Failure::refused("no identity to sign in with").because(why),
        ErrorKind::Io => {
            let failure = Failure::unknown(format!("the vault `{vault}` did not answer to {}", asked.operation)).because(why);
            if asked.writes { failure } else { Failure { outcome: FailedOutcome::Refused, ..failure } }
        }
        _ => Failure::refused(format!("{} in `{vault}` failed", asked.operation)).because(why),
    }
}

fn refused(asked: VaultRequest<'_>, refusal: &ServiceRefusal) -> Failure {
    let VaultRequest { doing, operation, vault, secret, .. } = asked;
    let who = match refusal.status {
        401 | 403 => asked.identity.principal().map(|who| format!(" for {who}")).unwrap_or_default(),
        _ => String::new(),
    };
    let answered = format!("the vault answered {} to {operation}{who}", refusal.in_short());
    // The service's words about a 403 repeat the code, with ids and addresses that nobody needs in a report.
    let short = |summary: String| Failure::refused(summary).because(&answered);
    let told = |summary: String| {
        let failure = Failure::refused(summary).because(&answered);
        match &refusal.message {
            Some(line) => failure.because(line),
            None => failure,
        }
    };
    match Unavailable::of(refusal.status) {
        Some(Unavailable::Throttling) => {
            return told(format!("`{vault}` is throttling")).retry(again(refusal.retry_after));
        }
        Some(Unavailable::Failing) => {
            let failure = told(format!("`{vault}` is unavailable ({})", refusal.status));
            let outcome = if asked.writes { FailedOutcome::Unknown } else { FailedOutcome::Refused };
            return Failure { outcome, retry: again(refusal.retry_after), ..failure };
        }
        None => {}
    }
    match (refusal.status, refusal.code.as_deref().unwrap_or_default()) {
        (403, "SecretDisabled") => short(format!("`{secret}` in `{vault}` is disabled")),
        (403, "SecretManagedByKeyVault") => belongs_to_certificate(secret, vault).because(&answered),
        (403, "ForbiddenByFirewall") => {
            let address = refusal.address.as_deref().unwrap_or("ADDRESS");
            short(format!("the network of `{vault}` does not let stanch in")).help(format!(
                "run stanch from a network that the vault's firewall allows, or have this address allowed: `az keyvault network-rule add --name {vault} --ip-address {address}`"
            ))
        }
        (403, "ForbiddenByConnection") => {
            short(format!("the network of `{vault}` does not let stanch in")).help(
                "the vault answers through its private endpoint only: run stanch in the virtual network of the private endpoint, where the vault's name resolves to a private address; a rule of the firewall does not help",
            )
        }
        (403, "AccessDenied" | "ForbiddenByPolicy") => short(format!("stanch may not {doing} in `{vault}`"))
            .help("the vault uses access policies: add get, list and set on secrets for this identity"),
        (403, "ForbiddenByRbac") => short(format!("stanch may not {doing} in `{vault}`")).help(
            "activate the role `Key Vault Secrets Officer` on the vault (a new assignment takes some minutes), then try again",
        ),
        (403, _) => told(format!("stanch may not {doing} in `{vault}`"))
            .help("check the roles or access policies of this identity on the vault"),
        (401, _) => told(format!("`{vault}` does not accept the token")).help("the identity may belong to another tenant than the vault"),
        (404, _) => told(format!("there is no secret `{secret}` in `{vault}`")).help(format!(
            "check the URL; if it was deleted lately, `az keyvault secret recover --vault-name {vault} --name {secret}` brings it back"
        )),
        (409, "ObjectIsDeletedButRecoverable") => told(format!("`{secret}` is soft-deleted in `{vault}`"))
            .help(format!("recover it with `az keyvault secret recover --vault-name {vault} --name {secret}`")),
        (409, "ObjectIsBeingDeleted") => told(format!("somebody is deleting `{secret}` in `{vault}`"))
            .help(format!("once it is deleted, `az keyvault secret recover --vault-name {vault} --name {secret}` brings it back"))
            .retry(Retry::Later),
        (409, "ObjectIsBeingRecovered") => told(format!("`{secret}` in `{vault}` is just being recovered"))
            .help("it can be written in a minute or so")
            .retry(Retry::Later),
        (409, _) => told(format!("`{vault}` is busy with `{secret}`")).retry(Retry::Later),
        _ => told(format!("{operation} of `{secret}` in `{vault}` was refused")),
    }
}
