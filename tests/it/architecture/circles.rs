//! No file knows one that knows it, by whatever way; nor does a folder.

use super::source::{Source, sources};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A path, word by word: `crate`, `journal`, `Record`.
type Way = Vec<String>;

/// Which file names which.
type Arrows = BTreeMap<String, BTreeSet<String>>;

struct Modules<'a> {
    sources: BTreeMap<Way, &'a Source>,
    /// What a module gives on, by its name there.
    given_on: BTreeMap<(Way, String), Way>,
}

fn way(path: &str) -> Way {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The paths of a `use`, each with the name that it gets.
fn imported(tree: &str) -> Vec<(String, Way)> {
    let tree = tree.trim();
    let Some((head, body)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name)));
        let mut way: Way =
            path.split("::").map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        if way.last().is_some_and(|last| last == "self") {
            way.pop();
        }
        let name = name.map_or_else(|| way.last().cloned().unwrap_or_default(), |name| name.trim().to_owned());
        return vec![(name, way)];
    };
    let body = body.rsplit_once('}').unwrap().0;
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in body.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(letter);
        }
    }
    parts
        .iter()
        .filter(|part| !part.trim().is_empty())
        .flat_map(|part| imported(&format!("{head}{}", part.trim())))
        .collect()
}

impl<'a> Modules<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let modules: BTreeMap<Way, &Source> = sources
            .iter()
            .filter(|source| !["lib.rs", "main.rs"].contains(&source.path.as_str()))
            .map(|source| (way(&source.path), source))
            .collect();
        let mut given_on = BTreeMap::new();
        for (module, source) in &modules {
            for found in public_uses().captures_iter(&source.code) {
                for (name, target) in imported(&found[1]) {
                    given_on.insert((module.clone(), name), target);
                }
            }
        }
        Self { sources: modules, given_on }
    }

    /// The file in which something stands that a module names.
    fn file(&self, module: &[String], named: &[String], depth: u32) -> Option<&str> {
        if depth > 8 {
            return None;
        }
        let first = named.first()?;
        let child: Way = module.iter().chain([first]).cloned().collect();
        let (mut at, mut rest): (Way, &[String]) = match first.as_str() {
            "crate" => (Vec::new(), &named[1..]),
            "self" => (module.to_vec(), &named[1..]),
            "super" => {
                let up = named.iter().take_while(|word| *word == "super").count();
                (module[..module.len().saturating_sub(up)].to_vec(), &named[up..])
            }
            _ if self.sources.contains_key(&child) => (module.to_vec(), named),
            _ => return None,
        };
        while let Some(word) = rest.first() {
            let next: Way = at.iter().chain([word]).cloned().collect();
            if !self.sources.contains_key(&next) {
                break;
            }
            at = next;
            rest = &rest[1..];
        }
        if let Some(target) = rest.first().and_then(|word| self.given_on.get(&(at.clone(), word.clone()))) {
            let target: Way = target.iter().chain(&rest[1..]).cloned().collect();
            if let Some(file) = self.file(&at, &target, depth + 1) {
                return Some(file);
            }
        }
        self.sources.get(&at).map(|source| source.path.as_str())
    }

    /// Which file names which; what a `mod.rs` only gives on names nothing.
    fn arrows(&self) -> Arrows {
        let path = Regex::new(r"\b[A-Za-z_0-9]+(?:::\w+)+").unwrap();
        let used = Regex::new(r"\buse\s+([^;]+);").unwrap();
        let mut arrows = Arrows::new();
        for (module, source) in &self.sources {
            let code = public_uses().replace_all(&source.code, "");
            let imports: BTreeMap<String, Way> =
                used.captures_iter(&code).flat_map(|found| imported(&found[1])).collect();
            let code = used.replace_all(&code, "");
            let paths = path.find_iter(&code).map(|found| {
                let words: Way = found.as_str().split("::").map(str::to_owned).collect();
                match imports.get(&words[0]) {
                    Some(import) => import.iter().chain(&words[1..]).cloned().collect(),
                    None => words,
                }
            });
            let named = imports.values().cloned().chain(paths);
            let files = named.filter_map(|named| self.file(module, &named, 0)).filter(|file| *file != source.path);
            arrows.insert(source.path.clone(), files.map(str::to_owned).collect());
        }
        arrows
    }
}

