//! A step that is cut off before what it waits for can have come.

use super::super::spec::{Aim, Spec};
use super::super::types::resolved;
use super::checker::{Checker, text};
use crate::runbook::Diagnostic;
use crate::runbook::duration;
use crate::runbook::expression::Template;
use crate::runbook::model::{Placed, Step};
use serde_json::{Map, Value, json};
use std::time::Duration;

impl Checker<'_> {
    /// Compares the step's timeout and the run's with every parameter that says how long the step waits.
    pub(super) fn waits(&mut self, step: &Step, spec: &Spec) {
        let Some(fields) = spec.parameters.get("properties").and_then(Value::as_object) else { return };
        let limits = [("its `timeout`", step.timeout), ("the run's `timeout`", self.runbook.policy.timeout)];
        for (name, schema) in fields {
            let waits = |schema: &Value| schema.get("x-waits") == Some(&Value::Bool(true));
            if !waits(schema) && !waits(resolved(schema, &spec.parameters)) {
                continue;
            }
            // A gate that does not say otherwise follows the policy.
            let policy = if spec.aim == Aim::Gate { self.runbook.policy.gates.defaults.as_slice() } else { &[] };
            let given = step.with.iter().chain(policy).find(|parameter| parameter.name == *name);
            let given = given.map(|parameter| &parameter.value);
            let Some((wait, is_sure)) = self.length(given, schema) else { continue };
            for (limit, length) in limits.iter().filter_map(|(limit, length)| Some((limit, (*length)?))) {
                if wait <= length {
                    continue;
                }
                let (wait, length) = (duration::format(wait), duration::format(length));
                let message = format!("`{}` waits {wait} for `{name}`, and {limit} of {length} cuts it off", spec.name);
                let span = given.map_or(step.uses.span, |given| given.span);
                let made = if is_sure { Diagnostic::error } else { Diagnostic::warning };
                self.report(made(message, span).rule("timeout").help(format!("raise the timeout above {wait}")));
            }
        }
    }

    /// How long a parameter says, and whether that is sure whatever the inputs.
    fn length(&self, given: Option<&Placed<Template>>, schema: &Value) -> Option<(Duration, bool)> {
        let Some(given) = given else {
            return Some((duration::parse(text(schema.get("default")?)?).ok()?, true));
        };
        if let Some(literal) = given.value.literal() {
            return Some((duration::parse(text(&literal)?).ok()?, true));
        }
        if given.value.expressions().iter().any(|expression| expression.repeats()) {
            return None;
        }
        let default = |name: &String, value: &Placed<Value>| (name.clone(), value.value.clone());
        let inputs: Map<String, Value> = self
            .runbook
            .inputs
            .iter()
            .filter_map(|input| Some(default(&input.name, input.default.as_ref()?)))
            .collect();
        let overlap = self.runbook.policy.overlap.as_ref().map(|overlap| &overlap.value);
        let is_sure = !given.value.mentions("inputs");
        let scope = Map::from_iter([
            ("inputs".to_owned(), Value::Object(inputs)),
            ("policy".to_owned(), json!({ "overlap": overlap })),
        ]);
        let value = given.value.evaluate(&scope).ok()?;
        Some((duration::parse(text(&value)?).ok()?, is_sure))
    }
}
