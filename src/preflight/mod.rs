//! A plan becomes what it would do: a look at the world before anything is changed.
//!
//! The main type is [`Preflight`]. Nothing here writes: requests are reads of the vault, of the audit trail and of the
//! secrets that the configuration refers to, and greetings to mail servers.

mod channels;
mod effects;
mod issuers;
mod secrets;
mod sites;

use crate::actions::OVERLAP;
use crate::azure::Azure;
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::correlation::Prefix;
use crate::engine::event::Mode;
use crate::plan::{Catalogue, Plan};
use crate::runbook::duration;
use effects::Known;
use secrets::Seen;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What was seen before anything is changed, and what every step would do.
#[derive(Clone, Debug, Serialize)]
pub struct Preflight {
    /// How stanch signed in; nothing where nobody had to.
    pub identity: Option<String>,
    /// Who it is, as far as the token tells.
    pub principal: Option<String>,
    pub checks: Vec<Check>,
    /// Who issues what would be replaced.
    pub issuers: Vec<Issuer>,
    /// Consumers that fail once the old versions are disabled.
    pub breaks: Vec<Broken>,
    pub steps: Vec<Effect>,
    /// How long it takes at most, without the time that people take, in seconds.
    pub expected_seconds: u64,
    /// How much of it is waiting, in seconds.
    pub waiting_seconds: u64,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub verdict: Verdict,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What became of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Fine,
    /// The run goes on, with less than could be had.
    Warning,
    /// The run would stop there.
    Failed,
    /// It cannot be seen by reading.
    Unseen,
}

/// A consumer that fails once the old versions are disabled.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    pub consumer: String,
    /// The version it asks for.
    pub version: String,
    /// Why we think so.
    pub because: String,
    pub help: String,
}

/// Who issues a secret, and what ending the old credential would break.
#[derive(Clone, Debug, Serialize)]
pub struct Issuer {
    pub secret: String,
    pub provider: &'static str,
    /// Why this one, and where that is written.
    pub because: String,
    /// Nothing names an issuer, so the vault is taken for it.
    pub assumed: bool,
    /// The credential in the current version; empty where it has no name.
    pub old: String,
    /// The one to come, where it is known beforehand.
    pub next: String,
    /// Whether the old one would be ended before the new one is published.
    pub revoke_first: bool,
    pub breaks_with_overlap: String,
    pub breaks_with_revoke_first: String,
    /// What a person would be asked to do at the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
}

/// What one step would do.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    pub id: String,
    pub uses: String,
    pub class: &'static str,
    pub does: String,
    /// What happens if an answer is lost.
    pub if_lost: &'static str,
    /// The gate that it waits behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Why it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// How long it takes at most, in seconds.
    pub seconds: u64,
}

impl Check {
    fn new(verdict: Verdict, what: impl Into<String>) -> Self {
        Self { verdict, what: what.into(), help: None }
    }

