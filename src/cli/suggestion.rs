//! A command that somebody will paste into a shell: nothing that others wrote goes into it unquoted.

use super::options::Common;
use super::session;
use crate::runbook;
use std::path::Path;

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
    pub(crate) fn command(&self, common: &Common) -> String {
        let mut words = vec!["stanch".to_owned(), "plan".to_owned(), quoted(&self.runbook)];
        for argument in self.arguments() {
            words.extend(["-i".to_owned(), quoted(&argument)]);
        }
        for name in &self.missing {
            words.extend(["-i".to_owned(), format!("{name}=…")]);
        }
        for (option, path) in [("--config", &common.config), ("--cloud", &common.cloud)] {
            if let Some(path) = path {
                words.extend([option.to_owned(), quoted(&shown(path))]);
            }
        }
        words.join(" ")
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A word that a shell takes as it is.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_sees_one_word() {
        assert_eq!(
            quoted("secret=https://kv.vault.azure.net/secrets/a-b"),
            "secret=https://kv.vault.azure.net/secrets/a-b"
        );
        assert_eq!(quoted("found_at=$(id) it's"), r"'found_at=$(id) it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
