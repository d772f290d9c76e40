//! The run that fits what was found, as a command.

use super::session::{self, BUILT_IN};
use crate::actions;
use crate::command_line::CommandLine;
use crate::engine::State;
use crate::runbook;
use serde_json::Value;

/// The input of the built-in runbooks.
const IGNORE_TAGS: &str = "ignore_tags";

/// A run that fits, with the inputs that are known.
#[derive(Clone, Debug)]
pub(crate) struct Suggestion {
    /// A path, or the name of a built-in.
    pub(crate) runbook: String,
    /// Names and values, as `-i` takes them.
    pub(crate) inputs: Vec<(&'static str, String)>,
    /// Inputs that must still be given.
    pub(crate) missing: Vec<String>,
    /// Whether the runbook can be read here.
    pub(crate) is_here: bool,
}

impl Suggestion {
    /// Takes those of the inputs that the runbook has.
    pub(crate) fn new(runbook: &str, known: &[(&'static str, Option<String>)]) -> Self {
        let text = session::look_at_runbook(runbook);
        let read = text.and_then(|file| runbook::read(&file.source()).runbook);
        let inputs: Vec<(&'static str, String)> = known
            .iter()
            .filter(|(name, _)| read.as_ref().is_none_or(|read| read.inputs.iter().any(|input| input.name == *name)))
            .filter_map(|(name, value)| Some((*name, value.clone()?)))
            .collect();
        let is_missing = |name: &str| inputs.iter().all(|(known, _)| *known != name);
        let missing = match &read {
            Some(read) => {
                let required = read.inputs.iter().filter(|input| input.required && input.default.is_none());
                required.map(|input| input.name.clone()).filter(|name| is_missing(name)).collect()
            }
            None => known.iter().map(|(name, _)| (*name).to_owned()).filter(|name| is_missing(name)).collect(),
        };
        Self { runbook: runbook.to_owned(), inputs, missing, is_here: read.is_some() }
    }

    /// The inputs as `-i` takes them.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// The command that shows what it would do, with the options that this one was given. `run` in place of `plan` begins
    /// it.
    pub(crate) fn command(&self) -> CommandLine {
        // The name of a file that looks like an option names the same file from here.
        let dash = if self.runbook.starts_with('-') { "./" } else { "" };
        let mut line = CommandLine::stanch("plan").name(format!("{dash}{}", self.runbook));
        for argument in self.arguments() {
            line = line.option("-i", argument);
        }
        for name in &self.missing {
            line = line.open("-i", name);
        }
        line
    }
}

/// The run that leaves the secret's tags aside, where they stopped this one: a run keeps the inputs that it began with. Where
/// a runbook of the team's lies is not known.
pub(crate) fn without_tags(state: &State) -> Option<CommandLine> {
    let opened = state.opened()?;
    let text = opened.runbook_text.as_deref()?;
    let is_built_in = BUILT_IN.iter().any(|(name, built_in)| opened.runbook == *name && text == *built_in);
    let is_blamed = state.steps().any(|(_, step)| step.error.as_ref().is_some_and(actions::blames_tags));
    if !is_built_in || !is_blamed {
        return None;
    }
    let runbook = runbook::read(&session::look_at_runbook(&opened.runbook)?.source()).runbook?;
    let mut line = CommandLine::stanch("run").name(&opened.runbook);
    for input in runbook.inputs.iter().filter(|input| input.name != IGNORE_TAGS) {
        let default = input.default.as_ref().map_or(&Value::Null, |default| &default.value);
        let given = opened.inputs.get(&input.name).filter(|value| !value.is_null() && *value != default);
        if let Some(value) = given {
            line = line.option("-i", format!("{}={}", input.name, as_typed(value)));
        }
    }
    Some(line.option("-i", format!("{IGNORE_TAGS}=true")))
}

/// A value as `-i` takes it.
fn as_typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_typed).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
