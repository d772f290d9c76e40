//! Everything that can be wrong with a runbook although it is well formed, found at once.

mod checker;
mod inputs;
mod names;
mod parameters;
mod reach;
mod waits;

use super::fits::spellings;
use super::order::Graph;
use super::spec::{Aim, Catalogue, Class};
use super::types::Type;
use super::typing::View;
use crate::runbook::expression::Template;
use crate::runbook::model::{Placed, Runbook, Step};
use crate::runbook::{Diagnostic, Span};
use checker::{Checker, item, rule, steps, view_type};
use names::names;
use std::collections::BTreeSet;

/// What was found.
pub(super) struct Checked {
    pub(super) problems: Vec<Diagnostic>,
    /// Places and values that may be secrets, and must not be shown.
    pub(super) hidden: Vec<(Span, String)>,
}

/// Checks a runbook against the actions there are. A fragment by itself is checked as far as that goes without the
/// runbook that includes it.
pub(super) fn check(runbook: &Runbook, catalogue: &Catalogue, is_fragment: bool) -> Checked {
    let names = names(runbook, catalogue, is_fragment);
    let mut check = Checker { runbook, catalogue, names: &names, problems: Vec::new(), hidden: Vec::new() };
    check.inputs();
    check.ids();
    let main = Graph::of(&runbook.steps);
    let finally = Graph::of(&runbook.finally);
    check.needs(&runbook.steps, &main);
    check.needs(&runbook.finally, &finally);
    for (place, step) in runbook.steps.iter().enumerate() {
        check.step(step, &main.before(place));
    }
    for (place, step) in runbook.finally.iter().enumerate() {
        let mut before = finally.before(place);
        before.extend(runbook.steps.iter().map(|step| step.id.value.clone()));
        check.step(step, &before);
    }
    check.policy(&main);
    check.revoke_follows_rotate(&main);
    if !is_fragment {
        check.unused_inputs();
    }
    Checked { problems: check.problems, hidden: check.hidden }
}

