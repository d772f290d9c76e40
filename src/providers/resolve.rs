//! Which issuer a secret has: the runbook says, else the secret's tags, else the inventory; in this order of strength.
//!
//! Whoever may set a secret may tag it. A tag therefore names only what is checked against the secret's own value
//! before anything is changed: an account, an application. A program, a server or an administrator's credential is
//! taken from the runbook or the inventory, never from a tag.

use super::ProviderKind;
use crate::failure::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The credential that a version holds. Azure's own rotation functions write it as well, as the next two.
pub(crate) const TAG_CREDENTIAL: &str = "CredentialId";
/// Who issued it.
pub(crate) const TAG_ADDRESS: &str = "ProviderAddress";
/// Days until the version expires.
pub(crate) const TAG_VALIDITY: &str = "ValidityPeriodDays";
/// The provider's name.
pub(crate) const TAG_PROVIDER: &str = "stanch-provider";

/// What a resource's type says about who issues its keys.
const RESOURCE_TYPES: [(&str, ProviderKind); 4] = [
    ("/providers/microsoft.storage/storageaccounts/", ProviderKind::AzureStorageKey),
    ("/providers/microsoft.documentdb/databaseaccounts/", ProviderKind::CosmosKey),
    ("/providers/microsoft.servicebus/namespaces/", ProviderKind::ServiceBusKey),
    ("/providers/microsoft.cache/redis/", ProviderKind::RedisKey),
];

/// An issuer as it was found.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Named {
    pub(crate) provider: ProviderKind,
    /// Its address; empty where the settings or the value itself have it.
    pub(crate) address: String,
    /// Whether the address was taken from a tag, which anybody may have written who may set the secret.
    pub(crate) address_from_tag: bool,
    pub(crate) settings: Map<String, Value>,
    /// Where it is written.
    pub(crate) because: String,
}

/// What a runbook or the inventory says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) provider: Option<ProviderKind>,
    /// Who issues it where nothing names an issuer.
    pub(crate) fallback: Option<ProviderKind>,
    pub(crate) settings: Map<String, Value>,
}

/// Finds the issuer.
pub(crate) fn resolve(runbook: &Said, tags: &BTreeMap<String, String>, inventory: &Said) -> Result<Named, Failure> {
    let tagged = tagged(tags)?;
    let ranks = [
        (runbook.provider, "in the runbook"),
        (tagged, "in the secret's tags"),
        (inventory.provider, "in the inventory"),
    ];
    let found = ranks.iter().find_map(|(provider, place)| provider.map(|provider| (provider, *place)));
    let (provider, place) = found.unwrap_or((runbook.fallback.unwrap_or(ProviderKind::Random), "nothing"));
    let mut because = match place {
        "nothing" if provider == ProviderKind::Random => {
            "nothing names an issuer: the vault is taken for it".to_owned()
        }
        "nothing" => format!("nothing names an issuer; the runbook falls back on `{}`", provider.name()),
        place => format!("`{}` is named {place}", provider.name()),
    };
    for (other, place) in ranks {
        if let Some(other) = other.filter(|other| *other != provider) {
            because = format!("{because}, `{}` {place}, which is weaker", other.name());
        }
    }
    contradicts(provider, tagged, inventory.provider)?;
    // Settings of the same provider add up; the stronger place wins.
    let mut settings = Map::new();
    for said in [inventory, runbook] {
        if said.provider.is_none_or(|said| said == provider) {
            // An input that was not given leaves a setting to the weaker place.
            settings.extend(said.settings.clone().into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    let set = settings.remove("address").and_then(|address| address.as_str().map(str::to_owned));
    let tag = tags.get(TAG_ADDRESS).filter(|_| tagged.is_none_or(|tagged| tagged == provider)).cloned();
    let address_from_tag = set.is_none() && tag.is_some();
    Ok(Named { provider, address: set.or(tag).unwrap_or_default(), address_from_tag, settings, because })
}

/// A random text in place of a key that somebody else issues would break its users and kill nothing.
fn contradicts(
    provider: ProviderKind,
    tagged: Option<ProviderKind>,
    inventory: Option<ProviderKind>,
) -> Result<(), Failure> {
    let issuer = [tagged, inventory].into_iter().flatten().find(|issuer| *issuer != ProviderKind::Random);
    let Some(issuer) = issuer.filter(|_| provider == ProviderKind::Random) else { return Ok(()) };
    let name = issuer.name();
    Err(Failure::refused(format!("the runbook says `random`, but `{name}` issues this secret"))
        .because("a random text would break every user of it, and the leaked value would go on working at its issuer")
        .help(format!("use `{}`, which ends it there; nothing was changed", issuer.runbook())))
}

/// What the tags say, by name or by the type of the resource.
fn tagged(tags: &BTreeMap<String, String>) -> Result<Option<ProviderKind>, Failure> {
    if let Some(name) = tags.get(TAG_PROVIDER) {
        return match ProviderKind::parse(name) {
            Some(kind) => Ok(Some(kind)),
            None => Err(Failure::refused(format!("the secret's tag `{TAG_PROVIDER}` names no issuer: `{name}`"))
                .help(format!("it is one of {}", ProviderKind::names().collect::<Vec<_>>().join(", ")))),
        };
    }
    let address = tags.get(TAG_ADDRESS).map(|address| address.to_lowercase()).unwrap_or_default();
    Ok(RESOURCE_TYPES.iter().find(|(part, _)| address.contains(part)).map(|(_, kind)| *kind))
}
