//! The response in a vault: look, put a new version in, wait for the readers, disable the old ones, prove it.

pub(super) mod await_readers;
pub(super) mod check;
pub(super) mod find;
mod issuing;
pub(super) mod list;
pub(super) mod prove_revoked;
pub(super) mod reconcile;
pub(super) mod revoke;
pub(super) mod rotate;

use super::context::Context;
use super::provider::issuer;
use crate::azure::{SecretUrl, Vault, Version};
use crate::failure::Failure;
use crate::providers::{ProviderKind, Said};
use std::collections::BTreeMap;

pub(super) use rotate::{TAG_EFFECT, TAG_RUN};

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
    providers: &[ProviderKind],
) -> Result<ProviderKind, String> {
    let named = issuer(&context.services.config, secret, tags, &Said::default()).map_err(|failure| failure.summary)?;
    match providers.contains(&named.provider) {
        true => Ok(named.provider),
        false => Err(format!("{}; `{}` contains it", named.because, named.provider.runbook())),
    }
}

/// Reads the names of providers.
fn providers(names: &[String]) -> Result<Vec<ProviderKind>, Failure> {
    let unknown = |name: &str| {
        let known: Vec<&str> = ProviderKind::names().collect();
        Failure::refused(format!("there is no provider `{name}`")).help(format!("it is one of {}", known.join(", ")))
    };
    names.iter().map(|name| ProviderKind::parse(name).ok_or_else(|| unknown(name))).collect()
}

/// A version id as people read it.
pub(super) fn short(version: &str) -> String {
    match version.get(..4) {
        Some(start) if version.len() > 8 => format!("{start}…"),
        _ => version.to_owned(),
    }
}

/// The versions that came before `keep`, each with its state.
///
/// Version lists have no order and times have whole seconds. A version of the same second as `keep` came before it
/// as long as `keep` is current; versions that somebody else put in afterwards are not ours to disable.
pub(super) fn older<'a>(
    versions: &'a [Version],
    keep: &'a Version,
    is_current: bool,
) -> impl Iterator<Item = &'a Version> {
    versions.iter().filter(move |version| {
        version.id != keep.id && (version.created < keep.created || (is_current && version.created == keep.created))
    })
}
