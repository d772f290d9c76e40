//! Who issues a secret, and what ending the old credential would break: asked before anything is changed.

use super::naming::{Issued, blaming_tags, issuer_of, open};
use super::standing::{Standing, standing};
use super::succession::Succession;
use crate::azure::{Azure, Vault};
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::{
    Form, Held, Impact, Issuance, Issuer, IssuerClaim, IssuerState, Named, TAG_ADDRESS, TAG_CREDENTIAL, too_large,
};
use crate::secret::Secret;
use crate::vault::{History, SecretUrl, taken_over};
use std::collections::BTreeMap;

/// An issuer that was asked.
pub(crate) struct Identified {
    pub(crate) named: Named,
    pub(crate) state: IssuerState,
    pub(crate) impact: Impact,
    /// What a person must do, where only a person can.
    pub(crate) by_hand: Option<String>,
    /// What the new version takes over.
    pub(crate) succession: Succession,
    /// Tags that it has no room for.
    pub(crate) left_out: Vec<String>,
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
    let standing = standing(&vault, secret).await?;
    identified(azure, config, secret, standing, claim, salt).await
}

/// The same, of a secret that was looked at.
pub(crate) async fn identified(
    azure: &Azure,
    config: &Config,
    secret: &SecretUrl,
    Standing { versions, current }: Standing,
    claim: &IssuerClaim,
    salt: &str,
) -> Result<Identified, Failure> {
    let vault = Vault::open(&secret.vault, azure)?;
    let history = History::new(versions);
    // Its tags tell who issued it, although nobody may get its value.
    let latest = history.latest(&current);
    let carried = latest.map(|version| version.tags.clone()).unwrap_or_default();
    let mut tags = carried.clone();
    let readable = latest.filter(|version| version.enabled);
    let version = Issued {
        id: readable.map(|version| version.id.as_str()),
        content_type: latest.and_then(|version| version.content_type.as_deref()),
        tags: &tags,
    };
    let named = issuer_of(&vault, config, secret, &version, claim).await?;
    if claim.ignore_tags {
        tags.clear();
    }
    let blamed = |failure| match named.from_tags || tags.contains_key(TAG_CREDENTIAL) {
        true => blaming_tags(failure),
        false => failure,
    };
    let issuer = open(azure, secret, &named).map_err(blamed)?;
    let state = match readable {
        // There is nobody to ask, and no reason to read the value.
        _ if !issuer.needs_value() => IssuerState::default(),
        Some(version) => {
            let value = vault.value(&secret.name, Some(&version.id)).await?;
            let held = Held { value: &value, tags: &tags, older: &[], salt };
            let state = issuer.survey(&held).await.map_err(blamed)?;
            if let Some(length) = claim.length.filter(|_| issuer.issuance() == Issuance::Drawn) {
                let whole = issuer.compose(&state, &value, &Secret::new("x".repeat(length)))?;
                has_room(&secret.name, &whole)?;
            }
            state
        }
        None => {
            return Err(Failure::refused(format!("`{}` has no current version that can be read", secret.name))
                .help("enable the current version: its value tells which credential is to be replaced"));
        }
    };
    let succession = latest.map(Succession::of).unwrap_or_default();
    let (_, left_out) = taken_over(&carried, &own_tags(issuer.as_ref(), &named, Some("")));
    let impact = impact(issuer.as_ref(), &named);
    Ok(Identified { impact, by_hand: issuer.by_hand(), named, state, succession, left_out })
}

/// Refuses a new value that Key Vault would not take.
fn has_room(name: &str, whole: &Secret) -> Result<(), Failure> {
    too_large(whole).map_or(Ok(()), |why| {
        Err(Failure::refused(format!("the new value of `{name}` would be too large"))
            .because(why)
            .help("draw fewer characters (`length`), or keep what is large elsewhere, and its key here"))
    })
}

/// The tags that a new version gets from its issuer. Which ones it gets does not hang on what is issued, so that the plan
/// tells what has no room beside them.
pub(super) fn own_tags(issuer: &dyn Issuer, named: &Named, credential: Option<&str>) -> BTreeMap<String, String> {
    let is_named = !matches!(issuer.issuance(), Issuance::Drawn | Issuance::Entered);
    let tags = [(TAG_CREDENTIAL, credential.filter(|_| is_named)), (TAG_ADDRESS, named.address.as_deref())];
    tags.into_iter().filter_map(|(tag, text)| Some((tag.to_owned(), text?.to_owned()))).collect()
}

/// What ending the old credential breaks, with what the form of the value adds where a random text takes its place.
fn impact(issuer: &dyn Issuer, named: &Named) -> Impact {
    let told = named.form.as_ref().filter(|form| named.is_drawn_whole() && form.is_structured());
    match told.and_then(Form::in_words) {
        None => issuer.impact(),
        Some(words) => {
            let at_once = format!(
                "every reader, as soon as it reads the new version: the value is {words}, and a random text is not"
            );
            Impact { overlap: at_once.clone(), revoke_first: at_once }
        }
    }
}
