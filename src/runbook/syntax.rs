//! YAML text becomes a tree of nodes, each with its place.
//!
//! Words mean what YAML 1.2 says: `no`, `on` and `yes` are texts, `0123` is one as well, and a number keeps how it was
//! written, so that nobody's release `1.10` becomes 1.1 unseen. The tree keeps what was written; meaning is given by [`decode`](super::decode). Reading a tree first, instead of
//! deserialising straight into structs, is what allows every problem of a file to be reported at once.

use super::diagnostic::{Diagnostic, Span};
use super::secrets;
use super::source::LARGEST_RUNBOOK;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// How many values a text may hold, and how deep they may lie in each other, aliases counted as what they stand for.
const MOST_VALUES: usize = 20_000;
const DEEPEST: usize = 32;
/// The least fraction that is too large for a whole number: 2 to the power of 63.
const FIRST_BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its place, at most to the end of its first line.
    pub span: Span,
    /// Where it ends, in bytes.
    pub end: usize,
    pub value: NodeValue,
    /// How a number, or true or false, was written, where that is not how it would be shown: `1.10`, `1e3`, `TRUE`.
    pub written: Option<String>,
}

/// What stands there.
#[derive(Clone, Debug)]
pub enum NodeValue {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    List(Vec<Node>),
    Map(Vec<(PlacedKey, Node)>),
}

/// A key with its place.
#[derive(Clone, Debug)]
pub struct PlacedKey {
    pub span: Span,
    pub name: String,
}

impl Node {
    /// The word for what stands there.
    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "true or false",
            NodeValue::Int(_) => "a whole number",
            NodeValue::Float(_) => "a number",
            NodeValue::String(_) => "text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a mapping",
        }
    }

    /// The value, with every number, and every true or false, as it was written where it would be shown otherwise: for
    /// places that want text, or read it themselves.
    pub fn as_written(&self) -> Value {
        match (&self.written, &self.value) {
            (Some(written), _) => Value::from(written.as_str()),
            (None, NodeValue::Null) => Value::Null,
            (None, NodeValue::Bool(value)) => Value::from(*value),
            (None, NodeValue::Int(value)) => Value::from(*value),
            (None, NodeValue::Float(value)) => Value::from(*value),
            (None, NodeValue::String(text)) => Value::from(text.as_str()),
            (None, NodeValue::List(values)) => values.iter().map(Self::as_written).collect(),
            (None, NodeValue::Map(entries)) => {
                entries.iter().map(|(key, value)| (key.name.clone(), value.as_written())).collect()
            }
        }
    }
}

/// Reads one YAML document, in which no key may stand twice in one mapping.
pub fn parse(text: &str) -> Result<Node, Diagnostic> {
    tree(text, DuplicateKeyPolicy::Error).map(|tree| node(text, 0, tree))
}

/// Reads one YAML document that lies at an offset among others. Repeated keys are kept, for the reader to complain.
pub(super) fn parse_at(text: &str, offset: usize) -> Result<Node, Diagnostic> {
    let found = tree(text, DuplicateKeyPolicy::PassThrough).map(|tree| node(text, offset, tree));
    found.map_err(|problem| Diagnostic { span: problem.span.moved(offset), ..problem })
}

