//! The run that fits what was found, as a command.

use super::session;
use crate::command_line::CommandLine;
use crate::runbook;

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
