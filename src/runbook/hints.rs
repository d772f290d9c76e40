//! What YAML takes otherwise than its author may have meant it: a `#` that cuts, a tag, quotes of a word processor, a
//! variable of a shell, nothing where a text belongs.

use super::diagnostic::{Diagnostic, Span};
use super::syntax::{Node, NodeValue};

/// What opens and closes a text for a word processor.
const QUOTES: &[(char, &[char])] =
    &[('“', &['”', '“']), ('„', &['“', '”']), ('‘', &['’']), ('«', &['»']), ('‚', &['‘', '’'])];

/// Everything of a tree that may be meant otherwise. The text begins at `offset`.
pub fn of_tree(text: &str, offset: usize, root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut open = vec![(root, true)];
    while let Some((node, is_outside)) = open.pop() {
        match &node.value {
            NodeValue::List(values) => open.extend(values.iter().rev().map(|value| (value, false))),
            NodeValue::Map(entries) => open.extend(entries.iter().rev().map(|(_, value)| (value, false))),
            _ => found.extend(of_value(text, offset, node, is_outside)),
        }
    }
    found
}

fn of_value(text: &str, offset: usize, node: &Node, is_outside: bool) -> Option<Diagnostic> {
    let at = node.span.offset.checked_sub(offset)?;
    if let Some(span) = cut(text, offset, node) {
        let problem = Diagnostic::warning("a `#` after a space begins a remark: the text ends before it", span);
        let help = "put the text in quotes if the `#` belongs to it, or a space behind the `#` if it does not";
        return Some(problem.rule("cut").help(help));
    }
    if let Some(tag) = tag(text, at) {
        let span = Span { offset: offset + tag.offset, ..tag };
        let problem = Diagnostic::error("a tag does nothing here: what stands behind it is taken as it is", span);
        let help = "a value from elsewhere is written `env:NAME` or the address of a secret; a text with `!` in quotes";
        return Some(problem.rule("tag").help(help));
    }
    let problem = |message: &str, rule: &'static str, help: &str| {
        Some(Diagnostic::warning(message.to_owned(), node.span).rule(rule).help(help.to_owned()))
    };
    match &node.value {
        NodeValue::Null if !is_outside => problem(
            "nothing stands here",
            "nothing",
            "write `\"\"` for an empty text, or put what is meant in quotes: `\"~\"`",
        ),
        NodeValue::String(value) if is_in_word_quotes(value) => problem(
            "these quotes belong to the text: only straight ones are quotes for YAML",
            "quotes",
            "write `\"…\"`",
        ),
        NodeValue::String(value) if names_a_variable(value) => problem(
            "no variable of a shell is put in here: the text stays as it is",
            "variable",
            "an input is written `${{ inputs.NAME }}`, a secret of the environment `env:NAME`",
        ),
        _ => None,
    }
}

/// The tag of a value, where YAML itself does not know it.
fn tag(text: &str, at: usize) -> Option<Span> {
    let before = text.get(..at)?;
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let prefix = text.get(line..at)?;
    let behind = text.get(at..)?;
    let begin = match behind.starts_with('!') {
        true => at,
        // It stands before the value, or before the sign that a block begins with.
        false => {
            line + prefix
                .trim_end_matches([' ', '|', '>', '-', '+'])
                .rfind([' ', ',', '[', '{'])
                .map_or(0, |end| end + 1)
        }
    };
    let word = text.get(begin..)?;
    let length = word.find(|letter: char| letter.is_whitespace() || ",]}".contains(letter)).unwrap_or(word.len());
    let is_own = word.starts_with('!') && !word.starts_with("!!") && length > 1;
    is_own.then_some(Span { offset: begin, length })
}

fn is_in_word_quotes(text: &str) -> bool {
    let (first, last) = (text.chars().next(), text.chars().next_back());
    QUOTES.iter().any(|(open, closes)| {
        first == Some(*open) && last.is_some_and(|last| closes.contains(&last)) && text.chars().count() > 1
    })
}

/// Whether a text holds what a shell would put a value in for: `${NAME}`, `$NAME`.
fn names_a_variable(text: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let is_word = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
        let is_begin = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        match rest.strip_prefix('{') {
            Some(inside) => is_begin(inside) && inside.trim_start_matches(|letter| is_word(&letter)).starts_with('}'),
            None => {
                let name: String = rest.chars().take_while(is_word).collect();
                name.len() > 2 && is_begin(&name) && !name.bytes().any(|letter| letter.is_ascii_lowercase())
            }
        }
    })
}

/// What follows a value on its line after a `#` that may have been meant as part of it: `ticket #4711`. A remark has a
/// space behind its `#`. The text begins at `offset`.
fn cut(text: &str, offset: usize, node: &Node) -> Option<Span> {
    let start = node.span.offset;
    let line = text.get(start.checked_sub(offset)?..)?.lines().next()?;
    let is_plain = match &node.value {
        NodeValue::Null => true,
        NodeValue::String(value) => value.split_whitespace().next().is_some_and(|word| line.starts_with(word)),
        _ => false,
    };
    let at = match line.strip_prefix('#') {
        Some(_) => 0,
        None => line.find(" #")? + 1,
    };
    let after = line.get(at + 1..)?;
    let is_part = is_plain && after.starts_with(|first: char| !first.is_whitespace() && first != '#');
    is_part.then(|| Span { offset: start + at, length: line.trim_end().len() - at })
}
