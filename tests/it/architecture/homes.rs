//! The table of CONTRIBUTING.md, which says what to touch for what: it names all the places that there are, and no other.

use super::source::{Source, has_word, sources};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// How a thing is met in a source.
enum Thing {
    /// A text is this one.
    Text(String),
    /// A text holds this word, in whatever case.
    Told(String),
    /// The code, texts apart, holds what fits this expression.
    Code(Regex),
}

/// A row of the table, and the things by whose places it is held.
struct Held {
    row: &'static str,
    things: fn(&[Source]) -> Vec<Thing>,
}

const HELD: &[Held] = &[
    Held { row: "a channel", things: |_| channels() },
    Held {
        row: "what a run tells and asks in a chat",
        things: |_| code(&[r"\bslack::\{?(Notice|Press|listen)\b", r"\bBoard::new\b"]),
    },
    Held { row: "an issuer", things: issuers },
    Held { row: "an action", things: |_| texts(stanch::actions::catalogue().into_keys()) },
    Held { row: "a rule of the audit trail", things: rules },
    Held {
        row: "a key of the runbook language",
        // Those that mean nothing else anywhere.
        things: |_| {
            let keys = "for_each concurrency on_failure on_unknown skip_if not_requester backoff finally include";
            texts(keys.split(' '))
        },
    },
    Held {
        row: "a section of the report",
        things: |_| {
            let mut things = texts(["report.md.hbs", "report.html.hbs"]);
            things.extend(code(&[r"\bstruct Report\b"]));
            things
        },
    },
    Held { row: "an exit code", things: |_| code(&[r"\bExitCode\b", r"\bprocess::exit\b"]) },
    Held { row: "a command", things: |_| code(&[r"\bderive\([^)]*\bSubcommand\b"]) },
    Held { row: "a built-in runbook", things: |_| texts(files("runbooks", "yaml")) },
    Held { row: "a scanner's report", things: |_| code(&[r"\bgitleaks\b", r"\btrufflehog\b", r"\bsarif::Sarif"]) },
    Held {
        row: "what a run can know",
        things: |_| {
            code(&[
                r"\benum (Evidence|EffectName|ObservationName)\b",
                r"\b(EffectName|ObservationName)::parse\b",
                r"\bAtIssuer::(Refused|NotProven)\b",
                r"\bParts \{",
            ])
        },
    },
    Held {
        row: "how a lost answer is settled",
        things: |_| code(&[r"\bOutcome::\w+\([^;]*SettledBy::Probe\b", r"\bUnprobed::Ask\b", r"\.unwrap_or\(Unprobed"]),
    },
    Held { row: "which answers are asked for again", things: |_| code(&[r"\b(408|429)\b", r"\b50\d\.\.=599\b"]) },
    Held {
        row: "where a journal is kept",
        things: |_| {
            let mut things = texts(["journal.jsonl"]);
            things.extend(code(&[r"\bLocalStore\b"]));
            things
        },
    },
    Held {
        row: "another vault",
        things: |_| code(&[r"\bazure::(\{[^}]*)?\bVault\b", r"(?s)\bpub struct Vault\b.*\bclient\b"]),
    },
    Held { row: "a fault of the embedded cloud", things: |_| code(&[r"\bFaultEffect\b", r"\bCut\b"]) },
    Held { row: "a scenario", things: |_| texts(files("src/cloud/scenarios", "yaml")) },
];

