//! What the Azure crates report becomes a failure in the house's words: what, why, and what to do.

use super::carried::{carried, root_cause};
use super::identity::Identity;
use super::unavailable::retry_after;
use crate::failure::{FailedOutcome, Failure, Retry};
use azure_core::error::ErrorKind;
use serde::Deserialize;
use std::time::Duration;

/// What was asked of a vault.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// `set secrets`, for `stanch may not set secrets in …`.
    pub(super) doing: &'a str,
    /// The operation's name in the documentation: `Set Secret`.
    pub(super) operation: &'a str,
    /// The vault's short name.
    pub(super) vault: &'a str,
    pub(super) secret: &'a str,
    /// Who asked.
    pub(super) identity: &'a Identity,
    /// Whether the request changes something.
    pub(super) writes: bool,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(alias = "innerError")]
    innererror: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    #[serde(default)]
    code: String,
}

/// A vault's answer that is no success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The inner code where there is one: the outer one is generic.
    pub(super) code: String,
    message: String,
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads the answer, if the error is one.
    pub(super) fn of(error: &azure_core::Error) -> Option<Self> {
        let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else { return None };
        let raw = raw_response.as_deref();
        let body = raw.and_then(|raw| serde_json::from_slice::<ErrorBody>(raw.body().as_ref()).ok());
        let (code, message) = match body {
            Some(body) => (body.error.innererror.map_or(body.error.code, |inner| inner.code), body.error.message),
            None => (error_code.clone().unwrap_or_default(), String::new()),
        };
        Some(Self {
            status: u16::from(*status),
            code,
            message,
            retry_after: raw.and_then(|raw| retry_after(raw.headers())),
        })
    }
}

/// What a failed request is called, and what is known of the world after it.
pub(super) fn failed(asked: Asked<'_>, error: &azure_core::Error) -> Failure {
    if let Some(failure) = carried(error) {
        return failure.clone();
    }
    if let Some(refusal) = Refusal::of(error) {
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
        _ => Failure::refused(format!("{} in `{vault}` failed", asked.operation)).because(error.to_string()),
    }
}

fn refused(asked: Asked<'_>, refusal: &Refusal) -> Failure {
    let Asked { doing, operation, vault, secret, .. } = asked;
    let who = match refusal.status {
        401 | 403 => asked.identity.principal().map(|who| format!(" for {who}")).unwrap_or_default(),
        _ => String::new(),
    };
    let answered = format!("the vault answered {} {} to {operation}{who}", refusal.status, refusal.code);
    // The service's words about a 403 repeat the code, with ids and addresses that nobody needs in a report.
    let short = |summary: String| Failure::refused(summary).because(&answered);
    let told = |summary: String| {
        let failure = Failure::refused(summary).because(&answered);
        match refusal.message.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
            Some(line) => failure.because(line),
            None => failure,
        }
    };
    match (refusal.status, refusal.code.as_str()) {
        (403, "SecretDisabled") => short(format!("`{secret}` in `{vault}` is disabled")),
        (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => {
            short(format!("the network of `{vault}` does not let stanch in")).help("run stanch from a network that the vault's firewall allows")
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
        (409, _) => told(format!("`{vault}` is busy with `{secret}`")).retry(Retry::Later),
        (429, _) => told(format!("`{vault}` is throttling")).retry(refusal.retry_after.map_or(Retry::Later, Retry::After)),
        (408 | 500..=599, _) => {
            let failure = told(format!("`{vault}` is in trouble"));
            let retry = refusal.retry_after.map_or(Retry::Later, Retry::After);
            // An answer of the service's front does not say what its back did.
            let outcome = if asked.writes { FailedOutcome::Unknown } else { FailedOutcome::Refused };
            Failure { outcome, retry, ..failure }
        }
        _ => told(format!("{operation} of `{secret}` in `{vault}` was refused")),
    }
}
