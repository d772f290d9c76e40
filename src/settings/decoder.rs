//! One value of a file of settings after the other; whatever is wrong is collected, and reading goes on.

use super::reference::SecretReference;
use crate::runbook::diagnostic::nearest;
use crate::runbook::syntax::{Node, NodeValue};
use crate::runbook::{Diagnostic, Span};
use std::path::{Path, PathBuf};
use url::Url;

pub(crate) struct SettingsDecoder<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) problems: Vec<Diagnostic>,
    /// Places of literals that may be secrets.
    pub(crate) literals: Vec<Span>,
    /// Whoever listens on this machine is the embedded cloud.
    pub(crate) in_drill: bool,
}

pub(crate) type SettingEntries<'a> = Vec<(&'a str, Span, &'a Node)>;

pub(crate) fn get<'a>(entries: &SettingEntries<'a>, name: &str) -> Option<&'a Node> {
    entries.iter().find(|(key, _, _)| *key == name).map(|(_, _, node)| *node)
}

/// Whether an address is on this machine, where nothing needs encryption.
pub(crate) fn is_near(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

impl<'a> SettingsDecoder<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder, problems: Vec::new(), literals: Vec::new(), in_drill: false }
    }

    pub(crate) fn in_drill(self, in_drill: bool) -> Self {
        Self { in_drill, ..self }
    }

    pub(crate) fn wrong(&mut self, message: impl Into<String>, span: Span, help: impl Into<String>) {
        self.problems.push(Diagnostic::error(message, span).help(help));
    }

    pub(crate) fn open<'n>(&mut self, node: &'n Node, what: &str) -> SettingEntries<'n> {
        match &node.value {
            NodeValue::Map(map) => map.iter().map(|(key, value)| (key.name.as_str(), key.span, value)).collect(),
            _ => {
                self.literals.push(node.span);
                self.wrong(
                    format!("{what} must be a mapping, not {}", node.kind()),
                    node.span,
                    "write `key: value` lines",
                );
                Vec::new()
            }
        }
    }

    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> SettingEntries<'n> {
        let entries = self.open(node, what);
        for (key, span, node) in &entries {
            if !known.contains(key) {
                // The key may be a misspelt `routing_key`.
                self.literals.push(node.span);
                let help = match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys are {}", known.join(", ")),
                };
                // What does not look like a key may be the line of another file than was meant.
                let is_plain = key.chars().all(|letter| letter.is_ascii_alphabetic() || "_-.".contains(letter));
                let named = if is_plain { format!("unknown key `{key}`") } else { "what cannot be a key".to_owned() };
                if !is_plain {
                    self.literals.push(*span);
                }
                self.wrong(format!("{named} in {what}"), *span, help);
            }
        }
        entries
    }

    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            NodeValue::String(text) => Some(text.clone()),
            _ => {
                self.wrong(format!("{what} must be text, not {}", node.kind()), node.span, "put it in quotes");
                None
            }
        }
    }

    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        match &node.value {
            NodeValue::List(values) => values.iter().filter_map(|value| self.text(value, what)).collect(),
            _ => self.text(node, what).into_iter().collect(),
        }
    }

    pub(crate) fn required(
        &mut self,
        entries: &SettingEntries<'_>,
        name: &str,
        what: &str,
        span: Span,
    ) -> Option<String> {
        match get(entries, name) {
            Some(node) => self.text(node, &format!("`{name}`")),
            None => {
                self.wrong(format!("{what} has no `{name}`"), span, format!("add `{name}:`"));
                None
            }
        }
    }

    pub(crate) fn path(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        self.text(node, what).map(|path| self.folder.join(path))
    }

    pub(crate) fn secret(&mut self, entries: &SettingEntries<'_>, name: &str) -> Option<SecretReference> {
        let node = get(entries, name)?;
        let parsed = match &node.value {
            NodeValue::String(text) => SecretReference::parse(text, self.folder),
            _ => Err("a secret stands in the configuration itself".to_owned()),
        };
        match parsed {
            Ok(reference) => Some(reference),
            Err(why) => {
                self.literals.push(node.span);
                let help = "whoever reads the file would have it; put it into a vault and write `@Microsoft.KeyVault(SecretUri=…)`, or `env:NAME`, or `file:PATH`";
                self.wrong(format!("`{name}`: {why}"), node.span, help);
                None
            }
        }
    }

    pub(crate) fn required_secret(
        &mut self,
        entries: &SettingEntries<'_>,
        name: &str,
        what: &str,
        span: Span,
    ) -> Option<SecretReference> {
        if get(entries, name).is_none() {
            self.wrong(format!("{what} has no `{name}`"), span, format!("add `{name}:` with a reference"));
        }
        self.secret(entries, name)
    }
}
