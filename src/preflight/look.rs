//! The look itself: a plan becomes a [`Preflight`].

use super::effects::{self, Effect};
use super::findings::{Broken, Check, CheckResult, Issuer};
use super::known::{self, Known, scope};
use super::secrets::{self, Seen};
use super::{channels, issuers, sites};
use crate::actions::{Action, Surroundings};
use crate::azure::Azure;
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::correlation::Prefix;
use crate::engine::asks::Asks;
use crate::engine::event::Mode;
use crate::failure::Failure;
use crate::plan::{Aim, Plan};
use crate::runbook::model::Step;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

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

/// Looks at everything that a plan would touch.
///
/// `own` tells stanch's own requests of before by the beginning of their ids: none of them is a consumer's.
pub async fn look(
    plan: &Plan,
    actions: &BTreeMap<&'static str, Action>,
    azure: &Azure,
    config: &Config,
    mode: Mode,
    own: &[Prefix],
) -> Preflight {
    let now = clock::now();
    let scope = scope(plan, mode, now);
    let known: Vec<Known<'_>> =
        plan.steps().filter_map(|step| Known::new(plan, step, actions, &scope, config)).collect();
    let since = known.iter().find_map(Known::since).unwrap_or(now - chrono::Duration::days(1));
    // The longest that readers are waited for, if they are at all.
    let waiting = known.iter().filter(|known| known.action.spec.aim == Aim::AwaitReaders);
    let overlap = waiting.map(|known| known.line.waits).max();
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
    sites_of(&known, &mut seen, azure, &mut checks).await;
    let revoked: BTreeSet<String> =
        known.iter().filter(|known| known.revokes()).filter_map(Known::secret).map(|url| url.to_string()).collect();
    let revoked = seen.iter().filter(|(url, _)| revoked.contains(*url));
    let breaks = revoked.flat_map(|(_, seen)| seen.pinned.clone()).collect();
    checks.extend(channels::look(&known, azure, config).await);
    checks.extend(channels::chat(azure, config).await);
    let (expected_seconds, waiting_seconds) = effects::duration(plan, &known);
    Preflight {
        identity: azure.identity.name(),
        principal: azure.identity.principal(),
        checks,
        breaks,
        steps: known.iter().map(|known| effects::effect(known, &seen, &issuers, config)).collect(),
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
    for step in known.iter().filter(|step| step.replaces()) {
        let Some(secret) = step.secret() else { continue };
        let url = secret.to_string();
        if seen.get(&url).is_some_and(|seen| seen.versions > 0) && asked.insert(url.clone()) {
            let (found, issuer) = issuers::look(step, &secret, azure, config).await;
            checks.extend(found);
            issuers.extend(issuer.map(|issuer| (url, issuer)));
        }
    }
    issuers
}

/// The sites that refer to what would be replaced; those that are pinned to a version fail once it is disabled.
async fn sites_of(known: &[Known<'_>], seen: &mut BTreeMap<String, Seen>, azure: &Azure, checks: &mut Vec<Check>) {
    for (secret, subscription) in known.iter().filter_map(Known::refreshes) {
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
        self.checks.iter().any(|check| check.verdict == CheckResult::Failed)
    }

    /// Adds what the run goes on with, and people should know beforehand.
    pub fn warn(&mut self, of: &[Failure]) {
        self.checks.extend(of.iter().map(|failure| Check::of(CheckResult::Warning, failure)));
    }

    /// What cannot be done, a line each.
    pub fn obstacles(&self) -> Vec<String> {
        let failed = self.checks.iter().filter(|check| check.verdict == CheckResult::Failed);
        failed.map(Check::in_a_line).collect()
    }
}

/// The steps that ask people, each with whom, as far as that is known before the run.
pub fn asks(plan: &Plan, actions: &BTreeMap<&'static str, Action>, config: &Config, mode: Mode) -> Vec<(String, Asks)> {
    let scope = scope(plan, mode, clock::now());
    let known = plan.steps().filter_map(|step| Known::new(plan, step, actions, &scope, config));
    let asking = known.filter(|known| known.skipped.is_none());
    asking.filter_map(|known| Some((known.step.id.value.clone(), known.line.asks?))).collect()
}

/// The steps that look into the audit trail, each with the time since when, as far as the inputs alone tell.
pub fn looks_since(plan: &Plan, actions: &BTreeMap<&'static str, Action>) -> Vec<(String, Timestamp)> {
    let scope = Map::from_iter([("inputs".to_owned(), Value::Object(plan.inputs.clone()))]);
    let since = |step: &Step| {
        let action = actions.get(step.uses.value.as_str())?;
        let since = action.plan_line(known::parameters(step, &scope), &Surroundings::default()).since?;
        Some((step.id.value.clone(), since))
    };
    plan.steps().filter_map(since).collect()
}
