//! The inventory: what secrets there are, whose they are, who issues them, and which runbook fits.
//!
//! It is written down in two places: the tags of a secret, which travel with it, and the `inventory:` section of the
//! configuration, which speaks of many at once. A tag wins.

use crate::runbook::syntax::{Node, NodeValue, PlacedKey};
use crate::runbook::{Span, duration};
use crate::settings::{SettingsDecoder, get};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Tags that name the owner, in any case.
const OWNER: &[&str] = &["owner", "team"];
/// Tags that name the issuer. `ProviderAddress` is that of Azure's own rotation functions.
const ISSUER: &[&str] = &["issuer", "issued-by", "ProviderAddress"];
const PROVIDER: &[&str] = &["provider", "stanch-provider"];
const RUNBOOK: &[&str] = &["runbook", "stanch-runbook"];
const PERIOD: &[&str] = &["rotate-every", "ValidityPeriodDays"];

/// The runbook for a secret that nothing else is said of.
pub const USUAL_RUNBOOK: &str = "secret-exposure";

/// All entries, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    entries: Vec<Entry>,
}

/// What is said of the secrets that a pattern fits.
#[derive(Clone, Debug)]
struct Entry {
    /// A pattern of a secret's name.
    secret: String,
    /// A pattern of a vault's name.
    vault: String,
    facts: SecretFacts,
    /// What the provider needs to know: names and addresses, never a value.
    settings: Map<String, Value>,
    /// Who is meant to read them: object ids in lower case, and what people call them, or nothing.
    readers: BTreeMap<String, Option<String>>,
}

/// What is known of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecretFacts {
    pub owner: Option<String>,
    /// Who issues the credential, for people: `Stripe`.
    pub issuer: Option<String>,
    /// How stanch rotates it: `random`, `manual`, `postgres`.
    pub provider: Option<String>,
    /// The runbook that fits, as the configuration says: a path, or the name of a built-in.
    pub runbook: Option<String>,
    /// What a tag says of it: a name, which is never a path.
    #[serde(skip)]
    pub tagged_runbook: Option<String>,
    /// How long a version is good for.
    #[serde(skip)]
    pub rotate_every: Option<Duration>,
}

impl Inventory {
    /// What is known of a secret: its tags first, then the first entry that fits and speaks of it.
    pub fn facts(&self, vault: &str, secret: &str, tags: &BTreeMap<String, String>) -> SecretFacts {
        let mut facts = of_tags(tags);
        let fitting =
            self.entries.iter().filter(|entry| matches(&entry.secret, secret) && matches(&entry.vault, vault));
        for Entry { facts: said, .. } in fitting {
            let SecretFacts { owner, issuer, provider, runbook, rotate_every, .. } = said.clone();
            facts.owner = facts.owner.or(owner);
            facts.issuer = facts.issuer.or(issuer);
            facts.provider = facts.provider.or(provider);
            facts.runbook = facts.runbook.or(runbook);
            facts.rotate_every = facts.rotate_every.or(rotate_every);
        }
        facts
    }

    /// Who is meant to read a secret, by all entries that fit: object ids in lower case, and what people call them.
    pub fn readers(&self, vault: &str, secret: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
        let fitting =
            self.entries.iter().filter(move |entry| matches(&entry.secret, secret) && matches(&entry.vault, vault));
        fitting.flat_map(|entry| entry.readers.iter().map(|(oid, name)| (oid.as_str(), name.as_deref())))
    }

    /// The programs that its entries let a run start, each once.
    pub fn programs(&self) -> Vec<&str> {
        let named = self.entries.iter().filter_map(|entry| entry.settings.get("program"));
        let mut programs: Vec<&str> =
            named.filter_map(|program| program.as_str().or_else(|| program.get(0)?.as_str())).collect();
        programs.sort_unstable();
        programs.dedup();
        programs
    }

    /// Who issues a secret: the first entry that fits and names a provider, with its settings.
    pub fn issuer(&self, vault: &str, secret: &str) -> Option<(&str, &Map<String, Value>)> {
        let fitting =
            self.entries.iter().filter(|entry| matches(&entry.secret, secret) && matches(&entry.vault, vault));
        fitting.filter_map(|entry| Some((entry.facts.provider.as_deref()?, &entry.settings))).next()
    }
}

fn of_tags(tags: &BTreeMap<String, String>) -> SecretFacts {
    let tag = |names: &[&str]| {
        let named = |name: &&str| tags.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(name));
        names.iter().find_map(named).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let text = |names| tag(names).map(str::to_owned);
    SecretFacts {
        owner: text(OWNER),
        issuer: text(ISSUER),
        provider: text(PROVIDER),
        runbook: None,
        tagged_runbook: text(RUNBOOK),
        rotate_every: tag(PERIOD).and_then(period),
    }
}

/// `90d`, or a number of days.
fn period(text: &str) -> Option<Duration> {
    match text.parse::<u32>() {
        Ok(days) => Some(Duration::from_secs(u64::from(days) * 86_400)),
        Err(_) => duration::parse(text).ok(),
    }
}

