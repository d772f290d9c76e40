//! The tree of a text becomes a [`Runbook`]; every problem is collected, none ends the reading.

use super::diagnostic::{Diagnostic, Span};
use super::duration;
use super::expression::Template;
use super::model::{Gates, Input, InputKind, OnUnknown, Parameter, Placed, Policy, Runbook, Step};
use super::syntax::{self, Key, Node, NodeValue};
use crate::engine::{OnFailure, RetryPolicy};
use serde_json::Value;
use std::time::Duration;

/// The version of the language that this program reads.
pub(super) const SCHEMA: &str = "stanch/v1";

const RUNBOOK_KEYS: &[&str] = &["schema", "name", "summary", "inputs", "policy", "steps", "finally"];
const INPUT_KEYS: &[&str] = &["type", "required", "default", "values", "description"];
const STEP_KEYS: &[&str] = &[
    "id",
    "name",
    "uses",
    "with",
    "needs",
    "if",
    "for_each",
    "concurrency",
    "retry",
    "timeout",
    "on_failure",
    "on_unknown",
];
const POLICY_KEYS: &[&str] = &["lock", "timeout", "overlap", "gates"];
const GATE_KEYS: &[&str] = &["skip_if", "min", "from", "not_requester", "expires"];
/// Beyond this, more at a time only meets the vault's limits sooner.
const MOST_AT_A_TIME: usize = 256;
const TYPES: &[&str] =
    &["string", "int", "number", "bool", "enum", "timestamp", "duration", "url", "keyvault_secret", "list"];

/// Reads a runbook as far as it can be read, with everything that is wrong with its form. Fails only where the text
/// is not even YAML.
pub fn read(text: &str) -> Result<(Runbook, Vec<Diagnostic>), Diagnostic> {
    let root = syntax::parse(text)?;
    let mut decoder = Decoder { problems: Vec::new() };
    let runbook = decoder.runbook(&root);
    Ok((runbook, decoder.problems))
}

struct Decoder {
    problems: Vec<Diagnostic>,
}

/// The entries of a mapping, by name.
struct Entries<'a> {
    span: Span,
    entries: Vec<(&'a Key, &'a Node)>,
}

impl<'a> Entries<'a> {
    fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| *node)
    }
}