fn public_uses() -> Regex {
    Regex::new(r"pub(?:\([^)]*\))?\s+use\s+([^;]+);").unwrap()
}

/// The arrows between what lies at so many steps below `src/`.
fn at_level(arrows: &Arrows, level: usize) -> Arrows {
    let place = |path: &str| {
        let words: Vec<&str> = path.split('/').collect();
        match words.as_slice() {
            words if words.len() > level => words[..level].join("/"),
            [folders @ .., "mod.rs"] if !folders.is_empty() => folders.join("/"),
            words => words.join("/"),
        }
    };
    let mut folded = Arrows::new();
    for (from, all) in arrows {
        let targets = all.iter().map(|to| place(to)).filter(|to| *to != place(from));
        folded.entry(place(from)).or_default().extend(targets);
    }
    folded
}

/// Ways that lead back to where they began, the shortest of each kind.
fn circles(arrows: &Arrows) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for start in arrows.keys() {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = VecDeque::from([start.as_str()]);
        while let Some(at) = open.pop_front() {
            for next in arrows.get(at).into_iter().flatten() {
                if next == start {
                    let mut circle = vec![at.to_owned()];
                    while circle.last() != Some(start) {
                        circle.push(before[circle.last().unwrap().as_str()].to_owned());
                    }
                    circle.reverse();
                    let first = circle.iter().enumerate().min_by_key(|(_, file)| *file).unwrap().0;
                    circle.rotate_left(first);
                    found.insert(circle);
                    open.clear();
                    break;
                }
                if !before.contains_key(next.as_str()) {
                    before.insert(next, at);
                    open.push_back(next);
                }
            }
        }
    }
    found
}

/// All circles: between files, and between folders at each level.
fn all_circles(sources: &[Source]) -> BTreeSet<Vec<String>> {
    let arrows = Modules::of(sources).arrows();
    let between_folders = (1..=3).flat_map(|level| circles(&at_level(&arrows, level)));
    let between_folders = between_folders.filter(|circle| circle.iter().any(|place| !place.ends_with(".rs")));
    circles(&arrows).into_iter().chain(between_folders).collect()
}

#[test]
fn there_is_no_circle_between_files_or_folders() {
    let found = all_circles(&sources());
    let told: Vec<String> = found.iter().map(|circle| format!("{} -> {}", circle.join(" -> "), circle[0])).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn a_circle_that_is_planted_is_found() {
    let sources =
        |texts: &[(&str, &str)]| -> Vec<Source> { texts.iter().map(|(path, text)| Source::new(path, text)).collect() };
    let found = |texts: &[(&str, &str)]| all_circles(&sources(texts)).into_iter().collect::<Vec<_>>();
    let straight =
        [("one.rs", "use crate::two::{Two, Three};"), ("two.rs", "pub use crate::three::Three;"), ("three.rs", "")];
    assert_eq!(found(&straight), Vec::<Vec<String>>::new());
    let files = [("one.rs", "use crate::two::Two;"), ("two.rs", "// crate::three\nfn two() { crate::one::one() }")];
    assert_eq!(found(&files), [["one.rs", "two.rs"]]);
    // By what a folder gives on, by a path that begins with an import, and by a child that reads its parent.
    let given_on = [
        ("room/mod.rs", "mod inner;\npub use inner::{Inner as Given};"),
        ("room/inner.rs", "use crate::outer::{self as outside};\nfn inner() { outside::outer() }"),
        ("outer.rs", "use crate::room::Given;"),
    ];
    assert_eq!(found(&given_on), [vec!["outer.rs", "room"], vec!["outer.rs", "room/inner.rs"]]);
    let parent = [("room/mod.rs", "mod inner;\nfn face() { inner::inner() }"), ("room/inner.rs", "use super::face;")];
    assert_eq!(found(&parent), [["room", "room/inner.rs"], ["room/inner.rs", "room/mod.rs"]]);
    // No file knows the other back, and yet the folders do.
    let folders = [
        ("left/mod.rs", "mod a;\nmod b;"),
        ("right/mod.rs", "mod a;\nmod b;"),
        ("left/a.rs", "use crate::right::a::A;"),
        ("left/b.rs", ""),
        ("right/a.rs", ""),
        ("right/b.rs", "use crate::left::b::B;"),
    ];
    assert_eq!(found(&folders), [["left", "right"]]);
}
