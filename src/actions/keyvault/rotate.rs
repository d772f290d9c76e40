//! `keyvault/rotate`: has the secret's issuer issue a new credential and puts it in as a new version, exactly one,
//! whatever happens to the answers.
//!
//! Set Secret is not idempotent. The new version therefore carries the effect's key as a tag, and an outcome in
//! doubt is settled by looking for that tag among the versions. What comes before the publication, where somebody else
//! than the vault issues the credential, stands in [`super::issuing`].

use super::issuing::Issuing;
use super::{open, short};
use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::issuer;
use crate::actions::plan_line::{PlanLine, Replaces, Surroundings, early, name};
use crate::azure::{NewVersion, Vault};
use crate::clock::{self, Timestamp};
use crate::durable::{Intent, Probed, Stop};
use crate::failure::{Failure, Retry};
use crate::issuers::{
    LETTERS_AND_DIGITS, Named, ProviderKind, Random, Said, Standing, Survey, TAG_CREDENTIAL, TAG_VALIDITY,
};
use crate::plan::{Aim, Class, Fact};
use crate::secret::Secret;
use crate::vault::SecretUrl;
use crate::vault::{Current, Version};
use futures::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The tag that names the run on a version of ours.
pub(crate) const TAG_RUN: &str = "stanch-run";
/// The tag that holds the effect's key.
pub(crate) const TAG_EFFECT: &str = "stanch-effect";
/// The observation that holds the [`Predecessor`].
pub(super) const PREDECESSOR: &str = "predecessor";
/// Key Vault takes no more tags than this.
const MOST_TAGS: usize = 15;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// Who issues the new value; what the secret's tags say, else the inventory, else the vault, unless given.
    #[serde(default)]
    provider: Option<ProviderKind>,
    /// The issuer where nothing names one; the vault unless given.
    #[serde(default)]
    fallback: Option<ProviderKind>,
    /// The issuer's settings; each provider has its own.
    #[serde(default)]
    settings: Map<String, Value>,
    /// Whether the old credential is killed before the new one is published. Its users fail until they have read the
    /// new version; so does whoever exploits it.
    #[serde(default)]
    revoke_first: bool,
    /// Characters of a value that stanch chooses.
    #[serde(default = "forty_eight")]
    #[schemars(range(min = 13, max = 25_000))]
    length: usize,
    /// The characters to draw such a value from, each once; letters and digits unless given.
    #[serde(default = "letters_and_digits")]
    alphabet: String,
}

fn forty_eight() -> usize {
    issuer::LENGTH
}

fn letters_and_digits() -> String {
    LETTERS_AND_DIGITS.to_owned()
}

/// What the new version takes over, recorded before anything is written.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Predecessor {
    pub(super) version: Option<String>,
    content_type: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// `CredentialId` of older versions that are still enabled.
    #[serde(default)]
    pub(super) older: Vec<String>,
    /// The versions of the newest second: the new one may be of the same.
    #[serde(default)]
    newest: Vec<String>,
}

/// The versions of the newest second that a recorded [`Predecessor`] names.
pub(super) fn newest_seen(recorded: &Value) -> Option<Vec<String>> {
    serde_json::from_value(recorded.get("newest")?.clone()).ok()
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

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// The new version.
    version: String,
    /// When the vault says it was made.
    created: String,
    /// The version that was current before.
    predecessor: String,
    /// Who issued it.
    provider: String,
    /// Why that one.
    because: String,
    /// The new credential at its issuer, where it has a name there.
    credential: String,
    /// What the later steps at the issuer need: its address, and which credentials are to die.
    issuer: Standing,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}", provider: random, length: 48 }
  retry: { max: 8, backoff: 1s..30s }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/rotate",
        Class::Write,
        "has a new credential issued and puts it into the vault as the current version",
        "asks the issuer, and the vault for the tag of the new version",
        run,
    )
    .aim(Aim::Rotate)
    .plan(plan)
    .fact(fact)
    .idempotency("exactly one new version: it carries the effect's key as the tag `stanch-effect`, and is looked for before another is made")
    .example(EXAMPLE)
}

early!(Known of Parameters {
    secret: SecretUrl,
    provider: Option<ProviderKind>,
    fallback: Option<ProviderKind>,
    settings: Map<String, Value>,
    revoke_first: bool,
});

fn plan(known: &Known, surroundings: &Surroundings) -> PlanLine {
    let provider = known.provider.flatten();
    let said = Said {
        provider,
        settings: known.settings.clone().unwrap_or_default(),
        fallback: known.fallback.flatten(),
        in_words: None,
    };
    let from = match (&surroundings.issuer, provider) {
        (Some(issuer), _) if issuer.is_vault => ", drawn at random".to_owned(),
        (Some(issuer), _) if issuer.by_hand || issuer.next.is_empty() => format!(", issued by `{}`", issuer.name),
        (Some(issuer), _) => format!(": {} of `{}`", issuer.next, issuer.name),
        (None, Some(provider)) => format!(", issued by `{}`", provider.name()),
        (None, None) => String::new(),
    };
    let replaces = Replaces { said, revoke_first: known.revoke_first.unwrap_or_default() };
    let line = PlanLine::on(&known.secret).does(format!("1 new version of {}{from}", name(&known.secret)));
    PlanLine { replaces: Some(replaces), ..line }
}

