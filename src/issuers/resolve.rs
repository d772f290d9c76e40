//! Which issuer a secret has: the runbook says, else the secret's tags, else the inventory; in this order of strength.
//!
//! Whoever may set a secret may tag it. A tag therefore names only what is checked against the secret's own value
//! before anything is changed: an account, an application. A program, a server or an administrator's credential is
//! taken from the runbook or the inventory, never from a tag.

use super::empty_text::none_if_empty;
use super::form::Form;
use super::kind::IssuerKind;
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The credential that a version holds. Azure's own rotation functions write it as well, as the next two.
pub(crate) const TAG_CREDENTIAL: &str = "CredentialId";
/// Who issued it.
pub(crate) const TAG_ADDRESS: &str = "ProviderAddress";
/// Days until the version expires.
pub(crate) const TAG_VALIDITY: &str = "ValidityPeriodDays";
/// The setting of `random` that names the place in the value where the random text stands.
pub(super) const WITHIN: &str = "within";
/// The provider's name.
pub(crate) const TAG_PROVIDER: &str = "stanch-provider";

/// What a resource's type says about who issues its keys.
const RESOURCE_TYPES: [(&str, IssuerKind); 4] = [
    ("/providers/microsoft.storage/storageaccounts/", IssuerKind::AzureStorageKey),
    ("/providers/microsoft.documentdb/databaseaccounts/", IssuerKind::CosmosKey),
    ("/providers/microsoft.servicebus/namespaces/", IssuerKind::ServiceBusKey),
    ("/providers/microsoft.cache/redis/", IssuerKind::RedisKey),
];
/// How the address of an application's registration at Entra begins.
const APPLICATIONS: &str = "/applications/";

/// What is said where nothing names an issuer.
const ASSUMED: &str =
    "issuer unknown, treated as the vault itself: if another system issued the value, it may still work there";

/// An issuer as it was found.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Named {
    pub provider: IssuerKind,
    /// Its address, unless the settings or the value itself have it.
    #[serde(default, deserialize_with = "none_if_empty")]
    pub address: Option<String>,
    /// Whether the address was taken from a tag, which anybody may have written who may set the secret.
    pub address_from_tag: bool,
    /// Whether the secret's tags changed the answer.
    #[serde(default)]
    pub from_tags: bool,
    pub settings: Map<String, Value>,
    /// Where it is written.
    pub because: String,
    /// Nothing names an issuer, so the vault is treated as the issuer. Nobody knows whether it is.
    #[serde(default)]
    pub assumed: bool,
    /// What kind of text the value is that a random one would replace, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

impl Named {
    /// Whether the whole value would be replaced by a random text.
    pub(crate) fn is_drawn_whole(&self) -> bool {
        self.provider == IssuerKind::Random && !self.settings.contains_key(WITHIN)
    }

    /// The same, now that the form of the value is known. Nobody knows whether the vault is the issuer where it is only
    /// taken for it: what a random text cannot replace, a person enters.
    pub(crate) fn replacing(self, form: Form) -> Self {
        let words = form.in_words().filter(|_| form.is_structured() && self.assumed && self.is_drawn_whole());
        let form = Some(form);
        match words {
            None => Self { form, ..self },
            Some(words) => Self {
                provider: IssuerKind::Manual,
                because: format!(
                    "nothing names an issuer, and the value is {words}: a random text would break every reader at once, so a person enters the new one"
                ),
                assumed: false,
                form,
                ..self
            },
        }
    }
}

/// What a runbook or the inventory says.
#[derive(Clone, Debug, Default)]
pub struct IssuerClaim {
    pub provider: Option<IssuerKind>,
    /// Who issues it where nothing names an issuer.
    pub fallback: Option<IssuerKind>,
    /// Who issues it in people's words, which name no provider: `Stripe`.
    pub in_words: Option<String>,
    pub settings: Map<String, Value>,
    /// What the secret's tags say is left aside.
    pub ignore_tags: bool,
    /// Characters of a value that stanch chooses, where that is known.
    pub length: Option<usize>,
}

/// What is done where tags are wrong. Whoever may set a secret may tag it, and must not stop its containment.
pub(crate) const TAGS_ARE_WRONG: &str = "if the secret's tags are wrong, leave them aside: `-i ignore_tags=true` for a built-in runbook, `ignore_tags: true` at the step in another";

