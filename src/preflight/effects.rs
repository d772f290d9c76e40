//! What a step would do to what, as far as it can be told before the steps before it have run.

use super::secrets::Seen;
use super::{Effect, Issuer};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::issuers::{IssuerClaim, IssuerKind};
use crate::plan::{Class, Plan, Spec};
use crate::runbook::duration;
use crate::runbook::expression::{Scope, Template};
use crate::runbook::model::Step;
use crate::vault::SecretUrl;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a step takes that only talks to other systems.
const TALK_SECONDS: u64 = 2;

/// A step, with those of its parameters that are known before the run.
pub(super) struct Known<'a> {
    pub(super) step: &'a Step,
    pub(super) spec: &'a Spec,
    pub(super) with: Map<String, Value>,
    needs: Vec<String>,
    skipped: Option<String>,
    gate: Option<String>,
    /// The number of its items, if it is done for each item of a list and the list is known.
    items: Option<Option<usize>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(plan: &'a Plan, step: &'a Step, spec: &'a Spec, scope: &dyn Scope) -> Self {
        let mut with = Map::new();
        for parameter in &step.with {
            if let Some(value) = early(&parameter.value.value, scope).filter(|value| !value.is_null()) {
                with.insert(parameter.name.clone(), value);
            }
        }
        let items = step.for_each.as_ref().map(|list| match early(&list.value, scope) {
            Some(Value::Array(items)) => Some(items.len()),
            _ => None,
        });
        let needs = plan.order.step(&step.id.value).map(|ordered| ordered.needs.clone()).unwrap_or_default();
        let gate = gate(plan, step, scope);
        Self { step, spec, with, needs, skipped: skipped(plan, step, scope), gate, items }
    }

    /// The secret that it works on.
    pub(super) fn secret(&self) -> Option<SecretUrl> {
        let secret = self.with.get("secret").and_then(Value::as_str)?;
        SecretUrl::parse(secret).ok().filter(|_| self.skipped.is_none())
    }

    /// Since when it looks into the audit trail.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let since =
            self.with.get("since").and_then(Value::as_str).filter(|_| self.step.uses.value.starts_with("audit/"));
        chrono::DateTime::parse_from_rfc3339(since?).ok().map(|since| since.with_timezone(&chrono::Utc))
    }

    /// Whether it takes versions away.
    pub(super) fn revokes(&self) -> bool {
        self.spec.class == Class::Irreversible && self.skipped.is_none()
    }

    /// Whom it tells, if it tells somebody: the kind of channel, and the channel's name where one is named.
    pub(super) fn tells(&self) -> Option<(&str, Option<&str>)> {
        let kind = self.step.uses.value.strip_prefix("notify/").filter(|_| self.skipped.is_none())?;
        Some((kind, self.with.get("channel").and_then(Value::as_str)))
    }

    /// What the step says of the issuer.
    pub(super) fn said(&self) -> IssuerClaim {
        let kind = |name: &str| IssuerKind::parse(self.with.get(name)?.as_str()?);
        let settings = self.with.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
        IssuerClaim { provider: kind("provider"), settings, fallback: kind("fallback"), in_words: None }
    }

    /// Whether it ends the old credential before the new one is published.
    pub(super) fn revokes_first(&self) -> bool {
        self.with.get("revoke_first").and_then(Value::as_bool).unwrap_or_default()
    }

    /// The secret whose sites it refreshes, and the subscription that it looks through, if there is one.
    pub(super) fn refreshes(&self, config: &Config) -> Option<(SecretUrl, String)> {
        let refreshes = self.step.uses.value == "appservice/refresh";
        let secret = self.secret().filter(|_| refreshes)?;
        let given = self.with.get("subscription").and_then(Value::as_str).filter(|given| !given.is_empty());
        Some((secret, given.map(str::to_owned).or_else(|| config.subscription.clone())?))
    }

    pub(super) fn effect(
        &self,
        seen: &BTreeMap<String, Seen>,
        issuers: &BTreeMap<String, Issuer>,
        config: &Config,
    ) -> Effect {
        let secret = self.secret().map(|secret| secret.to_string()).unwrap_or_default();
        let does = self.at_issuer(issuers.get(&secret), config).unwrap_or_else(|| self.does(seen.get(&secret), config));
        let does = match self.items {
            None => does,
            Some(Some(count)) => format!("{does}, for each of {count} items"),
            Some(None) => format!("{does}, for each item of a list that is not known yet"),
        };
        Effect {
            id: self.step.id.value.clone(),
            uses: self.step.uses.value.clone(),
            class: self.spec.class.name(),
            does,
            if_lost: self.spec.if_lost,
            gate: self.gate.clone(),
            skipped: self.skipped.clone(),
            seconds: self.seconds(),
        }
    }

    /// What it does at the issuer, if it works there and the issuer is known.
    fn at_issuer(&self, issuer: Option<&Issuer>, config: &Config) -> Option<String> {
        let name = self.secret().map(|secret| secret.name).unwrap_or_default();
        let action = self.step.uses.value.as_str();
        if action == "appservice/refresh" {
            return Some(match self.refreshes(config) {
                Some(_) => format!("makes the sites that refer to {name} fetch it anew"),
                None => "nothing: no subscription is named".to_owned(),
            });
        }
        let Issuer { provider, old, next, revoke_first, by_hand, .. } = issuer?;
        let is_random = *provider == "random";
        Some(match action {
            "issuer/identify" => format!("who issues {name}, and what ending the old one breaks"),
            "keyvault/rotate" if is_random => format!("1 new version of {name}, drawn at random"),
            "keyvault/rotate" if by_hand.is_some() || next.is_empty() => {
                format!("1 new version of {name}, issued by `{provider}`")
            }
            "keyvault/rotate" => format!("1 new version of {name}: {next} of `{provider}`"),
            "issuer/revoke" | "issuer/prove" if is_random => "nothing: the vault is taken for the issuer".to_owned(),
            "issuer/revoke" if *revoke_first => format!("nothing more: {old} was ended before `rotate` published"),
            "issuer/revoke" if by_hand.is_some() => format!("asks a person to revoke {old} at `{provider}`"),
            "issuer/revoke" => format!("ends {old} at `{provider}`"),
            "issuer/prove" => format!("{old} must be refused by `{provider}`"),
            "issuer/close" => format!("nothing of {name} may be left behind"),
            _ => return None,
        })
    }

    fn does(&self, seen: Option<&Seen>, config: &Config) -> String {
        let text = |name: &str| self.with.get(name).and_then(Value::as_str);
        let name = self.secret().map(|secret| secret.name).unwrap_or_else(|| "the secret".to_owned());
        match self.step.uses.value.as_str() {
            "keyvault/check" => format!("looks at {name}: who we are, what is there"),
            "keyvault/rotate" => {
                let provider = text("provider").map(|provider| format!(", issued by `{provider}`")).unwrap_or_default();
                format!("1 new version of {name}{provider}")
            }
            "keyvault/await_readers" => {
                let readers = seen.map_or_else(String::new, |seen| format!(" for {}", people(seen.readers, "reader")));
                format!("waits up to {}{readers}", duration::format(self.waits()))
            }
            "keyvault/disable_old" => match seen {
                Some(seen) => format!("disables {} of {name}", people(seen.enabled, "version")),
                None => format!("disables the older versions of {name}"),
            },
            "keyvault/reconcile" => format!("versions of {name} that arrived late"),
            "keyvault/prove_revoked" => format!("every older version of {name} must answer 403"),
            "audit/blast_radius" => {
                let since =
                    self.since().map(|since| since.format(" since %m-%d %H:%M").to_string()).unwrap_or_default();
                let requery = self.with.get("requery").and_then(Value::as_array);
                let again: Vec<&str> = requery.into_iter().flatten().filter_map(Value::as_str).collect();
                let again =
                    if again.is_empty() { String::new() } else { format!("; again after {}", again.join(", ")) };
                format!("who read {name}{since}, and what else{again}")
            }
            "human/approve" => self.asks(),
            "human/do" => {
                let tasks = self.with.get("checklist").and_then(Value::as_array).map_or(0, Vec::len);
                let tasks = if tasks == 0 { String::new() } else { format!(" ({})", people(tasks, "task")) };
                format!("by hand: {}{tasks}", text("instructions").unwrap_or(self.spec.summary))
            }
            "wait" => format!("waits {}", duration::format(self.waits())),
            "http/check" => format!("asks {}", text("url").unwrap_or("a URL")),
            notify if notify.starts_with("notify/") => {
                let kind = notify.trim_start_matches("notify/");
                let channel = config.channels.iter().find(|(channel, configured)| {
                    configured.kind() == kind && text("channel").is_none_or(|named| named == channel.as_str())
                });
                channel.map_or_else(|| "nobody is told".to_owned(), |(channel, _)| format!("message to `{channel}`"))
            }
            _ => match (self.secret(), &self.step.name) {
                (Some(secret), _) => format!("{} ({})", self.spec.summary, secret.name),
                (None, _) => self.spec.summary.to_owned(),
            },
        }
    }

    fn asks(&self) -> String {
        let min = self.with.get("min").and_then(Value::as_u64).unwrap_or(1);
        let from = self.with.get("from").and_then(Value::as_array);
        let from: Vec<&str> = from.into_iter().flatten().filter_map(Value::as_str).collect();
        let from = if from.is_empty() { String::new() } else { format!(" of {}", from.join(", ")) };
        let requester = self.with.get("not_requester").and_then(Value::as_bool).unwrap_or_default();
        let not_you = if requester { ", not you" } else { "" };
        let expires = self.with.get("expires").and_then(Value::as_str);
        let within = expires.map(|expires| format!(", within {expires}")).unwrap_or_default();
        format!("{min} yes{from}{not_you}{within}")
    }

    /// How long it waits at most.
    fn waits(&self) -> Duration {
        let of = |name: &str| self.with.get(name).and_then(Value::as_str).and_then(|text| duration::parse(text).ok());
        match self.step.uses.value.as_str() {
            "keyvault/await_readers" => of("overlap").unwrap_or(Duration::from_secs(15 * 60)),
            "wait" => of("for").unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    fn seconds(&self) -> u64 {
        match (&self.skipped, self.spec.class) {
            (Some(_), _) | (None, Class::Human) => 0,
            _ => {
                let at_a_time = self.step.concurrency.as_ref().map_or(1, |concurrency| concurrency.value);
                let rounds = self.items.flatten().map_or(1, |count| count.div_ceil(at_a_time));
                let once = self.waits().as_secs().max(TALK_SECONDS);
                once.saturating_mul(u64::try_from(rounds).unwrap_or(u64::MAX))
            }
        }
    }
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
            let end = (before.0 + step.seconds(), before.1 + step.waits().as_secs().min(step.seconds()));
            if ends.get(step.step.id.value.as_str()) == Some(&end) {
                continue;
            }
            ends.insert(&step.step.id.value, end);
        }
    }
    for step in known.iter().filter(|known| plan.is_finally(&known.step.id.value)) {
        at_last = (at_last.0 + step.seconds(), at_last.1 + step.waits().as_secs().min(step.seconds()));
    }
    let longest = ends.values().max().copied().unwrap_or_default();
    (longest.0 + at_last.0, longest.1 + at_last.1)
}