/// Where a thing of a row stands beside its places: the row, the file or folder, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("a channel", "src/runbook/secrets.rs", "a secret of Slack's is known by its shape"),
    ("a channel", "src/issuers/form.rs", "a token of Slack's is known by its shape"),
    ("a channel", "src/find/layers/fields.rs", "the name of a setting that holds no secret"),
    ("a channel", "src/actions/human/by_hand.rs", "an example tells a channel"),
    ("a channel", "src/plan/reference.rs", "an example tells a channel"),
    ("a channel", "src/issuers/slack_token.rs", "Slack issues tokens as well"),
    ("a channel", "src/slack/", "an app of Slack's, which is more than a channel"),
    ("a channel", "src/cli/chat/", "what a run says and hears there"),
    ("a channel", "src/cli/serve/mod.rs", "whoever serves may listen there"),
    ("a channel", "src/config/configuration.rs", "the settings of the app"),
    ("a channel", "src/config/decode.rs", "the settings of the app"),
    ("a channel", "src/azure/identity.rs", "the webhook of a Kubernetes cluster"),
    ("a channel", "src/find/heads.rs", "the address of a webhook, which is a secret"),
    ("an issuer", "src/evidence/outputs.rs", "old journals say by the issuer's name alone that it is the vault"),
    ("an action", "src/plan/renamed.rs", "what an action was called before, and is now"),
    ("an action", "src/notify/", "a channel holds its action"),
    ("a key of the runbook language", "src/plan/schema.rs", "which keys go together"),
    ("a section of the report", "src/report/document.rs", "fills the templates"),
    ("an exit code", "src/cli/mod.rs", "passes it on"),
    ("an exit code", "src/main.rs", "passes it on"),
    ("an exit code", "src/cli/ending.rs", "what hangs is ended all the same"),
    ("a built-in runbook", "src/issuers/kind.rs", "which of them ends the credentials of an issuer"),
    ("a built-in runbook", "src/config/inventory.rs", "the one for secrets of which nothing is said"),
    ("a built-in runbook", "src/cloud/scenario/reading.rs", "a scenario of the same name"),
    ("what a run can know", "src/report/timeline.rs", "a line for each record, evidence or not"),
    ("which answers are asked for again", "src/cloud/", "the other side gives such answers"),
    ("which answers are asked for again", "src/issuers/github_token.rs", "GitHub throttles by 403 as well"),
    ("which answers are asked for again", "src/issuers/slack_token.rs", "Slack says more than a status"),
    ("a fault of the embedded cloud", "src/cloud/scenario/mod.rs", "gives the types on: a scenario plants faults"),
    ("a scenario", "src/cli/session/runbook_file.rs", "a runbook of the same name"),
    ("a scenario", "src/issuers/kind.rs", "a runbook of the same name"),
];

/// Sections that a document shows in another shape.
const SHOWN_OTHERWISE: &[(&str, &str)] = &[
    // As the first of all blast radii.
    ("blast_radius", "report.md.hbs"),
    // The timeline says as much; templates of one's own may show them.
    ("steps", "report.md.hbs"),
    ("blast_radius", "report.html.hbs"),
    ("steps", "report.html.hbs"),
];

fn texts<Name: Into<String>>(names: impl IntoIterator<Item = Name>) -> Vec<Thing> {
    names.into_iter().map(|name| Thing::Text(name.into())).collect()
}

fn code(expressions: &[&str]) -> Vec<Thing> {
    expressions.iter().map(|expression| Thing::Code(Regex::new(expression).unwrap())).collect()
}