/// Finds the issuer.
pub fn resolve(
    runbook: &IssuerClaim,
    tags: &BTreeMap<String, String>,
    inventory: &IssuerClaim,
) -> Result<Named, Failure> {
    let tagged = tagged(tags)?;
    let ranks = [
        (runbook.provider, "in the runbook"),
        (tagged, "in the secret's tags"),
        (inventory.provider, "in the inventory"),
    ];
    let found = ranks.iter().find_map(|(provider, place)| provider.map(|provider| (provider, *place)));
    let in_words = inventory.in_words.as_deref();
    let (provider, mut because) = match (found, runbook.fallback, in_words) {
        (Some((provider, place)), _, _) => (provider, format!("`{}` is named {place}", provider.name())),
        (None, Some(provider), _) => {
            (provider, format!("nothing names a provider; the runbook falls back on `{}`", provider.name()))
        }
        // Whoever it is, it is not the vault: a person knows the way there.
        (None, None, Some(issuer)) => {
            (IssuerKind::Manual, format!("`{issuer}` issues it, and no provider says how: a person does it there"))
        }
        (None, None, None) => (IssuerKind::Random, ASSUMED.to_owned()),
    };
    let assumed = provider == IssuerKind::Random && found.is_none();
    for (other, place) in ranks {
        if let Some(other) = other.filter(|other| *other != provider) {
            because = format!("{because}, `{}` {place}, which is weaker", other.name());
        }
    }
    contradicts(runbook.provider, tagged.or(inventory.provider), in_words)?;
    // Settings of the same provider add up; the stronger place wins.
    let mut settings = Map::new();
    for said in [inventory, runbook] {
        if said.provider.is_none_or(|said| said == provider) {
            // An input that was not given leaves a setting to the weaker place.
            settings.extend(said.settings.clone().into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    if let Some(issuer) = in_words.filter(|_| provider == IssuerKind::Manual) {
        settings.entry("issuer").or_insert_with(|| issuer.into());
    }
    let set = settings.remove("address").and_then(|address| address.as_str().map(str::to_owned));
    let tag = tags.get(TAG_ADDRESS).filter(|_| tagged.is_none_or(|tagged| tagged == provider)).cloned();
    let address_from_tag = set.is_none() && tag.is_some();
    Ok(Named {
        provider,
        address: set.or(tag).filter(|address| !address.is_empty()),
        address_from_tag,
        from_tags: false,
        settings,
        because,
        assumed,
        form: None,
    })
}

/// A random text in place of a key that somebody else issues would break its users and kill nothing.
fn contradicts(runbook: Option<IssuerKind>, named: Option<IssuerKind>, in_words: Option<&str>) -> Result<(), Failure> {
    let (issuer, kind) = match (named, in_words) {
        (Some(IssuerKind::Random), _) | (None, None) => return Ok(()),
        (Some(kind), _) => (kind.name(), kind),
        (None, Some(issuer)) => (issuer, IssuerKind::Manual),
    };
    if runbook != Some(IssuerKind::Random) {
        return Ok(());
    }
    Err(Failure::refused(format!("the runbook says `random`, but `{issuer}` issues this secret"))
        .because("a random text would break every user of it, and the leaked value would go on working at its issuer")
        .help(format!("use `{}`, which ends it there; nothing was changed", kind.runbook())))
}

/// What the tags say, by name or by the type of the resource.
fn tagged(tags: &BTreeMap<String, String>) -> Result<Option<IssuerKind>, Failure> {
    if let Some(name) = tags.get(TAG_PROVIDER) {
        return match IssuerKind::parse(name) {
            Some(kind) => Ok(Some(kind)),
            None => Err(Failure::refused(format!("the secret's tag `{TAG_PROVIDER}` names no issuer: `{name}`"))
                .help(format!("it is one of {}", IssuerKind::names().collect::<Vec<_>>().join(", ")))),
        };
    }
    // A tag of everyday use counts only where it says something that is known.
    let everyday = tags.iter().find(|(tag, _)| tag.eq_ignore_ascii_case("provider"));
    if let Some(kind) = everyday.and_then(|(_, name)| IssuerKind::parse(name.trim())) {
        return Ok(Some(kind));
    }
    let address = tags.get(TAG_ADDRESS).map(|address| address.to_lowercase()).unwrap_or_default();
    if address.starts_with(APPLICATIONS) {
        return Ok(Some(IssuerKind::EntraAppSecret));
    }
    Ok(RESOURCE_TYPES.iter().find(|(part, _)| address.contains(part)).map(|(_, kind)| *kind))
}
