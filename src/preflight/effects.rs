//! What a step would do to what, as far as it can be told before the steps before it have run.

use super::findings::Issuer;
use super::known::Known;
use super::secrets::Seen;
use crate::actions::{IssuerSeen, Surroundings};
use crate::config::Config;
use crate::issuers::IssuerKind;
use crate::plan::{Class, Plan};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a step takes that only talks to other systems.
const TALK_SECONDS: u64 = 2;

/// What one step would do.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    pub id: String,
    pub uses: String,
    pub class: Class,
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

/// What a step would do, by what was seen around it.
pub(super) fn effect(
    known: &Known<'_>,
    seen: &BTreeMap<String, Seen>,
    issuers: &BTreeMap<String, Issuer>,
    config: &Config,
) -> Effect {
    let spec = &known.action.spec;
    let surroundings = surroundings(known, seen, issuers, config);
    let does = known.action.plan_line(known.with.clone(), &surroundings).does;
    let does = does.unwrap_or_else(|| match known.secret() {
        Some(secret) => format!("{} ({})", spec.summary, secret.name),
        None => spec.summary.to_owned(),
    });
    let does = match known.items {
        None => does,
        Some(Some(count)) => format!("{does}, for each of {count} items"),
        Some(None) => format!("{does}, for each item of a list that is not known yet"),
    };
    Effect {
        id: known.step.id.value.clone(),
        uses: known.step.uses.value.clone(),
        class: spec.class,
        does,
        if_lost: spec.if_lost,
        gate: known.gate.clone(),
        skipped: known.skipped.clone(),
        seconds: seconds(known),
    }
}

fn surroundings(
    known: &Known<'_>,
    seen: &BTreeMap<String, Seen>,
    issuers: &BTreeMap<String, Issuer>,
    config: &Config,
) -> Surroundings {
    let secret = known.secret().map(|secret| secret.to_string()).unwrap_or_default();
    let seen = seen.get(&secret);
    let channel = known.line.tells.as_ref().and_then(|(kind, named)| {
        let mut channels = config.channels.iter().filter(|(_, channel)| channel.kind().name == *kind);
        channels.find(|(name, _)| named.as_ref().is_none_or(|named| named == *name))
    });
    Surroundings {
        enabled: seen.map(|seen| seen.enabled),
        readers: seen.map(|seen| seen.readers),
        issuer: issuers.get(&secret).map(issuer_seen),
        channel: channel.map(|(name, _)| name.clone()),
        subscription: config.subscription.clone(),
        approvers: config.approvers.clone(),
        verified_only: config.verified_only,
    }
}

fn issuer_seen(issuer: &Issuer) -> IssuerSeen {
    IssuerSeen {
        name: issuer.provider,
        is_vault: issuer.provider == IssuerKind::Random.name(),
        old: issuer.old.clone(),
        next: issuer.next.clone(),
        revoke_first: issuer.revoke_first,
        by_hand: issuer.by_hand.is_some(),
    }
}

fn seconds(known: &Known<'_>) -> u64 {
    if known.skipped.is_some() || known.action.spec.class == Class::Human {
        return 0;
    }
    let at_a_time = known.step.concurrency.as_ref().map_or(1, |concurrency| concurrency.value);
    let rounds = known.items.flatten().map_or(1, |count| count.div_ceil(at_a_time));
    let once = known.line.waits.as_secs().max(TALK_SECONDS);
    once.saturating_mul(u64::try_from(rounds).unwrap_or(u64::MAX))
}

/// The longest way through the steps, and how much of it is waiting, in seconds.
pub(super) fn duration(plan: &Plan, known: &[Known<'_>]) -> (u64, u64) {
    let mut ends: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut at_last = (0, 0);
    // What a step needs stands before it, or comes to its turn in a later round.
    for _ in 0..known.len() {
        for step in known.iter().filter(|known| !plan.is_finally(&known.step.id.value)) {
            let before =
                step.needs.iter().filter_map(|need| ends.get(need.as_str())).max().copied().unwrap_or_default();
            let end = (before.0 + seconds(step), before.1 + step.line.waits.as_secs().min(seconds(step)));
            if ends.get(step.step.id.value.as_str()) == Some(&end) {
                continue;
            }
            ends.insert(&step.step.id.value, end);
        }
    }
    for step in known.iter().filter(|known| plan.is_finally(&known.step.id.value)) {
        at_last = (at_last.0 + seconds(step), at_last.1 + step.line.waits.as_secs().min(seconds(step)));
    }
    let longest = ends.values().max().copied().unwrap_or_default();
    (longest.0 + at_last.0, longest.1 + at_last.1)
}
