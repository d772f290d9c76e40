//! The response in a vault: look, put a new version in, wait for the readers, disable the old ones, prove it.

mod adoption;
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
use crate::failure::{Failure, Retry};
use crate::issuers::{ProviderKind, Said};
use crate::vault::SecretUrl;
use crate::vault::Version;
use std::collections::BTreeMap;

pub(super) use reconcile::put_right;
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

/// The versions that came before `keep`, each with its state. `current` is the one that everyone reads, if it can be read.
///
/// Version lists have no order and times have whole seconds. A version of the same second as `keep` counts as older
/// unless everyone reads it: disabling it takes nothing away from them, and leaving it might leave the leaked value. What
/// the rotation saw before it put `keep` in is older whatever the times say. Versions that somebody else put in
/// afterwards are not ours to disable.
pub(super) fn older<'a>(
    context: &Context,
    versions: &'a [Version],
    keep: &'a Version,
    current: Option<&str>,
) -> Vec<&'a Version> {
    let before = seen_before(context, &keep.id);
    let came_before = |version: &&Version| {
        let same_second = version.created == keep.created && current != Some(version.id.as_str());
        let is_older = version.created < keep.created || same_second || before.contains(&version.id);
        version.id != keep.id && is_older
    };
    versions.iter().filter(came_before).collect()
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

/// What is wrong where everyone is still given an older version than the one that is kept.
pub(super) fn superseded(current: Option<&str>, older: &[&Version]) -> Option<Failure> {
    let current = older.iter().find(|version| current == Some(version.id.as_str()))?;
    let summary = format!("the vault gives everyone {}, which is older than the new version", short(&current.id));
    Some(
        Failure::refused(summary)
            .because("nothing is disabled as long as it is what everyone reads")
            .help("if the vault takes a while to follow, resume; else rotate once more, in another run")
            .retry(Retry::Later),
    )
}
