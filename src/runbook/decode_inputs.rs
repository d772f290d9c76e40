//! What a runbook asks for: inputs with their types and limits.

use super::diagnostic::Diagnostic;
use super::entries::{Decoder, Entries};
use super::language::{self, ITEM_TYPES, TYPES};
use super::model::{Input, InputKind, Items, Limits, Pattern, Placed};
use super::syntax::{Node, PlacedKey};
use regex::RegexBuilder;
use serde_json::Value;

/// Larger patterns are refused: they match in bounded time, but not in bounded memory.
const LARGEST_PATTERN: usize = 1 << 18;

impl Decoder<'_> {
    pub(super) fn inputs(&mut self, node: &Node) -> Vec<Input> {
        let entries = self.open_entries(node, "`inputs`");
        entries.entries.iter().map(|(key, node)| self.input(key, node)).collect()
    }

    fn input(&mut self, key: &PlacedKey, node: &Node) -> Input {
        self.identifier(&key.name, key.span, "name of an input");
        let what = format!("the input `{}`", key.name);
        let entries = self.entries(node, &what, language::INPUT);
        let types: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        let (kind, limits) = self.kind(&entries, &what, &types);
        let required = self.flag(&entries, "required");
        let default = entries.get("default").and_then(|node| self.default(node, &kind));
        if required && entries.get("default").is_some() {
            let message = format!("{what} is required and has a default; it can be one of both");
            self.report(Diagnostic::error(message, key.span).rule("input"));
        }
        let description = self.optional_text(&entries, "description");
        Input { name: key.name.clone(), span: key.span, kind, limits, required, default, description }
    }

    /// A default, as it is written where the type is no number: a release `1.10` stays that.
    fn default(&mut self, node: &Node, kind: &InputKind) -> Option<Placed<Value>> {
        let literal = self.literal(node, "a default")?;
        let calculates = |kind: &InputKind| matches!(kind, InputKind::Int | InputKind::Number | InputKind::Bool);
        let calculates = match kind {
            InputKind::List(Some(items)) => calculates(&items.kind),
            kind => calculates(kind),
        };
        Some(if calculates { literal } else { Placed { value: node.as_written(), ..literal } })
    }

    fn kind(&mut self, entries: &Entries<'_>, what: &str, types: &[&str]) -> (InputKind, Limits) {
        let written = self.required_text(entries, "type", what);
        let kind = match written.value.as_str() {
            "int" => InputKind::Int,
            "number" => InputKind::Number,
            "bool" => InputKind::Bool,
            "timestamp" => InputKind::Timestamp,
            "duration" => InputKind::Duration,
            "url" => InputKind::Url,
            "keyvault_secret" => InputKind::KeyvaultSecret,
            "list" if types.contains(&"list") => InputKind::List(self.items(entries, what)),
            "enum" => InputKind::Enum(self.enum_values(entries, &written, what)),
            "string" | "" => InputKind::String,
            other => {
                let problem = Diagnostic::error(format!("unknown type `{other}`"), written.span)
                    .rule("type")
                    .help(format!("the types are {}", types.join(", ")))
                    .suggest(other, types.iter().copied());
                self.report(problem);
                return (InputKind::String, Limits::default());
            }
        };
        let limits = if written.value.is_empty() { Limits::default() } else { self.limits(entries, &kind) };
        (kind, limits)
    }

    fn enum_values(&mut self, entries: &Entries<'_>, kind: &Placed<String>, what: &str) -> Vec<String> {
        let values = entries.get("values").map(|node| (node.span, self.words(node, "`values`")));
        match values {
            Some((_, values)) if !values.is_empty() => values.into_iter().map(|word| word.value).collect(),
            Some((span, _)) => {
                self.report(Diagnostic::error("`values` holds no word", span).rule("input"));
                Vec::new()
            }
            None => {
                let message = format!("{what} is an enum without `values`");
                self.report(Diagnostic::error(message, kind.span).rule("input").help("add `values: [one, other]`"));
                Vec::new()
            }
        }
    }

    fn items(&mut self, entries: &Entries<'_>, what: &str) -> Option<Box<Items>> {
        let node = entries.get("items")?;
        let entries = self.entries(node, "`items`", language::ITEMS);
        let (kind, limits) = self.kind(&entries, &format!("`items` of {what}"), ITEM_TYPES);
        Some(Box::new(Items { kind, limits }))
    }

    /// Limits that fit the type; what does not fit is complained about.
    fn limits(&mut self, entries: &Entries<'_>, kind: &InputKind) -> Limits {
        let mut fitting = vec!["values", "pattern", "min", "max", "items"];
        fitting.retain(|key| match *key {
            "values" => matches!(kind, InputKind::Enum(_)),
            "pattern" => matches!(kind, InputKind::String | InputKind::Url | InputKind::KeyvaultSecret),
            "items" => matches!(kind, InputKind::List(_)),
            _ => !matches!(kind, InputKind::Bool | InputKind::Enum(_) | InputKind::Url | InputKind::KeyvaultSecret),
        });
        for (key, _) in &entries.entries {
            let name = key.name.as_str();
            if ["values", "pattern", "min", "max", "items"].contains(&name) && !fitting.contains(&name) {
                let message = format!("`{name}` says nothing about the type {}", kind.name());
                self.report(Diagnostic::error(message, key.span).rule("input").help(match name {
                    "values" => "it is for the type enum",
                    "items" => "it is for the type list",
                    "pattern" => "it is for the types string, url and keyvault_secret",
                    _ => "it is for numbers, times, durations, texts and lists",
                }));
            }
        }
        let pattern = entries.get("pattern").filter(|_| fitting.contains(&"pattern"));
        let pattern = pattern.and_then(|node| self.pattern(node));
        let mut bound = |name: &str| {
            let node = entries.get(name).filter(|_| fitting.contains(&name))?;
            self.literal(node, &format!("`{name}`"))
        };
        Limits { min: bound("min"), max: bound("max"), pattern }
    }

    fn pattern(&mut self, node: &Node) -> Option<Placed<Pattern>> {
        let source = self.text(node, "`pattern`")?;
        let whole = RegexBuilder::new(&format!("^(?:{source})$")).size_limit(LARGEST_PATTERN).build();
        match whole {
            Ok(regex) => Some(Placed { value: Pattern { source, regex }, span: node.span }),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let problem = Diagnostic::error(format!("`{source}` is not a pattern: {why}"), node.span)
                    .rule("pattern")
                    .help("write a regular expression, for example `[a-z]+-[0-9]{3}`; the whole text must match");
                self.report(problem);
                None
            }
        }
    }
}
