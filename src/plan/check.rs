//! Everything that can be wrong with a runbook although it is well formed, found at once.

use super::order;
use super::spec::{Catalogue, Class, Spec};
use crate::runbook::expression::{Expression, ROOTS, Template};
use crate::runbook::model::{Parameter, Runbook, Step};
use crate::runbook::{Diagnostic, Span};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Checks a runbook against the actions there are.
pub(super) fn check(runbook: &Runbook, catalogue: &Catalogue) -> Vec<Diagnostic> {
    let mut check = Check { runbook, catalogue, problems: Vec::new() };
    check.names();
    check.needs();
    for (steps, before) in [(&runbook.steps, None), (&runbook.finally, Some(&runbook.steps))] {
        for step in steps {
            check.step(step, steps, before.map(Vec::as_slice));
        }
    }
    if let Some(lock) = &runbook.policy.lock {
        check.expressions(&lock.value, &BTreeSet::new());
    }
    check.revoke_follows_rotate();
    check.problems
}

struct Check<'a> {
    runbook: &'a Runbook,
    catalogue: &'a Catalogue,
    problems: Vec<Diagnostic>,
}

impl Check<'_> {
    fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.runbook.steps.iter().chain(&self.runbook.finally)
    }

    fn names(&mut self) {
        let mut seen = BTreeSet::new();
        let twice: Vec<(String, Span)> = self
            .all_steps()
            .filter(|step| !seen.insert(step.id.value.clone()))
            .map(|step| (step.id.value.clone(), step.id.span))
            .collect();
        for (id, span) in twice {
            self.report(Diagnostic::error(format!("two steps are called `{id}`"), span).help("an id names one step"));
        }
        if self.runbook.steps.is_empty() && self.problems.is_empty() {
            self.report(Diagnostic::error("the runbook has no step", Span::default()));
        }
    }

    fn needs(&mut self) {
        for steps in [&self.runbook.steps, &self.runbook.finally] {
            let ids: Vec<&str> = steps.iter().map(|step| step.id.value.as_str()).collect();
            for step in steps {
                for need in step.needs.iter().flatten() {
                    if !ids.contains(&need.value.as_str()) {
                        let problem = Diagnostic::error(format!("no step is called `{}`", need.value), need.span)
                            .label("needed here")
                            .suggest(&need.value, ids.iter().copied());
                        self.problems.push(problem);
                    }
                }
            }
            if let Some((path, span)) = order::cycle(steps) {
                let problem = Diagnostic::error(format!("the steps wait for each other: {}", path.join(" → ")), span)
                    .help("take one of these out of `needs`");
                self.problems.push(problem);
            }
        }
    }

    fn step(&mut self, step: &Step, steps: &[Step], before: Option<&[Step]>) {
        let mut visible: BTreeSet<String> = order::ancestors(steps, &step.id.value);
        visible.extend(before.into_iter().flatten().map(|step| step.id.value.clone()));
        for parameter in &step.with {
            self.expressions(&parameter.value.value, &visible);
        }
        if let Some(condition) = &step.condition {
            self.expressions(&condition.value, &visible);
        }
        match self.catalogue.get(step.uses.value.as_str()) {
            Some(spec) => self.parameters(step, spec),
            None if step.uses.value.is_empty() => {}
            None => {
                let problem = Diagnostic::error(format!("unknown action `{}`", step.uses.value), step.uses.span)
                    .label("no such action")
                    .help(format!("the actions are {}", self.catalogue.keys().copied().collect::<Vec<_>>().join(", ")))
                    .suggest(&step.uses.value, self.catalogue.keys().copied());
                self.report(problem);
            }
        }
    }

    fn parameters(&mut self, step: &Step, spec: &Spec) {
        let names = spec.parameter_names();
        for parameter in &step.with {
            if names.contains(&parameter.name.as_str()) {
                self.literal(parameter, spec);
            } else {
                let message = format!("`{}` has no parameter `{}`", spec.name, parameter.name);
                let problem = Diagnostic::error(message, parameter.span)
                    .label("no such parameter")
                    .help(format!("its parameters are {}", names.join(", ")))
                    .suggest(&parameter.name, names.iter().copied());
                self.report(problem);
            }
        }
        for required in spec.required() {
            if !step.with.iter().any(|parameter| parameter.name == required) {
                let message = format!("`{}` needs the parameter `{required}`", spec.name);
                self.report(
                    Diagnostic::error(message, step.uses.span).help(format!("add `{required}:` under `with:`")),
                );
            }
        }
    }

    /// Literal values are tried on the action's own types, each by itself, so that each problem has its place.
    fn literal(&mut self, parameter: &Parameter, spec: &Spec) {
        let Some(value) = parameter.value.value.literal() else { return };
        let only = Value::Object(Map::from_iter([(parameter.name.clone(), value)]));
        if let Err(problem) = (spec.accepts)(&only)
            && !problem.starts_with("missing field")
        {
            let message = format!("`{}` of `{}` cannot be read: {problem}", parameter.name, spec.name);
            self.report(Diagnostic::error(message, parameter.value.span));
        }
    }

    fn expressions(&mut self, template: &Template, visible: &BTreeSet<String>) {
        for expression in template.expressions() {
            for name in expression.names() {
                self.name(expression, &name, visible);
            }
        }
    }

    fn name(&mut self, expression: &Expression, name: &[String], visible: &BTreeSet<String>) {
        let parts: Vec<&str> = name.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["inputs", input, ..] => {
                let names: Vec<&str> = self.runbook.inputs.iter().map(|input| input.name.as_str()).collect();
                if !names.contains(input) {
                    let problem = Diagnostic::error(format!("no input is called `{input}`"), expression.span)
                        .suggest(input, names.iter().copied());
                    self.report(problem);
                }
            }
            ["steps", step, rest @ ..] => self.step_reference(expression, step, rest, visible),
            [root, ..] if !ROOTS.contains(root) => {
                let problem = Diagnostic::error(format!("nothing is called `{root}`"), expression.span)
                    .help(format!("names begin with {}", ROOTS.join(", ")))
                    .suggest(root, ROOTS);
                self.report(problem);
            }
            _ => {}
        }
    }

    fn step_reference(&mut self, expression: &Expression, step: &str, rest: &[&str], visible: &BTreeSet<String>) {
        let Some(target) = self.all_steps().find(|candidate| candidate.id.value == step) else {
            let ids: Vec<&str> = self.runbook.steps.iter().map(|step| step.id.value.as_str()).collect();
            let problem = Diagnostic::error(format!("no step is called `{step}`"), expression.span)
                .suggest(step, ids.iter().copied());
            self.report(problem);
            return;
        };
        if !visible.contains(step) {
            let message = format!("`{step}` is not sure to have run before this step");
            let problem = Diagnostic::error(message, expression.span).help(format!("add `{step}` to `needs`"));
            self.report(problem);
            return;
        }
        let spec = self.catalogue.get(target.uses.value.as_str());
        match (rest, spec) {
            (["outputs", "items", ..], _) if target.for_each.is_some() => {}
            (["outputs", output, ..], _) if target.for_each.is_some() => {
                let message = format!("`{step}` is done for each of a list, and has no output `{output}` of its own");
                let problem = Diagnostic::error(message, expression.span)
                    .help("its one output is `items`: each with its `item`, its `status` and its `outputs`");
                self.report(problem);
            }
            (["outputs", output, ..], Some(spec)) if !spec.output_names().contains(output) => {
                let names = spec.output_names();
                let problem = Diagnostic::error(format!("`{}` has no output `{output}`", spec.name), expression.span)
                    .help(format!("its outputs are {}", names.join(", ")))
                    .suggest(output, names.iter().copied());
                self.report(problem);
            }
            ([part, ..], _) if !["outputs", "status"].contains(part) => {
                let problem = Diagnostic::error(format!("a step has no `{part}`"), expression.span)
                    .help("a step has `outputs` and `status`");
                self.report(problem);
            }
            _ => {}
        }
    }

    /// Disabling the current version without a successor takes the secret from everyone who reads it.
    fn revoke_follows_rotate(&mut self) {
        let steps = &self.runbook.steps;
        let rotates: BTreeSet<&str> = steps
            .iter()
            .filter(|step| step.uses.value == "keyvault/rotate")
            .map(|step| step.id.value.as_str())
            .collect();
        let revokes = |step: &&Step| {
            let irreversible = |spec: &Spec| spec.class == Class::Irreversible;
            self.catalogue.get(step.uses.value.as_str()).is_some_and(irreversible)
        };
        let alone: Vec<Span> = steps
            .iter()
            .filter(revokes)
            .filter(|step| !order::ancestors(steps, &step.id.value).iter().any(|id| rotates.contains(id.as_str())))
            .map(|step| step.uses.span)
            .collect();
        for span in alone {
            let problem = Diagnostic::error("versions are revoked without a rotation before", span)
                .help("put a `keyvault/rotate` step before it: a disabled current version answers 403 to everyone");
            self.report(problem);
        }
    }
}
