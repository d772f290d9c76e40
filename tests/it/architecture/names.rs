//! Names of actions, effects, observations and outputs are read where they are at home, and nowhere else: a misspelt one
//! must not compile.

use super::source::{Source, sources};
use regex::Regex;
use std::collections::BTreeSet;

/// Where a name may stand in a text, and why: the file, the name, and what it means there.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("plan/reference.rs", "human/approve", "the reference says whose parameters the keys of `policy.gates` are"),
    ("runbook/language.rs", "human/approve", "the same, in the words of the language"),
    ("audit/rules/read_after_revocation.rs", "refused", "a word for a read"),
    ("cli/scorecard.rs", "refused", "what the attacker is to be"),
    ("cli/audit_follow.rs", "blast_radius", "a key of the JSON that the command prints"),
    ("cli/audit_follow.rs", "late", "a key of the JSON that the command prints"),
    ("cli/drill.rs", "targets", "a key of the JSON that the command prints: the targets of a scenario"),
    ("issuers/command.rs", "issue", "what a program of the team's own is told to do"),
    ("issuers/command.rs", "retire", "what a program of the team's own is told to do"),
    ("cli/session/pinned.rs", "pinned", "the heading of a comparison of two runbooks"),
    ("plan/typing.rs", "not_proven", "a state of the verdict, which expressions can compare"),
];

/// What belongs to nobody's business but its own: the evidence that reads the names, and the embedded cloud, which has
/// never heard of them.
fn is_elsewhere(source: &&Source) -> bool {
    !source.path.starts_with("evidence/") && !source.path.starts_with("cloud/")
}

fn find<'a>(sources: &'a [Source], path: &str) -> &'a Source {
    sources.iter().find(|source| source.path == path).unwrap()
}

/// Holds names found against the exceptions.
fn judge(found: &BTreeSet<(String, String)>, kind: &str, is_of_kind: impl Fn(&str) -> bool) {
    let excepted: BTreeSet<(String, String)> =
        EXCEPTIONS.iter().map(|(path, name, _)| ((*path).to_owned(), (*name).to_owned())).collect();
    let wrong: Vec<_> = found.difference(&excepted).collect();
    assert!(wrong.is_empty(), "{kind}: {wrong:#?}");
    let stale: Vec<_> =
        excepted.iter().filter(|(_, name)| is_of_kind(name)).filter(|pair| !found.contains(*pair)).collect();
    assert!(stale.is_empty(), "{kind} no longer stand there: {stale:#?}");
}

#[test]
fn no_action_is_known_by_its_name() {
    let sources = sources();
    let names: BTreeSet<&str> = stanch::actions::catalogue().into_keys().collect();
    // An example names what it uses.
    let example = Regex::new(r"uses: [a-z]+/[a-z_]+").unwrap();
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(is_elsewhere).filter(|source| source.path != "plan/renamed.rs") {
        let texts: Vec<_> = source.texts.iter().map(|text| example.replace_all(text, "")).collect();
        for name in &names {
            let is_own = (source.path.starts_with("actions/") || source.path.starts_with("notify/"))
                && source.texts.iter().any(|text| text == name);
            // The word `wait` means more than the action of that name.
            let stands = |text: &str| if name.contains('/') { text.contains(name) } else { text == *name };
            if !is_own && texts.iter().any(|text| stands(text)) {
                found.insert((source.path.clone(), (*name).to_owned()));
            }
        }
    }
    judge(&found, "actions", |name| name.contains('/'));
}

#[test]
fn no_effect_or_observation_is_known_by_its_name() {
    let sources = sources();
    // `disable {version}` is `disable `, whatever stands behind.
    let names = find(&sources, "evidence/names.rs").texts.iter().map(|text| text.split('{').next().unwrap().to_owned());
    let names: BTreeSet<String> = names.filter(|name| name.len() > 1).collect();
    assert!(names.contains("publish") && names.contains("disable ") && names.contains("issuer not asked"), "{names:?}");
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(is_elsewhere) {
        for name in &names {
            let begins = |text: &str| text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('{'));
            if source.texts.iter().any(|text| text == name || (name.ends_with(' ') && begins(text))) {
                found.insert((source.path.clone(), name.clone()));
            }
        }
    }
    judge(&found, "effects and observations", |name| names.contains(name));
}

#[test]
fn no_output_is_known_by_its_key() {
    let sources = sources();
    let outputs = &find(&sources, "evidence/outputs.rs").code;
    let field = Regex::new(r"(?m)^    (\w+): ").unwrap();
    let keys: BTreeSet<String> = field.captures_iter(outputs).map(|found| found[1].to_owned()).collect();
    assert!(keys.contains("not_proven") && keys.contains("left_behind"), "{keys:?}");
    // What is fetched from the outputs of a step, by whatever key.
    let fetched = Regex::new(r#"outputs\s*(?:\.get\(|\[|\.pointer\()"""#).unwrap();
    // Keys that mean nothing else anywhere.
    let telling: BTreeSet<&str> =
        ["predecessor", "moved", "left_behind", "pinned", "by_hand", "retired", "proven", "not_proven"].into();
    assert!(telling.iter().all(|key| keys.contains(*key)), "{keys:?}");
    let mut found = BTreeSet::new();
    // An action writes its own outputs, and reads those of its own kind.
    for source in sources.iter().filter(is_elsewhere).filter(|source| !source.path.starts_with("actions/")) {
        assert!(!fetched.is_match(&source.code), "{} fetches something from outputs by its name", source.path);
        let own = source.texts.iter().filter(|text| telling.contains(text.as_str()));
        found.extend(own.map(|text| (source.path.clone(), text.clone())));
    }
    judge(&found, "outputs", |name| telling.contains(name));
}
