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
use crate::azure::{SecretUrl, Vault, Version};
use crate::config::Facts;
use crate::failure::Failure;

pub(super) use rotate::TAG_RUN;

/// Opens the vault of a secret as the run's identity.
fn open(context: &Context, secret: &SecretUrl) -> Result<Vault, Failure> {
    Vault::open(&secret.vault, &context.services.azure)
}

/// The providers that rotate without a person, unless a step names others.
fn unattended() -> Vec<String> {
    vec!["random".to_owned()]
}

/// Why a secret is none that these providers rotate, if so: a random value in place of one that somebody else issued
/// ends nothing at its issuer, and breaks whoever uses it.
fn issued_elsewhere(facts: &Facts, providers: &[String]) -> Option<String> {
    // A tag is whatever somebody wrote there.
    let said = |text: &str| text.chars().filter(|character| !character.is_control()).take(60).collect::<String>();
    match (&facts.provider, &facts.issuer) {
        (Some(provider), _) if providers.iter().any(|known| known.eq_ignore_ascii_case(provider)) => None,
        (Some(provider), _) => {
            Some(format!("`{}` issues it, which is not among the providers asked for", said(provider)))
        }
        (None, Some(issuer)) => {
            Some(format!("{} issues it, and no provider says how to rotate it there", said(issuer)))
        }
        (None, None) => None,
    }
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
