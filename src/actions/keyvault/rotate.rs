//! `keyvault/rotate`: puts a new version in, exactly one, whatever happens to the answer.
//!
//! Set Secret is not idempotent. The new version therefore carries the effect's key as a tag, and an outcome in
//! doubt is settled by looking for that tag among the versions.

use super::open;
use crate::actions::Action;
use crate::actions::context::{Context, Intent, Probed, Stop};
use crate::azure::{Current, NewVersion, SecretUrl, Vault, Version};
use crate::clock::{self, Timestamp};
use crate::failure::{Failure, Retry};
use crate::plan::Class;
use crate::providers::{LETTERS_AND_DIGITS, Random};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tag that names the run on a version of ours.
pub(crate) const TAG_RUN: &str = "stanch-run";
/// The tag that holds the effect's key.
pub(crate) const TAG_EFFECT: &str = "stanch-effect";
/// Key Vault takes no more tags than this.
const MOST_TAGS: usize = 15;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    #[schemars(with = "String")]
    secret: SecretUrl,
    /// Who issues the new value.
    #[serde(default)]
    provider: Provider,
    /// Characters of a random value.
    #[serde(default = "forty_eight")]
    length: usize,
    /// The characters to draw a random value from, each once; letters and digits unless given.
    #[serde(default = "letters_and_digits")]
    alphabet: String,
}

/// The issuers there are.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Provider {
    /// The vault is the issuer: a random text.
    #[default]
    Random,
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
        }
    }
}

fn forty_eight() -> usize {
    48
}

fn letters_and_digits() -> String {
    LETTERS_AND_DIGITS.to_owned()
}

/// What the new version takes over, recorded before anything is written.
#[derive(Clone, Serialize, Deserialize)]
struct Predecessor {
    version: Option<String>,
    content_type: Option<String>,
    tags: BTreeMap<String, String>,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
}

/// The new version.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Published {
    pub(super) version: String,
    created: Timestamp,
}

impl From<Version> for Published {
    fn from(version: Version) -> Self {
        Self { version: version.id, created: version.created }
    }
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The new version.
    version: String,
    /// When the vault says it was made.
    created: String,
    /// The version that was current before.
    predecessor: String,
    provider: String,
}

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/rotate",
        Class::Write,
        "issues a new value and puts it into the vault as the current version",
        "asks the vault for the tag of the new version",
        run,
    )
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = parameters.secret;
    let issuer = Random::new(parameters.length, &parameters.alphabet)?;
    let vault = open(context, &secret)?;
    let predecessor = context.observe("predecessor", async || predecessor(&vault, &secret).await).await?;
    let intent = Intent::new("publish", format!("new version of {}", secret.name));
    let run = context.services.run.clone();
    let published = context
        .effect(
            intent,
            async |key| {
                let new = NewVersion {
                    content_type: predecessor.content_type.clone(),
                    tags: tags(&predecessor, &run, &key)?,
                    expires: expiry(&predecessor),
                };
                let value = issuer.issue()?;
                vault.set(&secret.name, &value, new).await.map(Published::from)
            },
            async |key| find(&vault, &secret.name, &key).await,
        )
        .await?;
    confirm(&vault, &secret, &published).await?;
    Ok(Outputs {
        version: published.version,
        created: published.created.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        predecessor: predecessor.version.unwrap_or_default(),
        provider: parameters.provider.name().to_owned(),
    })
}

/// The version that is current now. Where its own state cannot be read because it is disabled, the newest counts.
async fn predecessor(vault: &Vault, secret: &SecretUrl) -> Result<Predecessor, Failure> {
    let versions = vault.versions(&secret.name).await?;
    let current = match vault.current(&secret.name).await? {
        Current::Enabled(id) => versions.iter().find(|version| version.id == id),
        Current::Disabled => versions.iter().max_by_key(|version| version.created),
        Current::Missing => {
            return Err(Failure::refused(format!("there is no secret `{}` in `{}`", secret.name, secret.vault.name))
                .help("a rotation needs a version to follow; check the URL"));
        }
    };
    Ok(match current {
        Some(version) => Predecessor {
            version: Some(version.id.clone()),
            content_type: version.content_type.clone(),
            tags: version.tags.clone(),
            created: Some(version.created),
            expires: version.expires,
        },
        None => Predecessor { version: None, content_type: None, tags: BTreeMap::new(), created: None, expires: None },
    })
}

/// The predecessor's tags, with those of an earlier run replaced by ours.
fn tags(predecessor: &Predecessor, run: &str, key: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut tags = predecessor.tags.clone();
    tags.insert(TAG_RUN.to_owned(), run.to_owned());
    tags.insert(TAG_EFFECT.to_owned(), key.to_owned());
    if tags.len() > MOST_TAGS {
        let summary = format!("the new version would have {} tags; Key Vault takes {MOST_TAGS}", tags.len());
        return Err(Failure::refused(summary).help("take a tag off the current version: stanch needs two for its own"));
    }
    Ok(tags)
}

/// A version inherits nothing: where the old one had an expiry, the new one gets a fresh one of the same length.
fn expiry(predecessor: &Predecessor) -> Option<Timestamp> {
    let length = predecessor.expires? - predecessor.created?;
    (length > chrono::Duration::zero()).then(|| clock::now() + length)
}

pub(super) async fn find(vault: &Vault, name: &str, key: &str) -> Result<Probed<Published>, Failure> {
    let tagged = |version: &&Version| version.tags.get(TAG_EFFECT).is_some_and(|tag| tag == key);
    let versions = vault.versions(name).await?;
    Ok(match versions.iter().find(tagged) {
        Some(version) => Probed::Done(Published { version: version.id.clone(), created: version.created }),
        None => Probed::NotDone,
    })
}

/// Reads the new version's state back: it must exist and be enabled before anything older is touched.
async fn confirm(vault: &Vault, secret: &SecretUrl, published: &Published) -> Result<(), Failure> {
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