/// The value of a template that rests on nothing that a step has yet to tell.
fn early(template: &Template, scope: &dyn Scope) -> Option<Value> {
    let late = template.mentions("steps") || template.mentions("item");
    if late { None } else { template.evaluate(scope).ok() }
}

/// Why a step is sure not to run.
fn skipped(plan: &Plan, step: &Step, scope: &dyn Scope) -> Option<String> {
    let sources = |template: &Template| {
        template.expressions().iter().map(|expression| format!("`{}`", expression.source())).collect::<String>()
    };
    let skip_if = plan.runbook.policy.gates.skip_if.as_ref().filter(|_| step.uses.value == "human/approve");
    if let Some(skip_if) = skip_if
        && early(&skip_if.value, scope) == Some(Value::Bool(true))
    {
        return Some(format!("the policy skips gates: {}", sources(&skip_if.value)));
    }
    let condition = step.condition.as_ref()?;
    let never = early(&condition.value, scope) == Some(Value::Bool(false));
    never.then(|| format!("its condition does not hold: {}", sources(&condition.value)))
}

/// The nearest gate before a step that may have to be passed.
fn gate(plan: &Plan, step: &Step, scope: &dyn Scope) -> Option<String> {
    let mut open = vec![step.id.value.clone()];
    let mut met = Vec::new();
    while let Some(id) = open.pop() {
        for need in plan.order.step(&id)?.needs.clone() {
            if met.contains(&need) {
                continue;
            }
            met.push(need.clone());
            let needed = plan.step(&need)?;
            if needed.uses.value.starts_with("human/") && skipped(plan, needed, scope).is_none() {
                return Some(need);
            }
            open.push(need);
        }
    }
    None
}

fn people(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
