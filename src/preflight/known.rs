//! A step, as far as it is known before the run.

use crate::actions::{Action, PlanLine, Surroundings};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::engine::event::Mode;
use crate::issuers::IssuerClaim;
use crate::plan::{Aim, Class, Plan};
use crate::runbook::expression::{Scope, Template};
use crate::runbook::model::Step;
use crate::vault::SecretUrl;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

type Actions = BTreeMap<&'static str, Action>;

/// A step, with what its action says of it by those of its parameters that are known before the run.
pub(super) struct Known<'a> {
    pub(super) step: &'a Step,
    pub(super) action: &'a Action,
    pub(super) with: Map<String, Value>,
    pub(super) late: Vec<String>,
    pub(super) line: PlanLine,
    pub(super) needs: Vec<String>,
    pub(super) skipped: Option<String>,
    pub(super) gate: Option<String>,
    /// The number of its items, if it is done for each item of a list and the list is known.
    pub(super) items: Option<Option<usize>>,
}

impl<'a> Known<'a> {
    /// Nothing of a step whose action there is none of.
    pub(super) fn new(
        plan: &'a Plan,
        step: &'a Step,
        actions: &'a Actions,
        scope: &dyn Scope,
        config: &Config,
    ) -> Option<Self> {
        let action = actions.get(step.uses.value.as_str())?;
        let with = parameters(step, scope);
        let late = late(step, scope);
        let unseen = Surroundings {
            subscription: config.subscription.clone(),
            approvers: config.approvers.clone(),
            verified_only: config.verified_only,
            late: late.clone(),
            ..Surroundings::default()
        };
        let line = action.plan_line(with.clone(), &unseen);
        let items = step.for_each.as_ref().map(|list| match early(&list.value, scope) {
            Some(Value::Array(items)) => Some(items.len()),
            _ => None,
        });
        let needs = plan.order.step(&step.id.value).map(|ordered| ordered.needs.clone()).unwrap_or_default();
        let gate = gate(plan, step, actions, scope);
        let skipped = skipped(plan, step, action, scope);
        Some(Self { step, action, with, late, line, needs, skipped, gate, items })
    }

    /// The secret that it works on.
    pub(super) fn secret(&self) -> Option<SecretUrl> {
        self.line.secret.clone().filter(|_| self.skipped.is_none())
    }

    /// Since when it looks into the audit trail.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.line.since
    }

    /// Whether it takes versions away.
    pub(super) fn revokes(&self) -> bool {
        self.action.spec.class == Class::Irreversible && self.skipped.is_none()
    }

    /// Whom it tells, if it tells somebody: the kind of channel, and the channel's name where one is named.
    pub(super) fn tells(&self) -> Option<(&str, Option<&str>)> {
        let (kind, named) = self.line.tells.as_ref().filter(|_| self.skipped.is_none())?;
        Some((kind, named.as_deref()))
    }

    /// Whether it replaces a credential.
    pub(super) fn replaces(&self) -> bool {
        self.line.replaces.is_some()
    }

    /// What the step says of the issuer.
    pub(super) fn said(&self) -> IssuerClaim {
        self.line.replaces.as_ref().map(|replaces| replaces.said.clone()).unwrap_or_default()
    }

    /// Whether it ends the old credential before the new one is published.
    pub(super) fn revokes_first(&self) -> bool {
        self.line.replaces.as_ref().is_some_and(|replaces| replaces.revoke_first)
    }

    /// The secret whose sites it refreshes, and the subscription that it looks through, if there is one.
    pub(super) fn refreshes(&self) -> Option<(SecretUrl, String)> {
        self.secret().zip(self.line.refreshes.clone())
    }
}

/// Those of a step's parameters that are known before the run.
pub(super) fn parameters(step: &Step, scope: &dyn Scope) -> Map<String, Value> {
    let known = |template| early(template, scope).filter(|value| !value.is_null());
    let parameters = step.with.iter();
    parameters.filter_map(|one| Some((one.name.clone(), known(&one.value.value)?))).collect()
}

/// The names of those that are not.
pub(super) fn late(step: &Step, scope: &dyn Scope) -> Vec<String> {
    let late = step.with.iter().filter(|parameter| early(&parameter.value.value, scope).is_none());
    late.map(|parameter| parameter.name.clone()).collect()
}

/// The value of a template that rests on nothing that a step has yet to tell.
fn early(template: &Template, scope: &dyn Scope) -> Option<Value> {
    let late = template.mentions("steps") || template.mentions("item");
    if late { None } else { template.evaluate(scope).ok() }
}

/// Why a step is sure not to run.
fn skipped(plan: &Plan, step: &Step, action: &Action, scope: &dyn Scope) -> Option<String> {
    let sources = |template: &Template| {
        template.expressions().iter().map(|expression| format!("`{}`", expression.source())).collect::<String>()
    };
    let skip_if = plan.runbook.policy.gates.skip_if.as_ref().filter(|_| action.spec.aim == Aim::Gate);
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
fn gate(plan: &Plan, step: &Step, actions: &Actions, scope: &dyn Scope) -> Option<String> {
    let mut open = vec![step.id.value.clone()];
    let mut met = Vec::new();
    while let Some(id) = open.pop() {
        for need in plan.order.step(&id)?.needs.clone() {
            if met.contains(&need) {
                continue;
            }
            met.push(need.clone());
            let needed = plan.step(&need)?;
            let person = actions.get(needed.uses.value.as_str()).filter(|action| action.spec.class == Class::Human);
            if person.is_some_and(|action| skipped(plan, needed, action, scope).is_none()) {
                return Some(need);
            }
            open.push(need);
        }
    }
    None
}

/// What expressions can see before a run: no step has an output yet.
pub(super) fn scope(plan: &Plan, mode: Mode, now: Timestamp) -> Map<String, Value> {
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