impl Checker<'_> {
    fn ids(&mut self) {
        let mut seen = BTreeSet::new();
        for step in steps(self.runbook) {
            if !step.id.value.is_empty() && !seen.insert(step.id.value.as_str()) {
                let problem = Diagnostic::error(format!("two steps are called `{}`", step.id.value), step.id.span);
                self.problems.push(problem.rule("repeated-id").help("an id names one step"));
            }
        }
    }

    fn needs(&mut self, steps: &[Step], graph: &Graph) {
        let ids: Vec<&str> = steps.iter().map(|step| step.id.value.as_str()).collect();
        for need in steps.iter().flat_map(|step| step.needs.iter().flatten()) {
            if !ids.contains(&need.value.as_str()) && !self.names.is_fragment {
                let problem = Diagnostic::error(format!("no step is called `{}`", need.value), need.span)
                    .rule("reference")
                    .label("needed here");
                self.report(match self.names.steps.contains_key(&need.value) {
                    true => problem.help("the steps of `steps` and of `finally` wait for their own kind only"),
                    false => problem.suggest(&need.value, ids.iter().copied()),
                });
            }
        }
        if let Some((place, path)) = graph.cycle()
            && let Some(step) = steps.get(place)
        {
            let message = format!("the steps wait for each other: {}", path.join(" → "));
            let problem = Diagnostic::error(message, step.id.span).rule("cycle");
            self.report(problem.help("take one of these out of `needs`"));
        }
    }

    fn step(&mut self, step: &Step, before: &BTreeSet<String>) {
        let outside = View { names: self.names, before, item: None };
        let inside = View { item: step.for_each.as_ref().map(|list| item(&outside, &list.value)), ..outside.clone() };
        if let Some(list) = &step.for_each {
            self.expressions(&list.value, &outside);
            self.for_each(list, &outside);
        } else if let Some(concurrency) = &step.concurrency {
            let problem = Diagnostic::error("`concurrency` without `for_each`", concurrency.span).rule("loop");
            self.report(
                problem.help("only the items of a loop are worked on at a time; add `for_each`, or take it out"),
            );
        }
        if let Some(condition) = &step.condition {
            self.expressions(&condition.value, &inside);
            self.must_be_bool("`if`", condition, &inside);
            self.constant_condition(step, condition);
        }
        for parameter in &step.with {
            self.expressions(&parameter.value.value, &inside);
        }
        match self.catalogue.get(step.uses.value.as_str()) {
            Some(spec) => {
                self.parameters(step, spec, &inside);
                self.waits(step, spec);
                self.repeated_effects(step, spec);
            }
            None if step.uses.value.is_empty() => {}
            None => {
                let actions: Vec<&str> = self.catalogue.keys().copied().collect();
                let problem = Diagnostic::error(format!("unknown action `{}`", step.uses.value), step.uses.span)
                    .rule("unknown-action")
                    .label("no such action")
                    .help("`stanch actions` lists them all")
                    .suggest(&step.uses.value, actions);
                self.report(problem);
            }
        }
    }

    fn for_each(&mut self, list: &Placed<Template>, view: &View<'_>) {
        let of = view_type(view, &list.value);
        let is_nothing = matches!(list.value, Template::Literal(_) | Template::Spelled { .. });
        if !matches!(of, Type::List(_) | Type::Any | Type::Null | Type::Never) || is_nothing {
            let message = format!("`for_each` needs a list, not {}", of.describe());
            self.report(
                Diagnostic::error(message, list.span).rule(rule(&list.value)).help("for example `[one, other]`"),
            );
        }
        self.problems.extend(spellings(None, &list.value));
        if matches!(&list.value, Template::List(items) if items.is_empty()) {
            let problem = Diagnostic::warning("the step never runs: its list is empty", list.span);
            self.report(problem.rule("unreachable"));
        }
    }

    /// Every problem of the expressions in a value.
    fn expressions(&mut self, template: &Template, view: &View<'_>) {
        for expression in template.expressions() {
            self.problems.extend(view.type_of(expression).1);
        }
    }

    fn must_be_bool(&mut self, what: &str, condition: &Placed<Template>, view: &View<'_>) {
        // What is no single expression has been complained about.
        let Template::Expression(_) = &condition.value else { return };
        let of = view_type(view, &condition.value);
        if !matches!(of, Type::Bool | Type::Any | Type::Null | Type::Never) {
            let message = format!("{what} must be true or false, not {}", of.describe());
            let problem = Diagnostic::error(message, condition.span).rule("expression");
            self.report(problem.help("compare it with something, for example `x != \"\"`"));
        }
    }

    fn policy(&mut self, main: &Graph) {
        let nothing = BTreeSet::new();
        let policy = &self.runbook.policy;
        if let Some(lock) = &policy.lock {
            let view = View { names: self.names, before: &nothing, item: None };
            self.expressions(&lock.value, &view);
            let of = view_type(&view, &lock.value);
            if !matches!(of, Type::Text(_) | Type::Int | Type::Any | Type::Null) {
                let message = format!("`lock` must be text, not {}", of.describe());
                self.report(Diagnostic::error(message, lock.span).rule("expression"));
            }
            if ["steps", "run", "policy"].iter().any(|root| lock.value.mentions(root)) {
                let problem = Diagnostic::error("`lock` is taken before the run begins", lock.span).rule("reference");
                self.report(problem.help("it can name `inputs` only"));
            }
        }
        self.gates(main);
    }

    /// Disabling the current version without a successor takes the secret from everyone who reads it.
    fn revoke_follows_rotate(&mut self, main: &Graph) {
        if self.names.is_fragment {
            return;
        }
        let aim = |step: &Step| self.catalogue.get(step.uses.value.as_str()).map(|spec| spec.aim);
        let rotates = |step: &&Step| aim(step) == Some(Aim::Rotate);
        let rotations: BTreeSet<&str> =
            self.runbook.steps.iter().filter(rotates).map(|step| step.id.value.as_str()).collect();
        for (place, step) in self.runbook.steps.iter().enumerate() {
            let irreversible =
                self.catalogue.get(step.uses.value.as_str()).is_some_and(|spec| spec.class == Class::Irreversible);
            if irreversible && !main.before(place).iter().any(|id| rotations.contains(id.as_str())) {
                let rotations = self.catalogue.values().filter(|spec| spec.aim == Aim::Rotate);
                let names = rotations.map(|spec| format!("`{}`", spec.name)).collect::<Vec<_>>().join(" or ");
                let problem = Diagnostic::error("versions are revoked without a rotation before", step.uses.span)
                    .rule("revoke-without-rotate")
                    .help(format!("put a {names} step before it: a disabled current version answers 403 to everyone"));
                self.problems.push(problem);
            }
        }
    }

    fn repeated_effects(&mut self, step: &Step, spec: &super::spec::Spec) {
        use crate::runbook::model::OnUnknown;
        if step.on_unknown == OnUnknown::Rerun && spec.class == Class::Irreversible {
            let problem = Diagnostic::warning("what takes something away is sent again without asking", step.uses.span);
            self.report(problem.rule("rerun").help("leave `on_unknown` at `probe`: the other side is asked first"));
        }
    }
}
