//! One word for one thing: what the glossary calls wrong stands nowhere that a user can see.

use std::path::{Path, PathBuf};

/// The phrases at the left of the glossary's second table.
fn phrases() -> Vec<String> {
    let glossary = std::fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let table = glossary.split("| not | but |\n| --- | --- |\n").nth(1).unwrap();
    let phrase = |row: &str| row.trim_start_matches('|').split('|').next().unwrap().trim().to_lowercase();
    table.lines().take_while(|line| line.starts_with('|')).map(phrase).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whatever users read: the program's texts, templates, runbooks, scenarios, and the README.
fn texts() -> Vec<PathBuf> {
    let mut folders = vec![root().join("src"), root().join("templates"), root().join("runbooks")];
    let mut texts = vec![root().join("README.md"), root().join("SECURITY.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { texts.push(path) }
        }
    }
    texts
}

#[test]
fn what_the_glossary_calls_wrong_is_said_nowhere() {
    let phrases = phrases();
    assert!(phrases.len() >= 25, "{phrases:?}");
    let mut said = Vec::new();
    for path in texts() {
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for (number, line) in text.lines().enumerate() {
            // Comments speak to other readers, but for those that become a reference.
            let line =
                if line.trim_start().starts_with("// ") || line.trim_start().starts_with("//!") { "" } else { line };
            let found = phrases.iter().filter(|phrase| line.contains(phrase.as_str()));
            said.extend(found.map(|phrase| format!("{}:{}: {phrase}", path.display(), number + 1)));
        }
    }
    assert!(said.is_empty(), "{said:#?}");
}