fn fact(outputs: &Outputs) -> Fact {
    let issued = match outputs.credential.as_str() {
        "" => String::new(),
        credential => format!(", it holds {} of {}", short(credential), outputs.provider),
    };
    Fact::from(format!("version {} is current{issued}", short(&outputs.version)))
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let secret = &parameters.secret;
    let draw = Random::new(parameters.length, &parameters.alphabet)?;
    let vault = open(context, secret)?;
    let predecessor = context.observe(PREDECESSOR, async || predecessor(&vault, secret).await).await?;
    let Parameters { provider, fallback, settings, .. } = &parameters;
    let said = Said { provider: *provider, settings: settings.clone(), fallback: *fallback, in_words: None };
    let config = &context.services.config;
    let found = async || issuer::issuer(config, secret, &predecessor.tags, &said);
    let named: Named = context.observe("issuer", found).await?;
    let issuer = issuer::open(&context.services.azure, secret, &named)?;
    let (published, standing) = if named.provider == ProviderKind::Random {
        let value = async || draw.issue();
        let published = publish(context, &vault, secret, &predecessor, BTreeMap::new(), value).await?;
        (published, Standing::of(&named, Survey::default()))
    } else {
        let draw = (parameters.length, parameters.alphabet.as_str());
        let issuing =
            Issuing { context, vault: &vault, secret, predecessor: &predecessor, provider: issuer.as_ref(), draw };
        issuing.run(&named, parameters.revoke_first).await?
    };
    confirm(&vault, secret, &published).await?;
    Ok(Outputs {
        version: published.version,
        created: published.created.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        predecessor: predecessor.version.unwrap_or_default(),
        provider: named.provider.name().to_owned(),
        because: named.because,
        credential: standing.new.clone(),
        issuer: standing,
    })
}

/// Puts the value in as a new version, once.
pub(super) async fn publish(
    context: &Context,
    vault: &Vault,
    secret: &SecretUrl,
    predecessor: &Predecessor,
    more_tags: BTreeMap<String, String>,
    value: impl AsyncFn() -> Result<Secret, Failure>,
) -> Result<Published, Stop> {
    let run = &context.services.run;
    context
        .effect(
            Intent::new("publish", format!("new version of {}", secret.name)),
            async |key| {
                let new = NewVersion {
                    content_type: predecessor.content_type.clone(),
                    tags: tags(predecessor, &more_tags, run, &key)?,
                    expires: expiry(predecessor),
                };
                let version = vault.set(&secret.name, &value().await?, new).await?;
                Ok(Published { version: version.id, created: version.created })
            },
            async |key| {
                let found = find(vault, &secret.name, &key).await?;
                Ok(found.map_or(Probed::NotDone, |version| {
                    Probed::Done(Published { version: version.id, created: version.created })
                }))
            },
        )
        .await
}

/// The version that is current now. Where its own state cannot be read because it is disabled, the newest counts.
async fn predecessor(vault: &Vault, secret: &SecretUrl) -> Result<Predecessor, Failure> {
    let (versions, current) = try_join!(vault.versions(&secret.name), vault.current(&secret.name))?;
    if versions.iter().any(|version| version.managed) {
        return Err(Failure::refused(format!("`{}` belongs to a certificate of the vault", secret.name))
            .because("its value is the certificate with its private key, which the vault itself writes")
            .help("have the certificate renewed and the leaked one revoked by its authority: `az keyvault certificate create`"));
    }
    let current = match current {
        Current::Enabled(id) => versions.iter().find(|version| version.id == id),
        Current::Disabled => versions.iter().max_by_key(|version| version.created),
        Current::Missing => {
            return Err(Failure::refused(format!("there is no secret `{}` in `{}`", secret.name, secret.vault.name))
                .help("a rotation needs a version to follow; check the URL"));
        }
    };
    let tagged = |version: &Version| version.tags.get(TAG_CREDENTIAL).filter(|_| version.enabled).cloned();
    let older = versions.iter().filter_map(tagged).collect();
    let last = versions.iter().map(|version| version.created).max();
    let of_last = versions.iter().filter(|version| Some(version.created) == last);
    let newest = of_last.map(|version| version.id.clone()).collect();
    Ok(match current {
        Some(version) => Predecessor {
            version: Some(version.id.clone()),
            content_type: version.content_type.clone(),
            tags: version.tags.clone(),
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

/// The predecessor's tags, with those of an earlier run replaced by ours.
fn tags(
    predecessor: &Predecessor,
    more: &BTreeMap<String, String>,
    run: &str,
    key: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut tags = predecessor.tags.clone();
    tags.extend(more.clone());
    tags.insert(TAG_RUN.to_owned(), run.to_owned());
    tags.insert(TAG_EFFECT.to_owned(), key.to_owned());
    if tags.len() > MOST_TAGS {
        let summary = format!("the new version would have {} tags; Key Vault takes {MOST_TAGS}", tags.len());
        return Err(Failure::refused(summary)
            .help("take a tag off the current version: stanch needs two for its own, and up to two for the issuer"));
    }
    Ok(tags)
}

/// A version inherits nothing: the new one gets the days that the tag says, else, where the old one had an expiry, a
/// fresh one of the same length.
fn expiry(predecessor: &Predecessor) -> Option<Timestamp> {
    let days = predecessor.tags.get(TAG_VALIDITY).and_then(|days| days.parse::<i64>().ok());
    if let Some(days) = days.filter(|days| (1..=3_650).contains(days)) {
        return Some(clock::now() + chrono::Duration::days(days));
    }
    let length = predecessor.expires? - predecessor.created?;
    (length > chrono::Duration::zero()).then(|| clock::now() + length)
}

/// The version that an effect made.
pub(super) async fn find(vault: &Vault, name: &str, key: &str) -> Result<Option<Version>, Failure> {
    let versions = vault.versions(name).await?;
    Ok(versions.into_iter().find(|version| version.tags.get(TAG_EFFECT).is_some_and(|tag| tag == key)))
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
