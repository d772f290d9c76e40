//! Where a runbook comes from, and the fragments that it includes.

use std::collections::{BTreeMap, BTreeSet};

/// The largest runbook that is read, in bytes. Runbooks are written by people.
pub const LARGEST_RUNBOOK: usize = 1 << 20;

/// How the schemas of ours begin.
const SCHEMAS: [&str; 3] = ["stanch/v", "stanch-fragment/v", "stanch-config/v"];

/// A runbook's text, with a way to the fragments that it names.
#[derive(Clone, Copy)]
pub struct RunbookSource<'a> {
    /// How the text is called in messages: a path, or the name of a built-in.
    pub name: &'a str,
    pub text: &'a str,
    pub library: &'a dyn Library,
}

impl std::fmt::Debug for RunbookSource<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RunbookSource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A text that a runbook includes.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// How it is called in messages.
    pub name: String,
    pub text: String,
}

impl Fragment {
    /// Whether the text says that it is written for stanch. What does not may hold anything, and is not shown.
    pub(super) fn is_ours(&self) -> bool {
        ["stanch-fragment/v", "stanch/v"].iter().any(|schema| self.text.contains(schema))
    }
}

/// Where fragments lie.
pub trait Library {
    /// The fragment at a path, which is relative to the runbook's folder and uses `/`. The error says why there is none.
    fn fragment(&self, path: &str) -> Result<Fragment, String>;
}

/// Texts by their path: what a run has pinned.
impl Library for BTreeMap<String, String> {
    fn fragment(&self, path: &str) -> Result<Fragment, String> {
        match self.get(path) {
            Some(text) => Ok(Fragment { name: path.to_owned(), text: text.clone() }),
            None => Err("there is no such fragment".to_owned()),
        }
    }
}

/// Nothing can be included.
#[derive(Clone, Copy, Debug)]
pub struct NoLibrary;

impl Library for NoLibrary {
    fn fragment(&self, _: &str) -> Result<Fragment, String> {
        Err("there is no folder here to include from".to_owned())
    }
}

/// The path of a fragment from the runbook's folder, for a path that stands in the file `from`.
pub(super) fn resolve(from: &str, path: &str) -> Result<String, &'static str> {
    if path.is_empty() || path.ends_with('/') {
        return Err("it names no file");
    }
    if path.starts_with(['/', '~']) || path.contains(['\\', ':', '\0', '\n']) {
        return Err("it must be relative, with `/` between folders");
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(_)) => drop(parts.pop()),
            ("..", _) => return Err("it leads out of the runbook's folder"),
            (part, _) => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Whether a text shows a sign of being what it is taken for: at its top stand so many of these keys, or it names a schema
/// of ours anywhere. What shows none may be any file, a private one among them, and nothing of it is shown.
pub fn shows_sign<'a>(text: &str, least: usize, keys: impl IntoIterator<Item = &'a str>) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let is_flow = text.trim_start().starts_with('{');
    // Braces may hold all of it in one line.
    let ends = |letter: char| letter == '\n' || is_flow && "{,".contains(letter);
    let key = |entry: &str| {
        let entry = if is_flow { entry.trim_start() } else { entry };
        let (key, _) = entry.split_once(':')?;
        Some(key.trim_end().trim_matches(['"', '\'']).to_owned())
    };
    let found: BTreeSet<String> = text.split(ends).filter_map(key).collect();
    SCHEMAS.iter().any(|schema| text.contains(schema))
        || keys.into_iter().filter(|key| found.contains(*key)).count() >= least
}

/// The bytes of a file that people write, as text. The error says why they are none, and what they seem to be.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
        let line = before.split('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let seems = match bytes {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "it seems to be UTF-16",
            bytes if bytes.contains(&0) => "it seems to be no text",
            _ => "it seems to be Latin-1, or Windows-1252",
        };
        format!("it is not UTF-8 from line {line}, column {column} on: {seems}")
    })
}
