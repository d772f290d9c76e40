//! `keyvault/list`: the secrets of a vault, for a step that is done for each of them. A value is read
//! only where nothing names its issuer: what a random text cannot replace is left alone.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::rotation::{issued_by, providers};
use crate::azure::{ListedSecret, Vault};
use crate::config::matches;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::issuers::IssuerKind;
use crate::plan::{Aim, Class, Fact};
use crate::report::fact::counted;
use crate::vault::{SecretUrl, VaultUrl};
use futures::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values that are looked at side by side.
const AT_A_TIME: usize = 8;

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
    /// The issuers whose secrets are listed; the vault alone unless given. Those of another one are left alone.
    #[serde(default = "the_vault")]
    providers: Vec<String>,
    /// Whether what the secrets' tags say of their issuers is left aside.
    #[serde(default)]
    ignore_tags: bool,
}

fn the_vault() -> Vec<String> {
    vec![IssuerKind::Random.name().to_owned()]
}

fn anything() -> String {
    "*".to_owned()
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// Their URLs, in the order of their names.
    secrets: Vec<String>,
    count: usize,
    /// Those that fit and are left alone, with the reason.
    skipped: Vec<Skipped>,
}

/// A secret that is left alone.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Skipped {
    secret: String,
    because: String,
    /// Somebody else must contain it: what it holds may have leaked, and is not changed by this run.
    #[serde(default)]
    open: bool,
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
    .aim(Aim::List)
    .fact(fact)
    .idempotency("it only reads; other runs are kept from what it listed until this one is over")
    .example(EXAMPLE)
}

fn fact(outputs: &Outputs) -> Fact {
    let skipped = outputs.skipped.len();
    let left = if skipped == 0 { String::new() } else { format!(", {skipped} left alone") };
    Fact::from(format!("{}{left}", counted(outputs.count as u64, "secret")))
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let wanted = tags(&parameters.tags)?;
    let providers = providers(&parameters.providers)?;
    let vault = Vault::open(&parameters.vault, &context.services.azure)?;
    context.progress("listing the secrets");
    let mut listed = vault.secrets().await?;
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    let (mut secrets, mut skipped): (Vec<String>, Vec<Skipped>) = (Vec::new(), Vec::new());
    let fitting: Vec<&ListedSecret> = listed.iter().filter(|secret| fits(secret, &parameters, &wanted)).collect();
    let looks = fitting.into_iter().map(async |secret| {
        let url = SecretUrl { vault: parameters.vault.clone(), name: secret.name.clone(), version: None };
        let because = match left_alone(secret, &parameters) {
            Some(because) => Some((because, false)),
            None => {
                let elsewhere =
                    issued_by(context, &url, &secret.current, &providers, parameters.ignore_tags).await.err();
                elsewhere.map(|because| (because, true))
            }
        };
        (url.to_string(), because)
    });
    let mut looks = stream::iter(looks).buffered(AT_A_TIME);
    while let Some((secret, because)) = looks.next().await {
        match because {
            Some((because, open)) => skipped.push(Skipped { secret, because, open }),
            None => secrets.push(secret),
        }
    }
    // One that another run works on is contained there; it holds up nobody else.
    let held = context.lock_free(&mut secrets).await?;
    skipped.extend(held.into_iter().map(|(secret, because)| Skipped { secret, because, open: true }));
    Ok(Outputs { count: secrets.len(), secrets, skipped })
}

fn tags(written: &[String]) -> Result<BTreeMap<&str, &str>, Failure> {
    let no_tag = |tag: &str| Failure::refused(format!("`{tag}` is no tag to look for")).help("write `NAME=VALUE`");
    written.iter().map(|tag| tag.split_once('=').ok_or_else(|| no_tag(tag))).collect()
}

fn fits(secret: &ListedSecret, parameters: &Parameters, wanted: &BTreeMap<&str, &str>) -> bool {
    let tag = |name: &str| secret.current.tags.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(name));
    let has = |(name, pattern): (&&str, &&str)| tag(name).is_some_and(|(_, value)| matches(pattern, value));
    matches(&parameters.name, &secret.name) && wanted.iter().all(has)
}

/// Why a secret is left alone, if it is.
fn left_alone(secret: &ListedSecret, parameters: &Parameters) -> Option<String> {
    if parameters.except.iter().any(|pattern| matches(pattern, &secret.name)) {
        return Some("excepted by name".to_owned());
    }
    if secret.current.managed {
        return Some("it belongs to a certificate, which Key Vault rotates by itself".to_owned());
    }
    if !secret.current.enabled {
        return Some("its current version is disabled".to_owned());
    }
    None
}
