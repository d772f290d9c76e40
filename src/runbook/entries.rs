//! Reading one value of the tree at a time; whatever is wrong is collected, and reading goes on.

use super::diagnostic::{Diagnostic, Included, Span};
use super::duration;
use super::expression::{Template, Written};
use super::hints;
use super::language::{self, Key as Known};
use super::model::Placed;
use super::source::Library;
use super::syntax::{Node, NodeValue, PlacedKey};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// What reading has come to.
pub(super) struct Decoder<'a> {
    pub(super) problems: Vec<Diagnostic>,
    pub(super) library: &'a dyn Library,
    pub(super) root: &'a str,
    /// Fragments read so far, each with its path.
    pub(super) included: Vec<(String, Included)>,
    /// The files that are being read: the runbook as nothing, fragments by their path.
    pub(super) open: Vec<String>,
    /// How many steps were read.
    pub(super) steps: usize,
}

/// The entries of a mapping, by name.
pub(super) struct Entries<'n> {
    pub(super) span: Span,
    pub(super) entries: Vec<(&'n PlacedKey, &'n Node)>,
}

impl<'n> Entries<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| *node)
    }
}

impl Decoder<'_> {
    pub(super) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    pub(super) fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("{what} must be {expected}, not {}", node.kind());
        let problem = Diagnostic::error(message, node.span).rule("type");
        self.report(match (&node.value, expected) {
            (NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_), "text") => problem.help("put it in quotes"),
            (NodeValue::String(text), "true or false") => match yes_or_no(text) {
                Some(meant) => problem.help(format!("write `{meant}`: in YAML 1.2 `{text}` is a word like any other")),
                None => problem,
            },
            _ => problem,
        });
    }

    /// A mapping whose keys are all known.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str, known: &[Known]) -> Entries<'n> {
        let names = language::names(known);
        let entries = self.open_entries(node, what);
        for (key, _) in &entries.entries {
            if !names.contains(&key.name.as_str()) {
                let problem = Diagnostic::error(format!("unknown key `{}` in {what}", key.name), key.span)
                    .rule("unknown-key")
                    .label("no such key")
                    .help(format!("the keys are {}", names.join(", ")))
                    .suggest(&key.name, names.iter().copied());
                self.report(problem);
            }
        }
        entries
    }

    /// A mapping with keys of the author's choice.
    pub(super) fn open_entries<'n>(&mut self, node: &'n Node, what: &str) -> Entries<'n> {
        let mut entries = Entries { span: node.span, entries: Vec::new() };
        match &node.value {
            NodeValue::Map(map) => {
                self.repeated(map, what);
                let mut seen = BTreeSet::new();
                entries.entries.extend(map.iter().map(|(key, value)| (key, value)));
                entries.entries.retain(|(key, _)| seen.insert(key.name.as_str()));
            }
            _ => self.wrong(node, what, "a mapping"),
        }
        entries
    }

    fn repeated(&mut self, map: &[(PlacedKey, Node)], what: &str) {
        let mut seen = BTreeSet::new();
        for (key, _) in map {
            if key.name.contains("${{") {
                let problem = Diagnostic::error(format!("a name in {what} cannot be an expression"), key.span);
                self.report(problem.rule("expression").help("write the name as it is; expressions stand in values"));
            }
            if !seen.insert(key.name.as_str()) {
                let problem = Diagnostic::error(format!("the key `{}` stands twice in {what}", key.name), key.span)
                    .rule("repeated-key")
                    .help("take one of them out");
                self.report(problem);
            }
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            NodeValue::List(values) => values,
            _ => {
                self.wrong(node, what, "a list");
                &[]
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        self.as_meant(node);
        match &node.value {
            NodeValue::String(text) => Some(text.clone()),
            _ => {
                self.wrong(node, what, "text");
                None
            }
        }
    }

    pub(super) fn optional_text(&mut self, entries: &Entries<'_>, name: &str) -> Option<String> {
        entries.get(name).and_then(|node| self.text(node, &format!("`{name}`")))
    }

    pub(super) fn required_text(&mut self, entries: &Entries<'_>, name: &str, what: &str) -> Placed<String> {
        match entries.get(name) {
            Some(node) => {
                let text = self.text(node, &format!("`{name}`"));
                if text.as_deref() == Some("") {
                    self.report(Diagnostic::error(format!("`{name}` is empty"), node.span).rule("type"));
                }
                Placed { value: text.unwrap_or_default(), span: node.span }
            }
            None => {
                let problem = Diagnostic::error(format!("{what} has no `{name}`"), entries.span).rule("missing-key");
                self.report(problem);
                Placed { value: String::new(), span: entries.span }
            }
        }
    }

    /// One word out of a few.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let problem = Diagnostic::error(format!("{what} cannot be `{text}`"), node.span)
                .rule("type")
                .help(format!("it is one of {}", names.join(", ")))
                .suggest(&text, names);
            self.report(problem);
        }
        found
    }

    pub(super) fn words(&mut self, node: &Node, what: &str) -> Vec<Placed<String>> {
        let list = self.list(node, what);
        let mut words: Vec<Placed<String>> = Vec::new();
        for node in list {
            let Some(value) = self.text(node, &format!("each of {what}")) else { continue };
            if words.iter().any(|word| word.value == value) {
                let problem =
                    Diagnostic::error(format!("`{value}` stands twice in {what}"), node.span).rule("repeated");
                self.report(problem);
            }
            words.push(Placed { value, span: node.span });
        }
        words
    }

    pub(super) fn flag(&mut self, entries: &Entries<'_>, name: &str) -> bool {
        match entries.get(name) {
            None => false,
            Some(Node { value: NodeValue::Bool(flag), .. }) => *flag,
            Some(node) => {
                self.wrong(node, &format!("`{name}`"), "true or false");
                false
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        match &node.value {
            NodeValue::Int(number) => match u64::try_from(*number) {
                Ok(number) if (least..=most).contains(&number) => return Some(number),
                _ => {
                    let message = format!("{what} must be between {least} and {most}");
                    self.report(Diagnostic::error(message, node.span).rule("range"));
                }
            },
            _ => self.wrong(node, what, "a whole number"),
        }
        None
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let NodeValue::String(text) = &node.value else {
            self.wrong(node, what, "a duration such as `90s`, `15m`, `24h` or `30d`");
            return None;
        };
        match duration::parse(text) {
            Ok(duration) => Some(duration),
            Err(problem) => {
                self.report(Diagnostic::error(problem, node.span).rule("duration"));
                None
            }
        }
    }

    /// An identifier, as expressions can name it.
    pub(super) fn identifier(&mut self, name: &str, span: Span, what: &str) {
        let valid = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let begins = name.starts_with(|character: char| character.is_ascii_lowercase());
        if !(begins && name.chars().all(valid) && name.len() <= 64) {
            let message = format!("`{name}` cannot be the {what}");
            let help = "it begins with a lower-case letter and holds at most 64 letters, digits and `_`, so that expressions can name it";
            self.report(Diagnostic::error(message, span).rule("identifier").help(help));
        }
    }

    /// Complains where a value may be meant otherwise than YAML takes it, here or deeper.
    fn as_meant(&mut self, node: &Node) {
        let file = file_of(&self.included, self.root, node);
        let found = hints::of_tree(file.text, file.offset, node);
        found.into_iter().for_each(|problem| self.report(problem));
    }

    pub(super) fn template(&mut self, node: &Node) -> Placed<Template> {
        self.as_meant(node);
        let written = file_of(&self.included, self.root, node);
        Placed { value: Template::compile(node, written, &mut self.problems), span: node.span }
    }

    pub(super) fn condition(&mut self, node: &Node, what: &str) -> Placed<Template> {
        let condition = self.template(node);
        let decides = match &condition.value {
            Template::Expression(_) | Template::Broken => true,
            Template::Literal(value) | Template::Spelled { value, .. } => value.is_boolean(),
            Template::Text(_) | Template::List(_) | Template::Map(_) => false,
        };
        if !decides {
            let problem = Diagnostic::error(format!("{what} must be one expression"), node.span)
                .rule("type")
                .help("for example `${{ inputs.severity == \"sev1\" }}`");
            self.report(problem);
        }
        condition
    }

    /// A value without expressions.
    pub(super) fn literal(&mut self, node: &Node, what: &str) -> Option<Placed<Value>> {
        let template = self.template(node);
        let literal = template.value.literal();
        if literal.is_none() && !matches!(template.value, Template::Broken) {
            self.report(Diagnostic::error(format!("{what} cannot be an expression"), node.span).rule("type"));
        }
        literal.map(|value| Placed { value, span: node.span })
    }
}

/// The file in which a value stands.
fn file_of<'a>(included: &'a [(String, Included)], root: &'a str, node: &Node) -> Written<'a> {
    let own = included.iter().rev().map(|(_, included)| included).find(|own| own.offset <= node.span.offset);
    match own {
        Some(included) => Written { text: &included.text, offset: included.offset },
        None => Written { text: root, offset: 0 },
    }
}

/// What a word of YAML 1.1 meant, for those who still write it.
fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" => Some(true),
        "no" | "off" | "n" => Some(false),
        _ => None,
    }
}