fn files(folder: &str, extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let of_kind = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Every kind's name, told to people or named as a module.
fn channels() -> Vec<Thing> {
    let names = stanch::notify::KINDS.iter().map(|kind| kind.name);
    names
        .flat_map(|name| [Thing::Told(name.to_owned()), Thing::Code(Regex::new(&format!(r"\b{name}::")).unwrap())])
        .collect()
}

/// The names of the issuers, and of their variants.
fn issuers(sources: &[Source]) -> Vec<Thing> {
    let kind = sources.iter().find(|source| source.path == "issuers/kind.rs").unwrap();
    let variant = Regex::new(r"\(Self::(\w+), ").unwrap();
    let variants: BTreeSet<&str> =
        variant.captures_iter(&kind.code).map(|found| found.get(1).unwrap().as_str()).collect();
    let is_name = |text: &&str| text.len() > 1 && !text.contains('-') && *text != "snake_case";
    let names: BTreeSet<&str> = kind.texts.iter().map(String::as_str).filter(is_name).collect();
    assert_eq!(variants.len(), names.len(), "{names:?}");
    // The vault is one that much must know of; what is not named in code is a person's, whoever it is.
    let others = variants.into_iter().filter(|variant| !["Random", "Manual"].contains(variant));
    let others = others.map(|variant| Thing::Code(Regex::new(&format!(r"\bIssuerKind::{variant}\b")).unwrap()));
    texts(names).into_iter().chain(others).collect()
}

/// The names that rules give their findings; each begins with that of its file.
fn rules(sources: &[Source]) -> Vec<Thing> {
    let all = sources.iter().find(|source| source.path == "audit/rules/mod.rs").unwrap();
    let listed = Regex::new(r"(\w+)::rule,").unwrap();
    let found = listed.captures_iter(&all.code).map(|found| {
        let file = sources.iter().find(|source| source.path == format!("audit/rules/{}.rs", &found[1])).unwrap();
        let stem = found[1].replace('_', "-");
        let name = file.texts.iter().find(|text| text.starts_with(&stem));
        name.unwrap_or_else(|| panic!("{} gives no finding its name", file.path))
    });
    texts(found)
}

fn page(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A place of the table.
struct Place {
    text: String,
    /// `NAME` and `ROOM` stand for one word, a folder for all that lies in it.
    pattern: Regex,
}

impl Place {
    fn new(text: &str) -> Self {
        let pattern = regex::escape(text).replace("NAME", "[A-Za-z0-9_-]+").replace("ROOM", "[a-z_]+");
        let end = if text.ends_with('/') { "" } else { "$" };
        Self { text: text.to_owned(), pattern: Regex::new(&format!("^{pattern}{end}")).unwrap() }
    }

    fn holds(&self, path: &str) -> bool {
        self.pattern.is_match(path)
    }
}

/// The rows of the table: what is added or changed, and the places.
fn rows() -> BTreeMap<String, Vec<Place>> {
    let page = page("CONTRIBUTING.md");
    let table = page.split("| to add or to change | touch exactly |\n").nth(1).unwrap().lines().skip(1);
    let place = Regex::new(r"`((?:src|runbooks|templates|tests)/[^`]+)`").unwrap();
    let rows = table.take_while(|line| line.starts_with("| ")).map(|line| {
        let (what, touched) = line[2..].split_once(" | ").unwrap();
        (what.to_owned(), place.captures_iter(touched).map(|found| Place::new(&found[1])).collect())
    });
    rows.collect()
}

impl Thing {
    fn stands_in(&self, source: &Source) -> bool {
        match self {
            Self::Text(name) => source.texts.contains(name),
            Self::Told(word) => source.texts.iter().any(|text| has_word(&text.to_lowercase(), word)),
            Self::Code(expression) => expression.is_match(&source.code),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) | Self::Told(name) => formatter.write_str(name),
            Self::Code(expression) => formatter.write_str(expression.as_str()),
        }
    }
}

fn everything(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => everything(&path, found),
            false => found.push(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap().to_owned()),
        }
    }
}

#[test]
fn every_place_of_the_table_is_there() {
    let mut paths = Vec::new();
    for folder in ["src", "runbooks", "templates", "tests/it", "tests/cases"] {
        everything(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut paths);
    }
    for (row, places) in rows() {
        assert!(!places.is_empty(), "`{row}` names no place");
        for place in places {
            assert!(paths.iter().any(|path| place.holds(path)), "`{row}`: there is no `{}`", place.text);
        }
    }
}

