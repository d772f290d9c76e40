//! What is done at a credential's issuer, beside the rotation itself: find it, kill the old credential, prove it dead,
//! leave nothing behind.

pub(super) mod close;
pub(super) mod find;
pub(super) mod prompt;
pub(super) mod proof;
pub(super) mod retire;

use super::context::{Context, Stop};
use crate::azure::{Current, SecretUrl, Vault, Version};
use crate::failure::Failure;
use crate::providers::{self, Named, Provider, ProviderKind, Said, Standing, Surroundings};
use crate::secret::Secret;
use std::collections::BTreeMap;

/// Characters of a value that stanch chooses.
pub(super) const LENGTH: usize = 48;

/// Finds a secret's issuer, by what the runbook said, the tags, and the inventory.
pub(super) fn named(
    context: &Context,
    secret: &SecretUrl,
    tags: &BTreeMap<String, String>,
    said: Said,
) -> Result<Named, Failure> {
    let inventory = match context.services.config.issuer(secret) {
        None => Said::default(),
        Some((name, settings)) => match ProviderKind::parse(name) {
            Some(kind) => Said { provider: Some(kind), settings: settings.clone(), fallback: None },
            None => {
                let names: Vec<&str> = ProviderKind::names().collect();
                return Err(Failure::refused(format!("the inventory names no issuer for `{}`: `{name}`", secret.name))
                    .help(format!("it is one of {}", names.join(", "))));
            }
        },
    };
    providers::resolve(&said, tags, &inventory)
}

/// Opens an issuer.
pub(super) fn open(context: &Context, secret: &SecretUrl, named: &Named) -> Result<Box<dyn Provider>, Failure> {
    let surroundings = Surroundings { azure: context.services.azure.clone(), secret: secret.clone() };
    providers::open(named, surroundings)
}

/// Opens the issuer that a rotation recorded.
pub(super) fn reopen(context: &Context, secret: &SecretUrl, standing: &Standing) -> Result<Box<dyn Provider>, Failure> {
    let named = Named {
        provider: standing.provider,
        address: standing.address.clone(),
        address_from_tag: false,
        settings: standing.settings.clone(),
        because: standing.because.clone(),
    };
    open(context, secret, &named)
}

/// The values that the last stages work with: the old one as long as it can be read, and the new one.
pub(super) struct Values {
    pub(super) old: Option<Secret>,
    pub(super) new: Option<Secret>,
}

impl Values {
    pub(super) async fn read(vault: &Vault, name: &str, standing: &Standing, keep: &str) -> Result<Self, Failure> {
        let old = match standing.replaced.as_str() {
            "" => None,
            replaced => vault.value_if_enabled(name, replaced).await?,
        };
        Ok(Self { old, new: vault.value_if_enabled(name, keep).await? })
    }
}

/// The version that stays, if it is there and everybody who asks for the latest gets an enabled one.
pub(super) async fn kept<'a>(
    vault: &Vault,
    name: &str,
    versions: &'a [Version],
    keep: &str,
) -> Result<&'a Version, Stop> {
    let Some(kept) = versions.iter().find(|version| version.id == keep) else {
        return Err(Failure::refused(format!("the version to keep, `{keep}`, is not in the vault")).into());
    };
    match vault.current(name).await? {
        Current::Enabled(_) if kept.enabled => Ok(kept),
        _ => Err(Failure::refused(format!("the version to keep, `{keep}`, is not what readers get"))
            .help(
                "somebody disabled it, or put a disabled one in after it; nothing is taken away before that is settled",
            )
            .into()),
    }
}
