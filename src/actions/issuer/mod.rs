//! What is done at a credential's issuer, beside the rotation itself: find it, kill the old credential, prove it dead,
//! leave nothing behind.

pub(super) mod close;
pub(super) mod identify;
pub(super) mod prompt;
pub(super) mod prove;
pub(super) mod revoke;

use crate::actions::context::Context;
use crate::actions::plan_line::early;
use crate::azure::{Azure, Vault};
use crate::config::Config;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::issuers::{self, Named, Provider, ProviderKind, Said, Standing, Surroundings};
use crate::secret::Secret;
use crate::vault::SecretUrl;
use crate::vault::{Current, Version};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;
use std::collections::BTreeMap;

/// Characters of a value that stanch chooses.
pub(super) const LENGTH: usize = 48;

/// Who issues a secret: by what the runbook said, its tags, and the inventory.
pub(crate) fn issuer(
    config: &Config,
    secret: &SecretUrl,
    tags: &BTreeMap<String, String>,
    said: &Said,
) -> Result<Named, Failure> {
    let (provider, settings) = match config.issuer(secret) {
        None => (None, Map::new()),
        Some((name, settings)) => match ProviderKind::parse(name) {
            Some(kind) => (Some(kind), settings.clone()),
            None => {
                let names: Vec<&str> = ProviderKind::names().collect();
                return Err(Failure::refused(format!("the inventory names no issuer for `{}`: `{name}`", secret.name))
                    .help(format!("it is one of {}", names.join(", "))));
            }
        },
    };
    let facts = config.inventory.facts(&secret.vault.name, &secret.name, tags);
    // A tag is whatever somebody wrote there.
    let printable = |text: String| text.chars().filter(|character| !character.is_control()).take(60).collect();
    let in_words = facts.issuer.or(facts.provider.filter(|name| ProviderKind::parse(name).is_none())).map(printable);
    issuers::resolve(said, tags, &Said { provider, settings, fallback: None, in_words })
}

/// The built-in runbook for what issues a secret; nothing where nothing names an issuer, or one that is not known.
pub(crate) fn fitting_runbook(
    config: &Config,
    secret: &SecretUrl,
    tags: &BTreeMap<String, String>,
) -> Option<&'static str> {
    let named = issuer(config, secret, tags, &Said::default()).ok()?;
    (!named.assumed).then(|| named.provider.runbook())
}

/// Opens an issuer.
pub(crate) fn open(azure: &Azure, secret: &SecretUrl, named: &Named) -> Result<Box<dyn Provider>, Failure> {
    issuers::open(named, Surroundings { azure: azure.clone(), secret: secret.clone() })
}

/// What the last steps at an issuer work on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replaced {
    /// The secret, by its URL.
    pub(super) secret: SecretUrl,
    /// The version that stays.
    pub(super) keep: String,
    /// What the rotation recorded of the issuer: `${{ steps.rotate.outputs.issuer }}`.
    pub(super) issuer: Standing,
}

early!(pub(super) ReplacedKnown of Replaced { secret: SecretUrl });

/// Opens the issuer that a rotation recorded.
pub(super) fn reopen(context: &Context, secret: &SecretUrl, standing: &Standing) -> Result<Box<dyn Provider>, Failure> {
    let named = Named {
        provider: standing.provider,
        address: standing.address.clone(),
        address_from_tag: false,
        settings: standing.settings.clone(),
        because: standing.because.clone(),
        assumed: standing.assumed,
    };
    open(&context.services.azure, secret, &named)
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

    /// Those of the other versions that can still be read, where the provider ends them as well.
    pub(super) async fn older(
        vault: &Vault,
        name: &str,
        versions: impl Iterator<Item = &Version>,
        provider: &dyn Provider,
    ) -> Result<Vec<Secret>, Failure> {
        let mut values = Vec::new();
        for version in versions.filter(|version| version.enabled && provider.retires_older()) {
            values.extend(vault.value_if_enabled(name, &version.id).await?);
        }
        Ok(values)
    }
}

/// The version that stays, if it is there and everybody who asks for the latest gets an enabled one, and which that is.
pub(super) async fn kept<'a>(
    vault: &Vault,
    name: &str,
    versions: &'a [Version],
    keep: &str,
) -> Result<(&'a Version, String), Stop> {
    let Some(kept) = versions.iter().find(|version| version.id == keep) else {
        return Err(Failure::refused(format!("the version to keep, `{keep}`, is not in the vault")).into());
    };
    match vault.current(name).await? {
        Current::Enabled(current) if kept.enabled => Ok((kept, current)),
        _ => Err(Failure::refused(format!("the version to keep, `{keep}`, is not what readers get"))
            .help(
                "somebody disabled it, or put a disabled one in after it; nothing is taken away before that is settled",
            )
            .into()),
    }
}