fn tree(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Spanned<Tree>, Diagnostic> {
    if text.len() > LARGEST_RUNBOOK {
        let message = format!("the file is larger than {} KiB", LARGEST_RUNBOOK / 1024);
        return Err(Diagnostic::error(message, Span { offset: 0, length: 0 })
            .rule("too-large")
            .help("runbooks are written by people; is this the right file?"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MOST_VALUES,
            max_events: 4 * MOST_VALUES,
            max_depth: DEEPEST,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 2 * MOST_VALUES,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: duplicate_keys,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| yaml_error(text, &error))
}

fn yaml_error(text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let whole = error.without_snippet().to_string();
    let first = whole.lines().next().unwrap_or_default().trim_end_matches('.');
    let (first, told) = first.split_once(" at line ").unwrap_or((first, ""));
    let location = || error.location().map(|location| place(text, &location).0);
    let span = told_place(text, told).or_else(location).unwrap_or_default();
    if first.starts_with("recursive references") {
        return Diagnostic::error("an alias stands within what it stands for", span).rule("yaml");
    }
    if first.contains("Documents") {
        let problem = Diagnostic::error("the file holds more than one document", span).rule("yaml");
        return problem.help("write each runbook into a file of its own");
    }
    if first.contains("budget breached") || first.contains("limit") {
        let message = format!(
            "the file holds more than stanch reads: at most {MOST_VALUES} values, {DEEPEST} deep in each other"
        );
        return Diagnostic::error(message, span)
            .rule("too-large")
            .help("runbooks are written by people; is this the right file?");
    }
    if first.to_lowercase().contains("merge key") {
        let problem = Diagnostic::error("`<<` puts nothing in: YAML 1.2 has no merge keys", span).rule("yaml");
        return problem.help("write out what belongs here, or keep common steps in a file that is included");
    }
    let message = secrets::masked(first, &secrets::find(text));
    let help = match (text.get(..span.offset).is_some_and(|before| before.ends_with('$')), first) {
        (true, _) => "put the expression in quotes: `{ title: \"${{ … }}\" }`; braces would begin a mapping here",
        (false, first) if first.starts_with("unclosed") && line_at(text, span.offset).contains(" #") => {
            "a `#` after a space begins a remark, up to the end of the line: put the text in quotes if it belongs to it"
        }
        (false, _) if quoting(whole_line(text, span.offset)).is_some() => {
            quoting(whole_line(text, span.offset)).unwrap_or_default()
        }
        (false, "the number is too large") => "put it in quotes if it is no number to calculate with",
        (false, _) => "the file must be YAML 1.2 before stanch can read it as a runbook",
    };
    Diagnostic::error(message, span).rule("yaml").help(help)
}

/// What in a line wants quotes around its value, if that is what is wrong with it.
fn quoting(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    let entry = line.strip_prefix("- ").unwrap_or(line).trim_start();
    let value = entry.split_once(": ").map_or(entry, |(_, value)| value).trim();
    let is_plain = !value.starts_with(['"', '\'', '[', '{', '|', '>', '&', '*', '#']);
    match value.chars().next()? {
        '@' | '`' => Some("no plain text begins with `@` or a backtick: put it in quotes: `\"@here …\"`"),
        '%' => Some("no plain text begins with `%`: put it in quotes: `\"%d …\"`"),
        _ if is_plain && (value.contains(": ") || value.ends_with(':')) => {
            Some("a colon with a space behind it begins a mapping: put the text in quotes: `title: \"Alert: …\"`")
        }
        _ => None,
    }
}

/// The line in which a place lies.
fn whole_line(text: &str, offset: usize) -> &str {
    let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    line_at(text, start)
}

fn line_at(text: &str, offset: usize) -> &str {
    text.get(offset..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// The place that a message names at its end: `5, column 11`.
fn told_place(text: &str, told: &str) -> Option<Span> {
    let mut numbers =
        told.split(", column ").map(|number| number.trim_matches(|letter: char| !letter.is_ascii_digit()));
    let mut number = || numbers.next().and_then(|number| number.parse::<usize>().ok()).and_then(|it| it.checked_sub(1));
    let (line, column) = (number()?, number()?);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let column = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    Some(Span { offset: start + column, length: usize::from(column < line.len()) })
}

/// The tree as the YAML reader gives it.
enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

fn node(text: &str, base: usize, tree: Spanned<Tree>) -> Node {
    let value = match tree.value {
        Tree::Null => NodeValue::Null,
        Tree::Bool(value) => NodeValue::Bool(value),
        Tree::Int(value) => NodeValue::Int(value),
        Tree::Float(value) => NodeValue::Float(value),
        Tree::String(value) => NodeValue::String(value),
        Tree::List(values) => NodeValue::List(alike(values.into_iter().map(|value| node(text, base, value)).collect())),
        Tree::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Tree>)| {
                let (span, _) = place(text, &key.referenced);
                (PlacedKey { span: span.moved(base), name: key.value }, node(text, base, value))
            };
            NodeValue::Map(entries.into_iter().map(entry).collect())
        }
    };
    let (span, end) = place(text, &tree.referenced);
    let written = written(text, &tree.defined, &value);
    Node { span: span.moved(base), end: base + end, value, written }
}

/// How a number, or true or false, stands in the text, if it would be shown otherwise.
fn written(text: &str, location: &Location, value: &NodeValue) -> Option<String> {
    let shown = match value {
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Int(value) => value.to_string(),
        NodeValue::Float(value) => Value::from(*value).to_string(),
        NodeValue::Null | NodeValue::String(_) | NodeValue::List(_) | NodeValue::Map(_) => return None,
    };
    let (span, _) = place(text, location);
    let plain =
        text.get(span.offset..)?.split(|letter: char| letter.is_whitespace() || ",]}".contains(letter)).next()?;
    // What a tag made a number of says by itself what it is meant to be.
    let is_plain = plain.starts_with(|first: char| first.is_ascii_alphanumeric() || "+-.".contains(first));
    (is_plain && plain != shown).then(|| plain.to_owned())
}

/// A list of numbers with a fraction among them is one of fractions: expressions calculate with either, not with both.
fn alike(mut values: Vec<Node>) -> Vec<Node> {
    let are_numbers = values.iter().all(|node| matches!(node.value, NodeValue::Int(_) | NodeValue::Float(_)));
    if are_numbers && values.iter().any(|node| matches!(node.value, NodeValue::Float(_))) {
        for node in &mut values {
            if let NodeValue::Int(whole) = node.value {
                let (written, fraction) = (node.written.take(), whole as f64);
                node.value = NodeValue::Float(fraction);
                let shown = Value::from(fraction).to_string();
                node.written = Some(written.unwrap_or_else(|| whole.to_string())).filter(|written| *written != shown);
            }
        }
    }
    values
}

/// A place in bytes, never beyond the text, and where it ends. What is shown ends with its line.
fn place(text: &str, location: &Location) -> (Span, usize) {
    let place = location.span();
    let bytes = |number: u64| usize::try_from(number).ok();
    let mut offset = place.byte_offset().and_then(bytes).unwrap_or(0).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let length = place.byte_len().and_then(bytes).unwrap_or(0);
    let rest = text.get(offset..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().trim_end();
    let end = (offset + length).clamp(offset, text.len());
    let shown = if length == 0 { line.len() } else { length };
    (Span { offset, length: shown.min(line.len()) }, end.max(offset + line.len()))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = Tree;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a YAML value")
            }
            fn visit_unit<E: Error>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }
            fn visit_none<E: Error>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
                Tree::deserialize(deserializer)
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Int(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
                i64::try_from(value).map(Tree::Int).map_err(|_| E::custom("the number is too large"))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
                // `4.0` is a whole number, as JSON Schema has it.
                let whole = value.fract() == 0.0 && (-FIRST_BEYOND..FIRST_BEYOND).contains(&value);
                Ok(if whole { Tree::Int(value as i64) } else { Tree::Float(value) })
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::String(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Tree::List(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Map(entries))
            }
        }
        deserializer.deserialize_any(TreeVisitor)
    }
}
