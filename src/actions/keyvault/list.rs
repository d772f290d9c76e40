//! `keyvault/list`: the secrets of a vault, for a step that is done for each of them. No value is read.

use super::{issued_elsewhere, unattended};
use crate::actions::Action;
use crate::actions::context::{Context, Stop};
use crate::azure::{Listed, SecretUrl, Vault, VaultUrl};
use crate::config::{Facts, matches};
use crate::failure::Failure;
use crate::plan::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The vault, by its URL.
    vault: VaultUrl,
    /// A pattern that the name must fit: `*` stands for anything, `?` for one character.
    #[serde(default = "anything")]
    name: String,
    /// Tags that the secret must have, each `NAME=VALUE`; the value is a pattern.
    #[serde(default)]
    tags: Vec<String>,
    /// Patterns of names that are left alone.
    #[serde(default)]
    except: Vec<String>,
    /// Providers that rotate without a person. Secrets that another one issues are left alone.
    #[serde(default = "unattended")]
    providers: Vec<String>,
}

fn anything() -> String {
    "*".to_owned()
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// Their URLs, in the order of their names.
    secrets: Vec<String>,
    count: usize,
    /// Those that fit and are left alone, with the reason.
    skipped: Vec<Skipped>,
}

/// A secret that is left alone.
#[derive(Serialize, JsonSchema)]
struct Skipped {
    secret: String,
    because: String,
}

const EXAMPLE: &str = r#"- id: secrets
  uses: keyvault/list
  with: { vault: "https://kv-prod.vault.azure.net", name: "orders-*", tags: ["owner=orders-team"] }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/list",
        Class::Read,
        "lists the secrets of a vault that can be rotated, by name and tags",
        "asks again",
        run,
    )
    .idempotency("it only reads")
    .example(EXAMPLE)
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let wanted = tags(&parameters.tags)?;
    let vault = Vault::open(&parameters.vault, &context.services.azure)?;
    context.progress("listing the secrets");
    let mut listed = vault.secrets().await?;
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    let (mut secrets, mut skipped) = (Vec::new(), Vec::new());
    for secret in listed.iter().filter(|secret| fits(secret, &parameters, &wanted)) {
        let url = SecretUrl { vault: parameters.vault.clone(), name: secret.name.clone(), version: None }.to_string();
        let tags = &secret.current.tags;
        let facts = context.services.config.inventory.facts(&parameters.vault.name, &secret.name, tags);
        match left_alone(secret, &facts, &parameters) {
            Some(because) => skipped.push(Skipped { secret: url, because }),
            None => secrets.push(url),
        }
    }
    Ok(Outputs { count: secrets.len(), secrets, skipped })
}

fn tags(written: &[String]) -> Result<BTreeMap<&str, &str>, Failure> {
    let no_tag = |tag: &str| Failure::refused(format!("`{tag}` is no tag to look for")).help("write `NAME=VALUE`");
    written.iter().map(|tag| tag.split_once('=').ok_or_else(|| no_tag(tag))).collect()
}

fn fits(secret: &Listed, parameters: &Parameters, wanted: &BTreeMap<&str, &str>) -> bool {
    let tag = |name: &str| secret.current.tags.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(name));
    let has = |(name, pattern): (&&str, &&str)| tag(name).is_some_and(|(_, value)| matches(pattern, value));
    matches(&parameters.name, &secret.name) && wanted.iter().all(has)
}

/// Why a secret is left alone, if it is.
fn left_alone(secret: &Listed, facts: &Facts, parameters: &Parameters) -> Option<String> {
    if parameters.except.iter().any(|pattern| matches(pattern, &secret.name)) {
        return Some("excepted by name".to_owned());
    }
    if secret.current.managed {
        return Some("it belongs to a certificate, which Key Vault rotates by itself".to_owned());
    }
    if !secret.current.enabled {
        return Some("its current version is disabled".to_owned());
    }
    issued_elsewhere(facts, &parameters.providers)
}
