//! Parameters: each known, of the right type, and none of them a secret.

use super::super::fits::{Misfit, spellings};
use super::super::order::Graph;
use super::super::spec::{Aim, Spec, gate};
use super::super::types::resolved;
use super::super::typing::View;
use super::checker::{Checker, rule, view_type};
use super::reach;
use crate::engine::person::Listed;
use crate::runbook::Diagnostic;
use crate::runbook::expression::Template;
use crate::runbook::model::{Parameter, Step};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

impl Checker<'_> {
    pub(super) fn parameters(&mut self, step: &Step, spec: &Spec, view: &View<'_>) {
        let names = spec.parameter_names();
        for parameter in &step.with {
            if names.contains(&parameter.name.as_str()) {
                self.parameter(parameter, spec, view);
                continue;
            }
            let message = format!("`{}` has no parameter `{}`", spec.name, parameter.name);
            let help = match names.as_slice() {
                [] => "it takes none".to_owned(),
                names => format!("its parameters are {}", names.join(", ")),
            };
            let problem = Diagnostic::error(message, parameter.span)
                .rule("unknown-parameter")
                .label("no such parameter")
                .help(help)
                .suggest(&parameter.name, names.iter().copied());
            self.report(problem);
        }
        for required in spec.required() {
            if !step.with.iter().any(|parameter| parameter.name == required) {
                let message = format!("`{}` needs the parameter `{required}`", spec.name);
                let problem = Diagnostic::error(message, step.uses.span).rule("missing-parameter");
                self.report(problem.help(format!("add `{required}:` under `with:`")));
            }
        }
        if spec.aim == Aim::Gate {
            self.enough_people(step);
        }
    }

    fn parameter(&mut self, parameter: &Parameter, spec: &Spec, view: &View<'_>) {
        let whole = reach::parameters(spec);
        let Some(schema) = spec.parameters.pointer(&format!("/properties/{}", parameter.name)) else { return };
        let template = &parameter.value.value;
        let is_reference = resolved(schema, whole.root).get("x-secret-reference") == Some(&Value::Bool(true))
            || schema.get("x-secret-reference") == Some(&Value::Bool(true));
        if is_reference && self.literal_secret(parameter, spec) {
            return;
        }
        let schema = super::super::fits::Schema { schema, root: whole.root };
        match schema.takes_template(template, &|part| view_type(view, part)) {
            Err(Misfit { path, message, help }) => {
                let message = format!("`{}{path}` of `{}` {message}", parameter.name, spec.name);
                let problem =
                    Diagnostic { help, ..Diagnostic::error(message, parameter.value.span).rule(rule(template)) };
                self.report(problem);
            }
            Ok(()) => {
                let spellings = spellings(Some(schema), template);
                if spellings.is_empty() {
                    self.literal(parameter, spec);
                }
                self.problems.extend(spellings);
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
            self.report(Diagnostic::error(message, parameter.value.span).rule("type"));
        }
    }

    /// Complains where a parameter that points to a secret holds something else. What stands there is not shown.
    fn literal_secret(&mut self, parameter: &Parameter, spec: &Spec) -> bool {
        let Template::Literal(Value::String(text)) = &parameter.value.value else { return false };
        let points = text.starts_with("env:")
            || text.starts_with("file:")
            || (text.starts_with("@Microsoft.KeyVault(") && text.ends_with(')'));
        if points {
            return false;
        }
        self.hidden.push((parameter.value.span, text.clone()));
        let message = format!("a secret stands in `{}` of `{}`", parameter.name, spec.name);
        let problem = Diagnostic::error(message, parameter.value.span).rule("secret").label("not shown");
        self.report(problem.help(
            "point to it: `@Microsoft.KeyVault(SecretUri=https://VAULT.vault.azure.net/secrets/NAME)`, `env:NAME` or `file:PATH`",
        ));
        true
    }

    /// More people must agree than may answer.
    fn enough_people(&mut self, step: &Step) {
        let defaults = &self.runbook.policy.gates.defaults;
        let find = |name: &str| step.with.iter().chain(defaults).find(|parameter| parameter.name == name);
        let (Some(min), Some(from)) = (find("min"), find("from")) else { return };
        let (Some(least), Template::List(people)) = (min.value.value.literal(), &from.value.value) else { return };
        let Some(least) = least.as_u64() else { return };
        let names: BTreeSet<String> = people
            .iter()
            .enumerate()
            .map(|(place, name)| name.literal().map_or(place.to_string(), |name| name.to_string()))
            .collect();
        // Behind an object id may be a group.
        let may_be_many = |name: &Template| {
            name.literal().and_then(|name| Some(Listed::of(name.as_str()?).may_be_many())).unwrap_or_default()
        };
        if !names.is_empty() && !people.iter().any(may_be_many) && least > names.len() as u64 {
            let message = format!("{least} people must agree, and {} may answer", names.len());
            let span = if step.with.iter().any(|own| own.name == "min") { min.value.span } else { step.uses.span };
            let problem = Diagnostic::error(message, span).rule("gate");
            self.report(problem.help("name as many in `from` as `min` asks for, each once"));
        }
    }

    /// The policy's gates: parameters of the action that is one, and a condition.
    pub(super) fn gates(&mut self, main: &Graph) {
        let gates = &self.runbook.policy.gates;
        let gate = gate(self.catalogue);
        let asked = |(_, step): &(usize, &Step)| gate.is_some_and(|gate| step.uses.value == gate.name);
        let mut before: Option<BTreeSet<String>> = None;
        for (place, _) in self.runbook.steps.iter().enumerate().filter(asked) {
            let own = main.before(place);
            before = Some(match before {
                Some(so_far) => so_far.intersection(&own).cloned().collect(),
                None => own,
            });
        }
        let before = before.unwrap_or_default();
        let view = View { names: self.names, before: &before, item: None };
        if let Some(skip_if) = &gates.skip_if {
            self.expressions(&skip_if.value, &view);
            self.must_be_bool("`skip_if`", skip_if, &view);
            if reach::constant(&skip_if.value) == Some(true) {
                let problem = Diagnostic::warning("no gate is ever asked", skip_if.span).rule("unreachable");
                self.report(problem.help("let it depend on something, for example `inputs.severity == \"sev1\"`"));
            }
        }
        let Some(spec) = gate else { return };
        for parameter in &gates.defaults {
            self.expressions(&parameter.value.value, &view);
            self.parameter(parameter, spec, &view);
        }
    }
}