    fn fine(what: impl Into<String>) -> Self {
        Self::new(Verdict::Fine, what)
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn of(verdict: Verdict, failure: &crate::failure::Failure) -> Self {
        let why = failure.reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
        Self { verdict, what: format!("{}{why}", failure.summary), help: failure.help.clone() }
    }
}

/// Looks at everything that a plan would touch.
///
/// `own` tells stanch's own requests of before by the beginning of their ids: none of them is a consumer's.
pub async fn look(
    plan: &Plan,
    catalogue: &Catalogue,
    azure: &Azure,
    config: &Config,
    mode: Mode,
    own: &[Prefix],
) -> Preflight {
    let now = clock::now();
    let scope = scope(plan, mode, now);
    let mut known: Vec<Known<'_>> = Vec::new();
    for step in plan.steps() {
        if let Some(spec) = catalogue.get(step.uses.value.as_str()) {
            known.push(Known::new(plan, step, spec, &scope));
        }
    }
    let since = known.iter().find_map(Known::since).unwrap_or(now - chrono::Duration::days(1));
    let overlap = overlap(plan, &scope);
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let mut checks = Vec::new();
    for secret in known.iter().filter_map(Known::secret) {
        if let Entry::Vacant(place) = seen.entry(secret.to_string()) {
            let found = secrets::look(&secret, azure, config, own, (since, now), overlap).await;
            checks.extend(found.checks.clone());
            place.insert(found);
        }
    }
    let issuers = issuers_of(&known, &seen, azure, config, &mut checks).await;
    sites_of(&known, &mut seen, azure, config, &mut checks).await;
    let revoked: BTreeSet<String> =
        known.iter().filter(|known| known.revokes()).filter_map(Known::secret).map(|url| url.to_string()).collect();
    let revoked = seen.iter().filter(|(url, _)| revoked.contains(*url));
    let breaks = revoked.flat_map(|(_, seen)| seen.pinned.clone()).collect();
    checks.extend(channels::look(&known, azure, config).await);
    let (expected_seconds, waiting_seconds) = effects::duration(plan, &known);
    Preflight {
        identity: azure.identity.name(),
        principal: azure.identity.principal(),
        checks,
        breaks,
        steps: known.iter().map(|known| known.effect(&seen, &issuers, config)).collect(),
        issuers: issuers.into_values().collect(),
        expected_seconds,
        waiting_seconds,
    }
}

/// The issuers of what would be replaced. What stands in no vault has none to look at.
async fn issuers_of(
    known: &[Known<'_>],
    seen: &BTreeMap<String, Seen>,
    azure: &Azure,
    config: &Config,
    checks: &mut Vec<Check>,
) -> BTreeMap<String, Issuer> {
    let mut issuers = BTreeMap::new();
    let mut asked = BTreeSet::new();
    for step in known.iter().filter(|step| step.step.uses.value == "keyvault/rotate") {
        let Some(secret) = step.secret() else { continue };
        let url = secret.to_string();
        if seen.get(&url).is_some_and(|seen| seen.versions > 0) && asked.insert(url.clone()) {
            let (check, issuer) = issuers::look(step, &secret, azure, config).await;
            checks.push(check);
            issuers.extend(issuer.map(|issuer| (url, issuer)));
        }
    }
    issuers
}

/// The sites that refer to what would be replaced; those that are pinned to a version fail once it is disabled.
async fn sites_of(
    known: &[Known<'_>],
    seen: &mut BTreeMap<String, Seen>,
    azure: &Azure,
    config: &Config,
    checks: &mut Vec<Check>,
) {
    for (secret, subscription) in known.iter().filter_map(|step| step.refreshes(config)) {
        let Some(seen) = seen.get_mut(&secret.to_string()).filter(|seen| seen.versions > 0) else { continue };
        let (check, pinned) = sites::look(&secret, &subscription, azure).await;
        checks.push(check);
        // The setting tells more than that the site was seen asking.
        let named: Vec<String> = pinned.iter().map(|broken| broken.consumer.to_lowercase()).collect();
        seen.pinned.retain(|broken| !named.contains(&broken.consumer.to_lowercase()));
        seen.pinned.extend(pinned);
    }
}

impl Preflight {
    /// Whether the run would stop before it has changed anything.
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == Verdict::Failed)
    }
}

/// The longest that readers are waited for, if they are at all.
fn overlap(plan: &Plan, scope: &Map<String, Value>) -> Option<Duration> {
    let waits = plan.steps().filter(|step| step.uses.value == "keyvault/await_readers");
    let length = waits.map(|step| {
        let given = step.with.iter().find(|parameter| parameter.name == "overlap");
        let given = given.and_then(|overlap| overlap.value.value.evaluate(scope).ok());
        given.and_then(|overlap| duration::parse(overlap.as_str()?).ok()).unwrap_or(OVERLAP)
    });
    length.max()
}

/// What expressions can see before a run: no step has an output yet.
fn scope(plan: &Plan, mode: Mode, now: Timestamp) -> Map<String, Value> {
    let run = json!({
        "id": "",
        "runbook": plan.runbook.name,
        "mode": mode,
        "operator": "",
        "started_at": now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    });
    Map::from_iter([
        ("inputs".to_owned(), Value::Object(plan.inputs.clone())),
        ("run".to_owned(), run),
        ("policy".to_owned(), plan.policy()),
    ])
}
