//! What a step leaves for others, and whether it can run at all.

use super::super::fits::Schema;
use super::super::spec::Spec;
use super::super::types::Type;
use super::checker::Checker;
use crate::runbook::Diagnostic;
use crate::runbook::expression::Template;
use crate::runbook::model::{Placed, Step};
use serde_json::{Map, Value};

/// The type of a step's outputs. What a person is asked for by a parameter is known by what that asks for.
pub(super) fn outputs(step: &Step, spec: &Spec) -> Type {
    let outputs = Type::of_schema(&spec.outputs, &spec.outputs);
    let Type::Object(fields) = &outputs else { return outputs };
    let told = |(name, of): &(String, Type)| (name.clone(), answers(step, spec, name).unwrap_or_else(|| of.clone()));
    Type::object(fields.iter().map(told).collect())
}

/// The type of an output that holds the answers to what a parameter asks for.
fn answers(step: &Step, spec: &Spec, output: &str) -> Option<Type> {
    let asked_by = spec.outputs.pointer(&format!("/properties/{output}/x-asked-by"))?.as_str()?;
    let asked = step.with.iter().find(|parameter| parameter.name == asked_by)?.value.value.literal()?;
    Some(Type::object(asked.as_object()?.iter().map(|(name, asked)| (name.clone(), answer(asked))).collect()))
}

fn answer(asked: &Value) -> Type {
    use crate::runbook::model::InputKind;
    match asked.get("type").and_then(Value::as_str) {
        Some("int") => Type::Int,
        Some("number") => Type::Number,
        Some("bool") => Type::Bool,
        Some("enum") => {
            let words = asked.get("values").and_then(Value::as_array);
            let words = words.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            Type::of_input(&InputKind::Enum(words))
        }
        Some("timestamp") => Type::of_input(&InputKind::Timestamp),
        Some("duration") => Type::of_input(&InputKind::Duration),
        Some("url") => Type::of_input(&InputKind::Url),
        Some("keyvault_secret") => Type::of_input(&InputKind::KeyvaultSecret),
        _ => Type::of_input(&InputKind::String),
    }
}

/// What one item of a loop leaves behind.
pub(super) fn loop_item(item: Type, outputs: Type) -> Type {
    let states = ["done", "failed", "skipped"];
    Type::object(vec![
        ("item".to_owned(), item),
        ("status".to_owned(), Type::words(&states)),
        ("outputs".to_owned(), outputs),
    ])
}

/// Whether a step can never run, whatever the inputs.
pub(super) fn never_runs(step: &Step) -> bool {
    let empty = step.for_each.as_ref().is_some_and(|list| list.value.literal() == Some(Value::Array(Vec::new())));
    empty || step.condition.as_ref().and_then(|condition| constant(&condition.value)) == Some(false)
}

/// What a condition gives, where it depends on nothing.
pub(super) fn constant(condition: &Template) -> Option<bool> {
    if condition.expressions().iter().any(|expression| expression.repeats() || !expression.names().is_empty()) {
        return None;
    }
    condition.evaluate(&Map::new()).ok()?.as_bool()
}

impl Checker<'_> {
    pub(super) fn constant_condition(&mut self, step: &Step, condition: &Placed<Template>) {
        let id = &step.id.value;
        let problem = match constant(&condition.value) {
            Some(false) => {
                Diagnostic::warning(format!("`{id}` never runs: its condition can never hold"), condition.span)
                    .help("take the step out, or let the condition depend on something")
            }
            Some(true) => Diagnostic::warning(format!("the condition of `{id}` always holds"), condition.span)
                .help("take the condition out"),
            None => return,
        };
        self.report(problem.rule("unreachable"));
    }
}

/// The parameters of an action as a schema of its own.
pub(super) fn parameters(spec: &Spec) -> Schema<'_> {
    Schema { schema: &spec.parameters, root: &spec.parameters }
}
