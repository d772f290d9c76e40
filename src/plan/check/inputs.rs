//! Inputs: limits that can be kept, defaults that keep them, and nothing asked for in vain.

use super::super::inputs::{bound_measure, fits};
use super::checker::{Checker, steps};
use crate::runbook::Diagnostic;
use crate::runbook::model::{InputKind, Items, Limits};
use std::collections::BTreeSet;

/// A type without its limits.
fn bare(kind: &InputKind) -> InputKind {
    match kind {
        InputKind::Enum(_) => InputKind::String,
        InputKind::List(Some(of)) => {
            InputKind::List(Some(Box::new(Items { kind: bare(&of.kind), limits: Limits::default() })))
        }
        kind => kind.clone(),
    }
}

impl Checker<'_> {
    pub(super) fn inputs(&mut self) {
        for input in &self.runbook.inputs {
            self.limits(&input.kind, &input.limits);
            if let InputKind::List(Some(of)) = &input.kind {
                self.limits(&of.kind, &of.limits);
            }
            let Some(default) = &input.default else { continue };
            if let Err(why) = fits(&input.kind, &input.limits, &default.value) {
                // What keeps to the type breaks a limit, which no schema can compare it with.
                let is_of_type = fits(&bare(&input.kind), &Limits::default(), &default.value).is_ok();
                let (why, help) =
                    why.split_once("\n  help: ").map_or((why.as_str(), None), |(why, help)| (why, Some(help)));
                let message = format!("the default of `{}` cannot be used: {why}", input.name);
                let problem =
                    Diagnostic::error(message, default.span).rule(if is_of_type { "limits" } else { "input" });
                self.report(match help {
                    Some(help) => problem.help(help),
                    None => problem,
                });
            }
        }
    }

    fn limits(&mut self, kind: &InputKind, limits: &Limits) {
        let mut measures = Vec::new();
        for (name, bound) in [("min", &limits.min), ("max", &limits.max)] {
            let Some(bound) = bound else { continue };
            match bound_measure(kind, &bound.value) {
                Ok(measure) => measures.push((name, measure, bound.span)),
                Err(why) => {
                    let why = why.split('\n').next().unwrap_or_default();
                    let message = format!("`{name}` does not fit the type {}: {why}", kind.name());
                    self.report(Diagnostic::error(message, bound.span).rule("input"));
                }
            }
        }
        if let [("min", least, _), ("max", most, span)] = measures.as_slice()
            && least > most
        {
            let problem = Diagnostic::error("`max` is less than `min`: no value fits", *span).rule("limits");
            self.report(problem);
        }
    }

    pub(super) fn unused_inputs(&mut self) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        let gates = &self.runbook.policy.gates;
        let steps = steps(self.runbook).flat_map(|step| {
            let parameters = step.with.iter().map(|parameter| &parameter.value);
            parameters.chain(&step.condition).chain(&step.for_each)
        });
        let policy = self.runbook.policy.lock.iter().chain(&gates.skip_if);
        let defaults = gates.defaults.iter().map(|parameter| &parameter.value);
        for template in steps.chain(policy).chain(defaults) {
            for name in template.value.expressions().into_iter().flat_map(|expression| expression.names()) {
                match name.as_slice() {
                    [root, input, ..] if root == "inputs" => drop(used.insert(input.clone())),
                    // The whole of it, or one by an index: whichever.
                    [root] if root == "inputs" => return,
                    _ => {}
                }
            }
        }
        for input in self.runbook.inputs.iter().filter(|input| !used.contains(&input.name)) {
            let problem = Diagnostic::warning(format!("the input `{}` is never used", input.name), input.span);
            self.problems.push(problem.rule("unused").help("take it out, or use it: `${{ inputs.… }}`"));
        }
    }
}