#[test]
fn nothing_stands_elsewhere_than_the_table_says() {
    let (sources, rows) = (sources(), rows());
    let held: BTreeSet<&str> = HELD.iter().map(|held| held.row).collect();
    assert_eq!(held, rows.keys().map(String::as_str).collect(), "the rows, and those that are held");
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for Held { row, things } in HELD {
        let places = &rows[*row];
        let mut is_at_home = false;
        for thing in things(&sources) {
            for source in sources.iter().filter(|source| thing.stands_in(source)) {
                let path = format!("src/{}", source.path);
                is_at_home |= places.iter().any(|place| place.holds(&path));
                let exception = EXCEPTIONS.iter().position(|(of, place, _)| of == row && path.starts_with(place));
                match exception {
                    _ if places.iter().any(|place| place.holds(&path)) => {}
                    Some(exception) => {
                        used.insert(exception);
                    }
                    None => wrong.push(format!("{row}: `{thing}` stands in {path}")),
                }
            }
        }
        assert!(is_at_home, "{row}: nothing of it stands where the table says");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let stale =
        EXCEPTIONS.iter().enumerate().filter(|(index, _)| !used.contains(index)).map(|(_, exception)| exception);
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<&(&str, &str, &str)>::new(), "no longer true: take it out");
}

#[test]
fn every_section_of_the_report_is_in_both_documents() {
    let sources = sources();
    let model = sources.iter().find(|source| source.path == "report/model/mod.rs").unwrap();
    let report = model.code.split("pub struct Report {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = Regex::new(r"pub (\w+):").unwrap();
    let mut missing = Vec::new();
    for template in ["report.md.hbs", "report.html.hbs"] {
        let text = page(&format!("templates/{template}"));
        for field in fields.captures_iter(report) {
            if !has_word(&text, &field[1]) {
                missing.push((field[1].to_owned(), template.to_owned()));
            }
        }
    }
    let otherwise = SHOWN_OTHERWISE.iter().map(|(field, template)| ((*field).to_owned(), (*template).to_owned()));
    assert_eq!(missing, otherwise.collect::<Vec<_>>());
}

#[test]
fn every_word_of_the_glossary_has_its_home() {
    let (sources, page) = (sources(), page("CONTRIBUTING.md"));
    let table = page.split("| word | means | home |\n").nth(1).unwrap().lines().skip(1);
    let home = Regex::new(r"(?:`([\w:]+)`, )?`src/([^`]+)`").unwrap();
    let (mut words, mut types) = (BTreeSet::new(), 0);
    for line in table.take_while(|line| line.starts_with("| ")) {
        let [word, _, place] = line[2..].split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(words.insert(word.to_owned()), "`{word}` has two meanings");
        for found in home.captures_iter(place) {
            let source = sources.iter().find(|source| source.path == found[2]);
            let source = source.unwrap_or_else(|| panic!("`{word}`: there is no `{}`", &found[2]));
            if let Some(name) = found.get(1).and_then(|name| name.as_str().rsplit("::").next()) {
                types += 1;
                // A type, a function, or a variant of an event.
                let defined = Regex::new(&format!(r"(?m)\b(struct|enum|trait|fn) {name}\b|^ +{name} \{{")).unwrap();
                assert!(defined.is_match(&source.code), "`{word}`: `{name}` is not of {}", source.path);
            }
        }
    }
    assert!(words.len() > 30 && types > 20, "{words:?}");
}

#[test]
fn every_file_that_the_map_walks_by_is_there() {
    let walked = Regex::new(r"`([a-z_/]+\.rs)`").unwrap();
    let (sources, map) = (sources(), page("src/lib.rs"));
    let files: BTreeSet<String> = walked.captures_iter(&map).map(|found| found[1].to_owned()).collect();
    assert!(files.len() > 15, "{files:?}");
    for file in files.iter().filter(|file| !file.starts_with("tests/")) {
        assert!(sources.iter().any(|source| source.path == *file), "there is no `{file}`");
    }
}

#[test]
fn every_action_has_one_file() {
    let sources = sources();
    for action in stanch::actions::catalogue().into_keys() {
        let own = sources.iter().filter(|source| source.path != "plan/renamed.rs");
        let own: Vec<&str> =
            own.filter(|source| source.texts.iter().any(|text| text == action)).map(|source| &*source.path).collect();
        assert_eq!(own.len(), 1, "{action}: {own:?}");
        assert!(own[0].starts_with("actions/") || own[0].starts_with("notify/"), "{action}: {own:?}");
    }
}
