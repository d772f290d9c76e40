//! What is done at a credential's issuer, beside the rotation itself: find it, kill the old credential, prove it dead,
//! leave nothing behind.

pub(super) mod close;
pub(super) mod identify;
pub(super) mod prompt;
pub(super) mod prove;
pub(super) mod revoke;

use crate::actions::context::Context;
use crate::azure::{Azure, Vault};
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::{self, Issuer, IssuerClaim, IssuerKind, IssuerRecord, Named, Surroundings};
use crate::secret::Secret;
use crate::vault::{SecretUrl, Version};
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
    said: &IssuerClaim,
) -> Result<Named, Failure> {
    let (provider, settings) = match config.issuer(secret) {
        None => (None, Map::new()),
        Some((name, settings)) => match IssuerKind::parse(name) {
            Some(kind) => (Some(kind), settings.clone()),
            None => {
                let names: Vec<&str> = IssuerKind::names().collect();
                return Err(Failure::refused(format!("the inventory names no issuer for `{}`: `{name}`", secret.name))
                    .help(format!("it is one of {}", names.join(", "))));
            }
        },
    };
    let facts = config.inventory.facts(&secret.vault.name, &secret.name, tags);
    // A tag is whatever somebody wrote there.
    let printable = |text: String| text.chars().filter(|character| !character.is_control()).take(60).collect();
    let in_words = facts.issuer.or(facts.provider.filter(|name| IssuerKind::parse(name).is_none())).map(printable);
    issuers::resolve(said, tags, &IssuerClaim { provider, settings, fallback: None, in_words })
}

/// The built-in runbook for what issues a secret; nothing where nothing names an issuer, or one that is not known.
pub(crate) fn fitting_runbook(
    config: &Config,
    secret: &SecretUrl,
    tags: &BTreeMap<String, String>,
) -> Option<&'static str> {
    let named = issuer(config, secret, tags, &IssuerClaim::default()).ok()?;
    (!named.assumed).then(|| named.provider.runbook())
}

/// Opens an issuer.
pub(crate) fn open(azure: &Azure, secret: &SecretUrl, named: &Named) -> Result<Box<dyn Issuer>, Failure> {
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
    pub(super) issuer: IssuerRecord,
}

/// Opens the issuer that a rotation recorded.
pub(super) fn reopen(context: &Context, secret: &SecretUrl, record: &IssuerRecord) -> Result<Box<dyn Issuer>, Failure> {
    open(&context.services.azure, secret, &record.named)
}

/// The values that the last stages work with: the old one as long as it can be read, and the new one.
pub(super) struct Values {
    pub(super) old: Option<Secret>,
    pub(super) new: Option<Secret>,
}

impl Values {
    pub(super) async fn read(vault: &Vault, name: &str, record: &IssuerRecord, keep: &str) -> Result<Self, Failure> {
        let old = match &record.replaced {
            None => None,
            Some(replaced) => vault.value_if_enabled(name, replaced).await?,
        };
        Ok(Self { old, new: vault.value_if_enabled(name, keep).await? })
    }

    /// Those of the other versions that can still be read, where the issuer ends them as well.
    pub(super) async fn older(
        vault: &Vault,
        name: &str,
        versions: impl Iterator<Item = &Version>,
        issuer: &dyn Issuer,
    ) -> Result<Vec<Secret>, Failure> {
        let mut values = Vec::new();
        for version in versions.filter(|version| version.enabled && issuer.retires_older()) {
            values.extend(vault.value_if_enabled(name, &version.id).await?);
        }
        Ok(values)
    }
}
