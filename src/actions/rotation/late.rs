//! What arrived late: a request whose answer was lost, and that was sent again.

use super::publication::{Published, find};
use super::withdrawn::{Asked, is_disabled, refused};
use crate::actions::context::Context;
use crate::azure::{NewVersion, Vault};
use crate::durable::{Intent, Probed, Stop};
use crate::evidence::EffectName;
use crate::failure::{Failure, Retry};
use crate::vault::{SecretUrl, Successor, TAG_EFFECT, Version, short};

/// What arrived late.
pub(crate) struct Late {
    /// Its versions; they are disabled.
    pub(crate) versions: Vec<String>,
    /// The version that carries the kept value and is current; empty where the kept version stayed current.
    pub(crate) put_in_again: String,
}

/// Disables what the effect that made `kept` put in once more, and puts the kept value in again where it has to be.
pub(crate) async fn put_right(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    kept: Successor<'_>,
) -> Result<Late, Stop> {
    // What this step puts in carries the tag of another effect.
    let late = kept.late();
    let mut put_in_again = String::new();
    for version in &late {
        let is_current = kept.is_hidden_by(version, &vault.current(&secret.name).await?);
        // Whoever was cut off in the middle has put it in already.
        let effect = EffectName::PutInAgain(version.id.clone()).to_string();
        if is_current || context.ledger().step(&context.step).effects.contains_key(&effect) {
            put_in_again = put_in(context, vault, secret, kept.version(), &version.id).await?;
        }
        if version.enabled {
            disable(context, vault, secret, &version.id).await?;
        }
        if let Asked::Readable(version) = refused(context, vault, &secret.name, &version.id).await? {
            let summary = format!("{} came late, was disabled, and can still be read", short(&version));
            return Err(Failure::refused(summary).retry(Retry::Later).into());
        }
    }
    Ok(Late { versions: late.iter().map(|version| version.id.clone()).collect(), put_in_again })
}

/// Puts the kept value in once more, as the current version.
async fn put_in(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    kept: &Version,
    late: &str,
) -> Result<String, Stop> {
    let summary = format!("{} once more, as {} came late and became current", short(&kept.id), short(late));
    let published = context
        .effect(
            Intent::new(EffectName::PutInAgain(late.to_owned()), summary),
            async |key| {
                let value = vault.value(&secret.name, Some(&kept.id)).await?;
                let mut tags = kept.tags.clone();
                tags.insert(TAG_EFFECT.to_owned(), key);
                // The credential is the kept one's, and so is its end.
                let new = NewVersion { content_type: kept.content_type.clone(), tags, expires: kept.expires };
                vault.set(&secret.name, &value, new).await.map(Published::from)
            },
            async |key| {
                let found = find(vault, &secret.name, &key).await?;
                Ok(found.map_or(Probed::NotDone, |version| Probed::Done(Published::from(version))))
            },
        )
        .await?;
    Ok(published.version)
}

async fn disable(context: &Context, vault: &Vault, secret: &SecretUrl, version: &str) -> Result<(), Stop> {
    let summary = format!("disable version {} of {}, which came late", short(version), secret.name);
    context
        .effect(
            Intent::new(EffectName::Disable(version.to_owned()), summary),
            async |_| vault.disable(&secret.name, version).await.map(drop),
            async |_| is_disabled(vault, &secret.name, version).await,
        )
        .await
}