/// Whether a name fits a pattern, in which `*` stands for anything and `?` for one character. Case does not matter,
/// as it does not in Key Vault.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.to_lowercase().chars().collect(), name.to_lowercase().chars().collect());
    // `fits[n]`: whether the pattern so far fits the first n characters of the name.
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        for (index, fit) in next.iter_mut().enumerate() {
            let before = index.checked_sub(1);
            let at = before.and_then(|before| name.get(before));
            *fit = match wanted {
                '*' => fits.get(..=index).is_some_and(|fits| fits.contains(&true)),
                wanted => {
                    at.is_some_and(|at| wanted == '?' || *at == wanted)
                        && before.and_then(|before| fits.get(before)) == Some(&true)
                }
            };
        }
        fits = next;
    }
    fits.last() == Some(&true)
}

/// Words in the names of settings that hold a secret; none of a provider's own has one.
const SECRET_KEYS: [&str; 6] = ["password", "secret", "token", "credential", "key", "connection"];

impl SettingsDecoder<'_> {
    /// Reads the section: a list of entries, each with the pattern it is about.
    pub(super) fn inventory(&mut self, node: &Node) -> Inventory {
        let NodeValue::List(entries) = &node.value else {
            let help = "write `- { secret: \"stripe-*\", owner: payments-team }` lines";
            self.wrong(format!("`inventory` must be a list, not {}", node.kind()), node.span, help);
            return Inventory::default();
        };
        Inventory { entries: entries.iter().filter_map(|entry| self.inventory_entry(entry)).collect() }
    }

    fn inventory_entry(&mut self, node: &Node) -> Option<Entry> {
        let what = "an entry of `inventory`";
        let known =
            ["secret", "vault", "owner", "issuer", "provider", "settings", "runbook", "rotate_every", "readers"];
        let entries = self.entries(node, what, &known);
        let secret = self.required(&entries, "secret", what, node.span)?;
        let vault = get(&entries, "vault").and_then(|node| self.text(node, "`vault`"));
        let mut text = |name: &str| get(&entries, name).and_then(|node| self.text(node, &format!("`{name}`")));
        let (owner, issuer, provider, runbook) = (text("owner"), text("issuer"), text("provider"), text("runbook"));
        let rotate_every = get(&entries, "rotate_every").and_then(|node| {
            let text = self.text(node, "`rotate_every`")?;
            let parsed = duration::parse(&text);
            if parsed.is_err() {
                self.wrong(format!("`{text}` is not a length of time"), node.span, "write `90d`");
            }
            parsed.ok()
        });
        // A path is relative to the folder of the configuration, as all of its paths are.
        let is_path = |name: &String| name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml");
        let runbook = runbook.map(|name| match is_path(&name) {
            true => self.folder.join(name).display().to_string(),
            false => name,
        });
        let facts = SecretFacts { owner, issuer, provider, runbook, tagged_runbook: None, rotate_every };
        if let Some(place) = get(&entries, "settings").and_then(literal) {
            self.literals.push(place);
            let help =
                "whoever reads the file would have it; settings hold names and addresses, and the URLs of secrets";
            self.wrong(format!("a secret stands in {what}"), place, help);
        }
        let settings = match get(&entries, "settings").map(|node| (json(node), node.span)) {
            None => Map::new(),
            Some((Value::Object(settings), _)) => settings,
            Some((_, span)) => {
                self.wrong(format!("the settings in {what} must be a mapping"), span, "write `key: value` lines");
                Map::new()
            }
        };
        let readers = get(&entries, "readers").map(|node| self.callers(node, "readers")).unwrap_or_default();
        Some(Entry { secret, vault: vault.unwrap_or_else(|| "*".to_owned()), facts, settings, readers })
    }
}

/// Where a value lies that is a secret by its name, or an address with a password in it.
fn literal(node: &Node) -> Option<Span> {
    match &node.value {
        NodeValue::Map(entries) => entries.iter().find_map(|(key, value)| {
            let name = key.name.to_lowercase();
            let is_secret = SECRET_KEYS.iter().any(|word| name.contains(word));
            if is_secret { Some(value.span) } else { literal(value) }
        }),
        NodeValue::List(nodes) => nodes.iter().find_map(literal),
        NodeValue::String(text) => {
            let holds = url::Url::parse(text).is_ok_and(|url| url.password().is_some());
            holds.then_some(node.span)
        }
        _ => None,
    }
}

fn json(node: &Node) -> Value {
    match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Bool(value) => (*value).into(),
        NodeValue::Int(value) => (*value).into(),
        NodeValue::Float(value) => (*value).into(),
        NodeValue::String(text) => text.clone().into(),
        NodeValue::List(nodes) => nodes.iter().map(json).collect(),
        NodeValue::Map(entries) => {
            let entry = |(key, node): &(PlacedKey, Node)| (key.name.clone(), json(node));
            Value::Object(entries.iter().map(entry).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("stripe-*", "Stripe-PlacedKey", true),
            ("stripe-*", "my-stripe-key", false),
            ("*-db", "orders-db", true),
            ("*a*b*", "xxaxxbxx", true),
            ("ord?rs", "orders", true),
            ("ord?rs", "ordrs", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
