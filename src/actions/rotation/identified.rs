//! Who issues a secret, and what ending the old credential would break: asked before anything is changed.

use super::naming::{blaming_tags, issuer, open};
use crate::azure::{Azure, Vault};
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::{Held, Impact, IssuerClaim, IssuerState, Named, TAG_CREDENTIAL};
use crate::vault::{History, SecretUrl};
use futures::try_join;

/// An issuer that was asked.
pub(crate) struct Identified {
    pub(crate) named: Named,
    pub(crate) state: IssuerState,
    pub(crate) impact: Impact,
    /// What a person must do, where only a person can.
    pub(crate) by_hand: Option<String>,
}

/// Finds the issuer and asks it; nothing is issued. `salt` keys the fingerprints of what it tells.
pub(crate) async fn identify(
    azure: &Azure,
    config: &Config,
    secret: &SecretUrl,
    claim: &IssuerClaim,
    salt: &str,
) -> Result<Identified, Failure> {
    let vault = Vault::open(&secret.vault, azure)?;
    let (versions, current) = try_join!(vault.versions(&secret.name), vault.current(&secret.name))?;
    let history = History::new(versions);
    // Its tags tell who issued it, although nobody may get its value.
    let latest = history.latest(&current);
    let mut tags = latest.map(|version| version.tags.clone()).unwrap_or_default();
    let named = issuer(config, secret, &tags, claim)?;
    if claim.ignore_tags {
        tags.clear();
    }
    let blamed = |failure| match named.from_tags || tags.contains_key(TAG_CREDENTIAL) {
        true => blaming_tags(failure),
        false => failure,
    };
    let issuer = open(azure, secret, &named).map_err(blamed)?;
    let state = match latest.filter(|version| version.enabled) {
        // There is nobody to ask, and no reason to read the value.
        _ if !issuer.needs_value() => IssuerState::default(),
        Some(version) => {
            let value = vault.value(&secret.name, Some(&version.id)).await?;
            issuer.survey(&Held { value: &value, tags: &tags, older: &[], salt }).await.map_err(blamed)?
        }
        None => {
            return Err(Failure::refused(format!("`{}` has no current version that can be read", secret.name))
                .help("enable the current version: its value tells which credential is to be replaced"));
        }
    };
    Ok(Identified { impact: issuer.impact(), by_hand: issuer.by_hand(), named, state })
}
