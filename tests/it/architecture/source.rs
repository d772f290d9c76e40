//! A source of this crate, taken apart: code without comments, and the texts in it. Tests are not part of it.

use std::path::Path;

pub(super) struct Source {
    /// Below `src/`: `actions/mod.rs`.
    pub(super) path: String,
    /// Without comments; texts are empty.
    pub(super) code: String,
    pub(super) texts: Vec<String>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let (code, texts) = take_apart(text);
        Self { path: path.to_owned(), code, texts }
    }
}

/// Whether a text holds a word, with no other word's letter beside it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_letter) && !text[at + word.len()..].starts_with(is_letter))
}

/// All sources but those of tests.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let all = super::all_sources().into_iter().filter(|path| !path.ends_with("tests.rs"));
    all.map(|path| Source::new(&relative(&path), &std::fs::read_to_string(&path).unwrap())).collect()
}

fn take_apart(text: &str) -> (String, Vec<String>) {
    let (mut code, mut texts) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if letter == '"' {
            let length = end_of_text(&rest[1..]);
            texts.push(rest[1..=length].to_owned());
            code.push_str("\"\"");
            length + 2
        } else if let Some(hashes) = raw(rest).filter(|_| !code.ends_with(|letter: char| letter.is_alphanumeric())) {
            let (begin, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
            let length = rest[begin..].find(&end).unwrap();
            texts.push(rest[begin..begin + length].to_owned());
            code.push_str("\"\"");
            begin + length + end.len()
        } else if let Some(length) = character(rest) {
            length
        } else {
            code.push(letter);
            letter.len_utf8()
        };
        rest = &rest[taken..];
    }
    (code, texts)
}

/// How long a text is before its closing quote.
fn end_of_text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            '"' if !escaped => return at,
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    panic!("a text that does not end: {}", &rest[..rest.len().min(80)]);
}

/// The hashes of `r#"`, if such a text begins here.
fn raw(rest: &str) -> Option<usize> {
    let rest = rest.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// The length of `'x'`, if one stands here: not that of a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let first = inner.chars().next()?.len_utf8();
    inner[first..].starts_with('\'').then_some(first + 2)
}

#[test]
fn sources_are_taken_apart() {
    let text =
        "// \"no\"\nlet a = \"one \\\" two\"; let b = r#\"x \"y\" z\"#; let c = '\"'; fn d<'a>(e: &'a str) { '\\'' }";
    let Source { code, texts, .. } = Source::new("x.rs", text);
    assert_eq!(texts, ["one \\\" two", "x \"y\" z"]);
    assert_eq!(code, "\nlet a = \"\"; let b = \"\"; let c = ; fn d<'a>(e: &'a str) {  }");
    assert!(has_word("a slack-b", "slack") && !has_word("slack_token", "slack"));
}
