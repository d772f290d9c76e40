//! A new version, put in exactly once, whatever happens to the answers.
//!
//! Set Secret is not idempotent. The new version therefore carries the effect's key as a tag, and an outcome in
//! doubt is settled by looking for that tag among the versions.

use super::standing::{Standing, standing};
use super::succession::{ends, life};
use crate::actions::context::Context;
use crate::azure::{NewVersion, Vault, harmless};
use crate::clock::{self, Timestamp};
use crate::durable::{Intent, Probed, Stop};
use crate::evidence::EffectName;
use crate::failure::{Failure, Retry};
use crate::issuers::TAG_CREDENTIAL;
use crate::secret::Secret;
use crate::told::{named, unless_repeated};
use crate::vault::{History, SecretUrl, TAG_EFFECT, TAG_RUN, Version, taken_over};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The observation that holds the [`Predecessor`].
pub(crate) const PREDECESSOR: &str = "predecessor";

/// What the new version takes over, recorded before anything is written.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Predecessor {
    pub(crate) version: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// `CredentialId` of older versions that are still enabled.
    #[serde(default)]
    pub(crate) older: Vec<String>,
    /// The versions of the newest second: the new one may be of the same.
    #[serde(default)]
    newest: Vec<String>,
}

impl Predecessor {
    /// The same, with no tag believed.
    pub(crate) fn without_tags(&self) -> Self {
        Self { tags: BTreeMap::new(), older: Vec::new(), ..self.clone() }
    }
}

/// The versions of the newest second that a recorded [`Predecessor`] names.
pub(crate) fn newest_seen(recorded: &Value) -> Option<Vec<String>> {
    serde_json::from_value(recorded.get("newest")?.clone()).ok()
}

/// The new version.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Published {
    pub(crate) version: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
}

impl From<Version> for Published {
    fn from(version: Version) -> Self {
        Self { version: version.id, created: version.created, expires: version.expires }
    }
}

/// Puts the value in as a new version, once.
pub(crate) async fn publish(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    predecessor: &Predecessor,
    more_tags: BTreeMap<String, String>,
    value: impl AsyncFn() -> Result<Secret, Failure>,
) -> Result<Published, Stop> {
    let run = &context.services.run;
    let (tags, left_out) = taken_over(&predecessor.tags, &more_tags);
    let without = match left_out.as_slice() {
        [] => String::new(),
        names => format!(", without its tags `{}`: Key Vault takes no more", names.join("`, `")),
    };
    context
        .effect(
            Intent::new(EffectName::Publish, format!("new version of {}{without}", secret.name)),
            async |key| {
                let Predecessor { content_type, created, expires, .. } = predecessor;
                let new = NewVersion {
                    content_type: content_type.clone(),
                    tags: stamped(&tags, run, &key),
                    expires: life(&predecessor.tags, *created, *expires).and_then(|life| ends(life, clock::now())),
                };
                vault.set(&secret.name, &value().await?, new).await.map(Published::from)
            },
            async |key| {
                let found = find(vault, &secret.name, &key).await?;
                Ok(found.map_or(Probed::NotDone, |version| Probed::Done(Published::from(version))))
            },
        )
        .await
}

/// The version that is current now. Where its own state cannot be read because it is disabled, the newest counts.
pub(crate) async fn predecessor(vault: &Vault, secret: &SecretUrl) -> Result<Predecessor, Failure> {
    let Standing { versions, current } = standing(vault, secret).await?;
    let history = History::new(versions);
    let tagged = |version: &Version| {
        version.tags.get(TAG_CREDENTIAL).filter(|_| version.enabled).and_then(|tag| named(tag, &[]))
    };
    let older = history.versions().iter().filter_map(tagged).collect();
    let newest = history.newest().map(|version| version.id.clone()).collect();
    Ok(match history.latest(&current) {
        Some(version) => Predecessor {
            version: Some(version.id.clone()),
            // They were listed before the value was known.
            content_type: version.content_type.as_deref().map(unless_repeated),
            tags: harmless(version.tags.iter()),
            created: Some(version.created),
            expires: version.expires,
            older,
            newest,
        },
        None => Predecessor {
            version: None,
            content_type: None,
            tags: BTreeMap::new(),
            created: None,
            expires: None,
            older,
            newest,
        },
    })
}

/// The tags of a version that an effect puts in.
fn stamped(tags: &BTreeMap<String, String>, run: &str, key: &str) -> BTreeMap<String, String> {
    let own = [(TAG_RUN, run), (TAG_EFFECT, key)].map(|(tag, text)| (tag.to_owned(), text.to_owned()));
    tags.clone().into_iter().chain(own).collect()
}

/// The version that an effect made.
pub(crate) async fn find(vault: &Vault, name: &str, key: &str) -> Result<Option<Version>, Failure> {
    Ok(History::new(vault.versions(name).await?).put_in_by(key).cloned())
}

/// Reads the new version's state back: it must exist and be enabled before anything older is touched.
pub(crate) async fn confirm(vault: &Vault, secret: &SecretUrl, published: &Published) -> Result<(), Failure> {
    let versions = vault.versions(&secret.name).await?;
    match versions.iter().find(|version| version.id == published.version) {
        Some(version) if version.enabled => Ok(()),
        Some(_) => {
            Err(Failure::refused(format!("the new version {} was disabled by somebody else", published.version))
                .help("find out who is working on this secret before going on"))
        }
        None => Err(Failure::refused(format!("the vault does not list the new version {} yet", published.version))
            .retry(Retry::Later)),
    }
}
