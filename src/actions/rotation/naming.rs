//! Who issues a secret, and how the issuer is reached.

use crate::actions::context::Context;
use crate::azure::{Azure, Vault};
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::{self, Form, Issuer, IssuerClaim, IssuerKind, IssuerRecord, Named, Surroundings, TAGS_ARE_WRONG};
use crate::vault::{SecretUrl, Version};
use serde_json::Map;
use std::collections::BTreeMap;

/// Who issues a secret: by what the runbook said, its tags, and the inventory. Tags that stand in the way are said to, with
/// what leaves them aside.
pub(crate) fn issuer(
    config: &Config,
    secret: &SecretUrl,
    tags: &BTreeMap<String, String>,
    said: &IssuerClaim,
) -> Result<Named, Failure> {
    let without = named(config, secret, &BTreeMap::new(), said);
    if said.ignore_tags {
        let aside = if tags.is_empty() { "" } else { "; the secret's tags are left aside" };
        return without.map(|named| Named { because: format!("{}{aside}", named.because), ..named });
    }
    match (named(config, secret, tags, said), without) {
        (Ok(named), Ok(without)) => {
            let from_tags = named.provider != without.provider || named.address != without.address;
            Ok(Named { from_tags, ..named })
        }
        (Ok(named), Err(_)) => Ok(Named { from_tags: true, ..named }),
        (Err(failure), Ok(_)) => Err(blaming_tags(failure)),
        (Err(failure), Err(_)) => Err(failure),
    }
}

/// A failure that rests on what tags say.
pub(crate) fn blaming_tags(failure: Failure) -> Failure {
    failure.and(TAGS_ARE_WRONG)
}

/// Whether a failure says that it rests on what tags say.
pub(crate) fn blames_tags(failure: &Failure) -> bool {
    failure.help.as_ref().is_some_and(|help| help.contains(TAGS_ARE_WRONG))
}

fn named(
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
    issuers::resolve(said, tags, &IssuerClaim { provider, settings, in_words, ..IssuerClaim::default() })
}

/// Who issues a version, with what the form of its value allows where the vault is treated as the issuer: only then it is
/// read.
pub(crate) async fn issuer_of(
    vault: &Vault,
    config: &Config,
    secret: &SecretUrl,
    version: &Issued<'_>,
    said: &IssuerClaim,
) -> Result<Named, Failure> {
    let named = issuer(config, secret, version.tags, said)?;
    if !named.is_drawn_whole() {
        return Ok(named);
    }
    let value = match version.id {
        Some(id) => vault.value_if_enabled(&secret.name, id).await?,
        None => None,
    };
    Ok(named.replacing(Form::of(value.as_ref(), version.content_type)))
}

/// A version whose issuer is asked for.
pub(crate) struct Issued<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a Version> for Issued<'a> {
    fn from(version: &'a Version) -> Self {
        Self { id: Some(&version.id), content_type: version.content_type.as_deref(), tags: &version.tags }
    }
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

/// Opens the issuer that a rotation recorded.
pub(crate) fn reopen(context: &Context, secret: &SecretUrl, record: &IssuerRecord) -> Result<Box<dyn Issuer>, Failure> {
    open(&context.services.azure, secret, &record.named)
}

/// Who issues a secret, for a step that goes through many; if it is none of these providers, why it is left alone.
///
/// A random value in place of one that somebody else issued ends nothing at its issuer, and breaks whoever uses it.
pub(crate) async fn issued_by(
    context: &Context,
    secret: &SecretUrl,
    version: &Version,
    providers: &[IssuerKind],
    ignore_tags: bool,
) -> Result<IssuerKind, String> {
    let said = IssuerClaim { ignore_tags, ..IssuerClaim::default() };
    let config = &context.services.config;
    let told =
        |failure: Failure| format!("{}: {}", failure.summary, failure.help.unwrap_or_default().replace('\n', "; "));
    let vault = Vault::open(&secret.vault, &context.services.azure).map_err(told)?;
    let named = issuer_of(&vault, config, secret, &version.into(), &said).await.map_err(told)?;
    // Among many, nobody is asked for each.
    let is_entered = named.form.as_ref().is_some_and(Form::is_structured) && named.provider != IssuerKind::Random;
    match providers.contains(&named.provider) && !is_entered {
        true => Ok(named.provider),
        false if is_entered => Err(format!("{}; `secret-exposure` asks for it", named.because)),
        false => Err(format!("{}; `{}` contains it", named.because, named.provider.runbook())),
    }
}

/// Reads the names of providers.
pub(crate) fn providers(names: &[String]) -> Result<Vec<IssuerKind>, Failure> {
    let unknown = |name: &str| {
        let known: Vec<&str> = IssuerKind::names().collect();
        Failure::refused(format!("there is no provider `{name}`")).help(format!("it is one of {}", known.join(", ")))
    };
    names.iter().map(|name| IssuerKind::parse(name).ok_or_else(|| unknown(name))).collect()
}
