//! The arrows of the architecture, read off the `use crate::` lines.

mod circles;
mod homes;
mod names;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each module may know. Not listed: [`KNOWN_BY_ALL`], which everybody may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("runbook", &["engine", "vault"]),
    ("plan", &["engine", "runbook", "vault"]),
    (
        "preflight",
        &["actions", "audit", "azure", "config", "engine", "issuers", "notify", "plan", "report", "runbook", "vault"],
    ),
    ("engine", &[]),
    ("journal", &["azure", "engine"]),
    ("driver", &["actions", "durable", "engine", "evidence", "journal", "plan", "runbook"]),
    ("evidence", &["audit", "engine", "journal", "plan", "vault"]),
    ("durable", &["engine", "journal", "runbook"]),
    ("vault", &[]),
    ("notify", &["azure", "runbook", "settings"]),
    ("slack", &["azure", "engine", "notify", "runbook", "settings"]),
    (
        "actions",
        &[
            "audit", "azure", "config", "durable", "engine", "evidence", "find", "issuers", "journal", "notify",
            "plan", "report", "runbook", "vault",
        ],
    ),
    ("issuers", &["azure", "vault"]),
    ("azure", &["engine", "vault"]),
    ("sign_in", &["azure", "engine"]),
    ("settings", &["azure", "runbook", "vault"]),
    ("timestamp", &["azure"]),
    ("config", &["audit", "azure", "engine", "notify", "runbook", "settings", "slack", "timestamp", "vault"]),
    ("audit", &["azure", "vault"]),
    ("find", &["azure", "engine", "vault"]),
    ("intake", &["find"]),
    ("report", &["audit", "engine", "evidence", "journal", "plan", "vault"]),
    ("cloud", &[]),
    (
        "cli",
        &[
            "actions",
            "audit",
            "azure",
            "cloud",
            "config",
            "driver",
            "durable",
            "engine",
            "evidence",
            "find",
            "intake",
            "journal",
            "notify",
            "plan",
            "preflight",
            "report",
            "runbook",
            "sign_in",
            "slack",
            "timestamp",
            "vault",
        ],
    ),
];

const KNOWN_BY_ALL: &[&str] = &[
    "clock",
    "command_line",
    "correlation",
    "failure",
    "files",
    "known",
    "programs",
    "redaction",
    "secret",
    "told",
    "visible",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

fn module(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of this crate that a source names.
fn named(text: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1).map(word).collect::<Vec<String>>()).collect()
}

#[test]
fn every_module_knows_only_what_it_may() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(module, known)| (*module, known.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in all_sources() {
        let own = module(&path);
        if ["main", "lib"].contains(&own.as_str()) || KNOWN_BY_ALL.contains(&own.as_str()) {
            continue;
        }
        let may = allowed.get(own.as_str()).unwrap_or_else(|| panic!("`{own}` is not in the table"));
        for known in named(&std::fs::read_to_string(&path).unwrap()) {
            seen.insert((own.clone(), known.clone()));
            if known != own && !may.contains(known.as_str()) && !KNOWN_BY_ALL.contains(&known.as_str()) {
                wrong.push(format!("{} knows `{known}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (own, known) in ARROWS.iter().flat_map(|(own, known)| known.iter().map(move |known| (*own, *known))) {
        assert!(seen.contains(&(own.to_owned(), known.to_owned())), "`{own}` no longer knows `{known}`: take it out");
    }
}

#[test]
fn the_engine_is_pure() {
    for path in all_sources().iter().filter(|path| module(path) == "engine") {
        let text = std::fs::read_to_string(path).unwrap();
        let text: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for word in ["async ", "std::fs", "std::env", "tokio", "now()", "getrandom", "println"] {
            assert!(!text.contains(word), "{} holds `{word}`", path.display());
        }
    }
}

#[test]
fn files_stay_small_and_have_names() {
    for path in all_sources() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(!["util", "utils", "helpers", "common", "misc"].contains(&name), "{}", path.display());
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

/// What each part of the embedded cloud may know of it.
const CLOUD_ARROWS: &[(&str, &[&str])] = &[
    ("faults", &[]),
    ("lock", &[]),
    ("times", &[]),
    ("world", &["faults", "lock", "times"]),
    ("wire", &[]),
    ("services", &["lock", "wire", "world"]),
    ("scenario", &["faults", "lock", "world"]),
    ("actors", &["lock", "scenario", "times"]),
    ("control", &["actors", "faults", "lock", "wire", "world"]),
    ("server", &["actors", "control", "faults", "lock", "scenario", "services", "wire", "world"]),
];

#[test]
fn every_part_of_the_embedded_cloud_knows_only_what_it_may() {
    let cloud = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cloud");
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for path in all_sources().iter().filter(|path| path.starts_with(&cloud) && **path != cloud.join("mod.rs")) {
        let part = path.strip_prefix(&cloud).unwrap().components().next().unwrap().as_os_str().to_str().unwrap();
        let part = part.trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(path).unwrap().replace("crate::cloud::", "crate::");
        let parts = CLOUD_ARROWS.iter().map(|(part, _)| (*part).to_owned());
        let mut known: BTreeSet<String> = named(&text).intersection(&parts.collect()).cloned().collect();
        known.remove(&part);
        found.entry(part).or_default().append(&mut known);
    }
    let allowed = CLOUD_ARROWS.iter().map(|(part, known)| {
        ((*part).to_owned(), known.iter().map(|known| (*known).to_owned()).collect::<BTreeSet<String>>())
    });
    assert_eq!(found, allowed.collect());
}