impl Decoder {
    fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        self.report(Diagnostic::error(format!("{what} must be {expected}, not {}", node.kind()), node.span));
    }

    /// A mapping whose keys are all known.
    fn entries<'a>(&mut self, node: &'a Node, what: &str, known: &[&str]) -> Entries<'a> {
        let entries = self.open_entries(node, what);
        for (key, _) in &entries.entries {
            if !known.contains(&key.name.as_str()) {
                let problem = Diagnostic::error(format!("unknown key `{}` in {what}", key.name), key.span)
                    .label("no such key")
                    .help(format!("the keys are {}", known.join(", ")))
                    .suggest(&key.name, known.iter().copied());
                self.report(problem);
            }
        }
        entries
    }

    /// A mapping with keys of the author's choice.
    fn open_entries<'a>(&mut self, node: &'a Node, what: &str) -> Entries<'a> {
        let mut entries = Entries { span: node.span, entries: Vec::new() };
        match &node.value {
            NodeValue::Map(map) => {
                for (key, value) in map {
                    if entries.get(&key.name).is_some() {
                        self.report(Diagnostic::error(
                            format!("the key `{}` stands twice in {what}", key.name),
                            key.span,
                        ));
                    } else {
                        entries.entries.push((key, value));
                    }
                }
            }
            _ => self.wrong(node, what, "a mapping"),
        }
        entries
    }

    fn list<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match &node.value {
            NodeValue::List(values) => values,
            _ => {
                self.wrong(node, what, "a list");
                &[]
            }
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            NodeValue::String(text) => Some(text.clone()),
            _ => {
                self.wrong(node, what, "text");
                None
            }
        }
    }

    fn optional_text(&mut self, entries: &Entries<'_>, name: &str) -> Option<String> {
        entries.get(name).and_then(|node| self.text(node, &format!("`{name}`")))
    }

    fn required_text(&mut self, entries: &Entries<'_>, name: &str, what: &str) -> Placed<String> {
        match entries.get(name) {
            Some(node) => {
                let value = self.text(node, &format!("`{name}`")).unwrap_or_default();
                Placed { value, span: node.span }
            }
            None => {
                self.report(Diagnostic::error(format!("{what} has no `{name}`"), entries.span));
                Placed { value: String::new(), span: entries.span }
            }
        }
    }

    /// One word out of a few.
    fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let problem = Diagnostic::error(format!("{what} cannot be `{text}`"), node.span)
                .help(format!("it is one of {}", names.join(", ")))
                .suggest(&text, names);
            self.report(problem);
        }
        found
    }

    fn runbook(&mut self, root: &Node) -> Runbook {
        let entries = self.entries(root, "the runbook", RUNBOOK_KEYS);
        let schema = self.required_text(&entries, "schema", "the runbook");
        if schema.value != SCHEMA && entries.get("schema").is_some() {
            let message = format!("this program does not know the language `{}`", schema.value);
            self.report(Diagnostic::error(message, schema.span).help(format!("write `schema: {SCHEMA}`")));
        }
        let name = self.required_text(&entries, "name", "the runbook").value;
        let summary = self.optional_text(&entries, "summary");
        let inputs = entries.get("inputs").map(|node| self.inputs(node)).unwrap_or_default();
        let policy = entries.get("policy").map(|node| self.policy(node)).unwrap_or_default();
        let steps = match entries.get("steps") {
            Some(node) => self.steps(node, "`steps`"),
            None => {
                self.report(Diagnostic::error("the runbook has no `steps`", entries.span));
                Vec::new()
            }
        };
        let finally = entries.get("finally").map(|node| self.steps(node, "`finally`")).unwrap_or_default();
        Runbook { name, summary, inputs, policy, steps, finally }
    }

    fn policy(&mut self, node: &Node) -> Policy {
        let entries = self.entries(node, "`policy`", POLICY_KEYS);
        Policy {
            lock: entries.get("lock").map(|node| self.template(node)),
            timeout: entries.get("timeout").and_then(|node| self.duration(node, "`timeout`")),
            overlap: entries
                .get("overlap")
                .and_then(|node| self.duration(node, "`overlap`").and_then(|_| self.default(node))),
            gates: entries.get("gates").map(|node| self.gates(node)).unwrap_or_default(),
        }
    }

    fn gates(&mut self, node: &Node) -> Gates {
        let entries = self.entries(node, "`gates`", GATE_KEYS);
        let skip_if = entries.get("skip_if").map(|node| self.condition(node, "`skip_if`"));
        let mut defaults = Vec::new();
        for (key, node) in entries.entries.iter().filter(|(key, _)| key.name != "skip_if") {
            defaults.push(Parameter { name: key.name.clone(), span: key.span, value: self.template(node) });
        }
        Gates { skip_if, defaults }
    }

    fn template(&mut self, node: &Node) -> Placed<Template> {
        Placed { value: Template::compile(node, &mut self.problems), span: node.span }
    }

    fn inputs(&mut self, node: &Node) -> Vec<Input> {
        let entries = self.open_entries(node, "`inputs`");
        entries.entries.iter().map(|(key, node)| self.input(key, node)).collect()
    }

    fn input(&mut self, key: &Key, node: &Node) -> Input {
        let entries = self.entries(node, &format!("the input `{}`", key.name), INPUT_KEYS);
        let kind = self.input_kind(&entries, &key.name);
        let required = match entries.get("required") {
            None => false,
            Some(Node { value: NodeValue::Bool(required), .. }) => *required,
            Some(node) => {
                self.wrong(node, "`required`", "true or false");
                false
            }
        };
        let default = entries.get("default").and_then(|node| self.default(node));
        if required && default.is_some() {
            let message = format!("the input `{}` is required and has a default; it can be one of both", key.name);
            self.report(Diagnostic::error(message, key.span));
        }
        let description = self.optional_text(&entries, "description");
        Input { name: key.name.clone(), span: key.span, kind, required, default, description }
    }

    fn input_kind(&mut self, entries: &Entries<'_>, input: &str) -> InputKind {
        let kind = self.required_text(entries, "type", &format!("the input `{input}`"));
        match kind.value.as_str() {
            "int" => InputKind::Int,
            "number" => InputKind::Number,
            "bool" => InputKind::Bool,
            "timestamp" => InputKind::Timestamp,
            "duration" => InputKind::Duration,
            "url" => InputKind::Url,
            "keyvault_secret" => InputKind::KeyvaultSecret,
            "list" => InputKind::List,
            "enum" => {
                let values = entries.get("values").map(|node| self.words(node, "`values`")).unwrap_or_default();
                if values.is_empty() {
                    self.report(Diagnostic::error(
                        format!("the input `{input}` is an enum without `values`"),
                        kind.span,
                    ));
                }
                InputKind::Enum(values.into_iter().map(|word| word.value).collect())
            }
            "string" | "" => InputKind::String,
            other => {
                let problem = Diagnostic::error(format!("unknown type `{other}`"), kind.span)
                    .help(format!("the types are {}", TYPES.join(", ")))
                    .suggest(other, TYPES.iter().copied());
                self.report(problem);
                InputKind::String
            }
        }
    }

    fn default(&mut self, node: &Node) -> Option<Placed<Value>> {
        let template = Template::compile(node, &mut self.problems);
        match template.literal() {
            Some(value) => Some(Placed { value, span: node.span }),
            None => {
                self.report(Diagnostic::error("a default cannot be an expression", node.span));
                None
            }
        }
    }

    fn words(&mut self, node: &Node, what: &str) -> Vec<Placed<String>> {
        let list = self.list(node, what);
        let mut words = Vec::new();
        for node in list {
            if let Some(value) = self.text(node, &format!("each of {what}")) {
                words.push(Placed { value, span: node.span });
            }
        }
        words
    }

    fn steps(&mut self, node: &Node, what: &str) -> Vec<Step> {
        self.list(node, what).iter().map(|node| self.step(node)).collect()
    }

    fn step(&mut self, node: &Node) -> Step {
        let entries = self.entries(node, "the step", STEP_KEYS);
        let id = self.required_text(&entries, "id", "the step");
        let valid = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let begins = id.value.starts_with(|character: char| character.is_ascii_lowercase());
        if entries.get("id").is_some() && !(begins && id.value.chars().all(valid) && id.value.len() <= 64) {
            let message = format!("`{}` cannot be the id of a step", id.value);
            let help = "an id begins with a lower-case letter and holds letters, digits and `_`, so that expressions can name it";
            self.report(Diagnostic::error(message, id.span).help(help));
        }
        let what = format!("the step `{}`", id.value);
        let uses = self.required_text(&entries, "uses", &what);
        let with = entries.get("with").map(|node| self.parameters(node, &what)).unwrap_or_default();
        Step {
            name: self.optional_text(&entries, "name"),
            needs: entries.get("needs").map(|node| self.words(node, "`needs`")),
            condition: entries.get("if").map(|node| self.condition(node, "`if`")),
            for_each: entries.get("for_each").map(|node| self.template(node)),
            concurrency: entries.get("concurrency").and_then(|node| self.concurrency(node)),
            retry: entries.get("retry").map(|node| self.retry(node)),
            timeout: entries.get("timeout").and_then(|node| self.duration(node, "`timeout`")),
            on_failure: entries.get("on_failure").and_then(|node| {
                let words = [("stop", OnFailure::Stop), ("continue", OnFailure::Continue), ("ask", OnFailure::Ask)];
                self.word(node, "`on_failure`", &words)
            }),
            on_unknown: entries
                .get("on_unknown")
                .and_then(|node| {
                    let words = [("probe", OnUnknown::Probe), ("rerun", OnUnknown::Rerun), ("ask", OnUnknown::Ask)];
                    self.word(node, "`on_unknown`", &words)
                })
                .unwrap_or_default(),
            id,
            uses,
            with,
        }
    }

    fn parameters(&mut self, node: &Node, what: &str) -> Vec<Parameter> {
        let entries = self.open_entries(node, &format!("`with` of {what}"));
        let mut parameters = Vec::new();
        for (key, node) in entries.entries {
            parameters.push(Parameter { name: key.name.clone(), span: key.span, value: self.template(node) });
        }
        parameters
    }

    fn concurrency(&mut self, node: &Node) -> Option<Placed<usize>> {
        match &node.value {
            NodeValue::Int(number) => match usize::try_from(*number) {
                Ok(value @ 1..=MOST_AT_A_TIME) => return Some(Placed { value, span: node.span }),
                _ => {
                    let message = format!("`concurrency` must be between 1 and {MOST_AT_A_TIME}");
                    self.report(Diagnostic::error(message, node.span));
                }
            },
            _ => self.wrong(node, "`concurrency`", "a whole number"),
        }
        None
    }

    fn condition(&mut self, node: &Node, what: &str) -> Placed<Template> {
        let template = Template::compile(node, &mut self.problems);
        let decides = matches!(template, Template::Expression(_) | Template::Literal(Value::Bool(_)));
        if !decides && self.problems.is_empty() {
            let problem = Diagnostic::error(format!("{what} must be one expression"), node.span)
                .help("for example `${{ inputs.severity == \"sev1\" }}`");
            self.report(problem);
        }
        Placed { value: template, span: node.span }
    }

    fn retry(&mut self, node: &Node) -> RetryPolicy {
        let mut policy = RetryPolicy::default();
        let entries = self.entries(node, "`retry`", &["max", "backoff"]);
        match entries.get("max") {
            Some(Node { value: NodeValue::Int(max), span }) => match u32::try_from(*max) {
                Ok(max) if max <= 1000 => policy.max = max,
                _ => self.report(Diagnostic::error("`max` must be between 0 and 1000", *span)),
            },
            Some(node) => self.wrong(node, "`max`", "a whole number"),
            None => {}
        }
        if let Some(node) = entries.get("backoff") {
            self.backoff(node, &mut policy);
        }
        policy
    }

    fn backoff(&mut self, node: &Node, policy: &mut RetryPolicy) {
        let Some(text) = self.text(node, "`backoff`") else { return };
        let (first, longest) = text.split_once("..").unwrap_or((&text, &text));
        match (duration::parse(first), duration::parse(longest)) {
            (Ok(first), Ok(longest)) if first <= longest => {
                policy.first = first;
                policy.longest = longest;
            }
            (Ok(_), Ok(_)) => self.report(Diagnostic::error("the first wait is longer than the longest", node.span)),
            (Err(problem), _) | (_, Err(problem)) => {
                self.report(Diagnostic::error(problem, node.span).help("for example `backoff: 2s..1m`"));
            }
        }
    }

    fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.text(node, what)?;
        match duration::parse(&text) {
            Ok(duration) => Some(duration),
            Err(problem) => {
                self.report(Diagnostic::error(problem, node.span));
                None
            }
        }
    }
}
