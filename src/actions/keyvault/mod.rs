//! The response in a vault: look, put a new version in, wait for the readers, disable the old ones, prove it.

pub(super) mod await_readers;
pub(super) mod check;
pub(super) mod disable_old;
mod issuing;
pub(super) mod list;
pub(super) mod prove_revoked;
pub(super) mod reconcile;
pub(super) mod rotate;
pub(super) mod search;

use super::issuer::issuer;
use crate::actions::context::Context;
use crate::azure::Vault;
use crate::failure::Failure;
use crate::issuers::{IssuerClaim, IssuerKind};
use crate::vault::{History, SecretUrl, short};
use std::collections::BTreeMap;

pub(super) use reconcile::put_right;

/// Opens the vault of a secret as the run's identity.
fn open(context: &Context, secret: &SecretUrl) -> Result<Vault, Failure> {
    Vault::open(&secret.vault, &context.services.azure)
}

/// Who issues a secret, for a step that goes through many; if it is none of these providers, why it is left alone.
///
/// A random value in place of one that somebody else issued ends nothing at its issuer, and breaks whoever uses it.
fn issued_by(
    context: &Context,
    secret: &SecretUrl,
    tags: &BTreeMap<String, String>,
    providers: &[IssuerKind],
) -> Result<IssuerKind, String> {
    let named =
        issuer(&context.services.config, secret, tags, &IssuerClaim::default()).map_err(|failure| failure.summary)?;
    match providers.contains(&named.provider) {
        true => Ok(named.provider),
        false => Err(format!("{}; `{}` contains it", named.because, named.provider.runbook())),
    }
}

/// Reads the names of providers.
fn providers(names: &[String]) -> Result<Vec<IssuerKind>, Failure> {
    let unknown = |name: &str| {
        let known: Vec<&str> = IssuerKind::names().collect();
        Failure::refused(format!("there is no provider `{name}`")).help(format!("it is one of {}", known.join(", ")))
    };
    names.iter().map(|name| IssuerKind::parse(name).ok_or_else(|| unknown(name))).collect()
}

/// The versions of a secret as the vault lists them now, with what the rotation saw that put `keep` in.
pub(super) async fn history(context: &Context, vault: &Vault, name: &str, keep: &str) -> Result<History, Failure> {
    Ok(History::new(vault.versions(name).await?).seen_before(seen_before(context, keep)))
}

/// The newest versions that the rotation saw which put `keep` in; nothing where it was put in outside this run.
fn seen_before(context: &Context, keep: &str) -> Vec<String> {
    context.ledger().look(|state| {
        let mut rotations =
            state.steps().filter(|(_, step)| step.outputs.get("version").is_some_and(|new| new == keep));
        let seen = rotations.find_map(|(_, step)| rotate::newest_seen(step.observations.get(rotate::PREDECESSOR)?));
        seen.unwrap_or_default()
    })
}
