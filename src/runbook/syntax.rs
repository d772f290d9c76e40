//! YAML text becomes a tree of nodes, each with its place.
//!
//! The tree keeps what was written; meaning is given by [`decode`](super::decode). Reading a tree first, instead of
//! deserialising straight into structs, is what allows every problem of a file to be reported at once.

use super::diagnostic::{Diagnostic, Span};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// The largest runbook that is read, in bytes. Runbooks are written by people.
pub const LARGEST_RUNBOOK: usize = 1 << 20;

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    pub value: NodeValue,
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
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Clone, Debug)]
pub struct Key {
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
}

/// Reads one YAML document.
pub fn parse(text: &str) -> Result<Node, Diagnostic> {
    if text.len() > LARGEST_RUNBOOK {
        let message = format!("the file is larger than {} KiB", LARGEST_RUNBOOK / 1024);
        return Err(Diagnostic::error(message, Span { offset: 0, length: 0 })
            .help("runbooks are written by people; is this the right file?"));
    }
    let tree: Spanned<Tree> = serde_saphyr::from_str(text).map_err(|error| yaml_error(text, &error))?;
    Ok(node(text, tree))
}

fn yaml_error(text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let whole = error.without_snippet().to_string();
    let message = whole.lines().next().unwrap_or_default().trim_end_matches('.');
    // The reader writes the place into its message; here it stands beside it.
    let (message, told) = match message.rsplit_once(" at line ") {
        Some((message, place)) => (message, place_of(text, place)),
        None => (message, None),
    };
    let span = error.location().filter(|_| told.is_none()).map(|location| span(text, &location));
    let span = told.or(span).unwrap_or(Span { offset: 0, length: 0 });
    if let Some(key) = message.strip_prefix("duplicate mapping key: ") {
        let key = key.split(", set ").next().unwrap_or(key);
        return Diagnostic::error(format!("the key `{key}` stands twice"), span).help("keep one of the two");
    }
    Diagnostic::error(message.to_owned(), span).help("the file must be YAML 1.2 before stanch can read it as a runbook")
}

/// The rest of the line that `LINE, column COLUMN` points into.
fn place_of(text: &str, place: &str) -> Option<Span> {
    let (line, column) = place.split_once(", column ")?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let start = text.get(before..)?;
    let content = start.lines().next().unwrap_or_default().trim_end();
    let into = content.char_indices().nth(column.checked_sub(1)?).map_or(content.len(), |(index, _)| index);
    Some(Span { offset: before + into, length: content.len() - into })
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

fn node(text: &str, tree: Spanned<Tree>) -> Node {
    let value = match tree.value {
        Tree::Null => NodeValue::Null,
        Tree::Bool(value) => NodeValue::Bool(value),
        Tree::Int(value) => NodeValue::Int(value),
        Tree::Float(value) => NodeValue::Float(value),
        Tree::String(value) => NodeValue::String(value),
        Tree::List(values) => NodeValue::List(values.into_iter().map(|value| node(text, value)).collect()),
        Tree::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Tree>)| {
                (Key { span: span(text, &key.referenced), name: key.value }, node(text, value))
            };
            NodeValue::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { span: span(text, &tree.referenced), value }
}

/// The reader counts characters; places are kept in bytes, and never beyond the text.
fn span(text: &str, location: &Location) -> Span {
    let place = location.span();
    let offset = place.byte_offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0).min(text.len());
    let length = place.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let rest = text.get(offset..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().trim_end();
    let length = if length == 0 { line.len() } else { length };
    Span { offset, length: length.min(line.len()) }
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
                Ok(Tree::Float(value))
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
