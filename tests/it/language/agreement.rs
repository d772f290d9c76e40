//! What `lint` accepts, the JSON Schema accepts, and the other way round, as an independent validator sees it: over all
//! cases, and over every field of the language and of every action with all sorts of values in it.

use super::{folder, runbooks};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use stanch::actions::catalogue;
use stanch::plan::{Catalogue, Spec, lint, schema};
use stanch::runbook::source::{Fragment, Library};
use stanch::runbook::{NoLibrary, RunbookSource};

/// What a JSON Schema cannot say: the only rules in which it may be more lenient than `lint`.
const BEYOND_SCHEMAS: &[&str] = &[
    // What expressions mean, what names refer to, and in which order.
    "expression",
    "reference",
    "cycle",
    "repeated-id",
    "revoke-without-rotate",
    // What is compared with something that stands elsewhere: limits with each other and with defaults, people who must
    // agree with people who may, timeouts with waits.
    "limits",
    "gate",
    "timeout",
    // Whether a regular expression is one, and what is in another file.
    "pattern",
    "include",
    // What looks like a credential, and what is more than stanch reads.
    "secret",
    "too-large",
    // A validator is given values, not text: it never sees that a text is no YAML, that a key stands twice, or how a
    // number was written.
    "yaml",
    "repeated-key",
    "spelling",
];

struct Judges {
    catalogue: Catalogue,
    validator: Validator,
    disagreements: Vec<String>,
    judged: usize,
    accepted: usize,
}

impl Judges {
    fn new() -> Self {
        let catalogue = catalogue();
        let schema = schema(&catalogue);
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        Self { catalogue, validator, disagreements: Vec::new(), judged: 0, accepted: 0 }
    }

    fn judge(&mut self, name: &str, text: &str, library: &dyn Library, value: &Value) {
        let found = lint(&RunbookSource { name, text, library }, &self.catalogue).diagnostics;
        let errors: Vec<_> =
            found.found.iter().filter(|problem| !problem.warning && found.file(problem) == name).collect();
        let by_schema = self.validator.validate(value);
        self.judged += 1;
        let beyond = |rule: &&str| BEYOND_SCHEMAS.contains(rule);
        match (errors.iter().map(|error| error.rule).find(|rule| !beyond(rule)), &by_schema) {
            (Some(_), Err(_)) => {}
            (Some(rule), Ok(())) => {
                let message = &errors.iter().find(|error| error.rule == rule).unwrap().message;
                self.disagreements.push(format!("{name}: lint refuses ({rule}: {message}), the schema accepts"));
            }
            (None, Ok(())) => self.accepted += 1,
            (None, Err(why)) if errors.is_empty() => {
                let place = why.instance_path().to_string();
                self.disagreements.push(format!("{name}: lint accepts, the schema refuses at {place}: {why}"));
            }
            (None, Err(_)) => {}
        }
    }

    fn judge_value(&mut self, name: &str, value: &Value) {
        // JSON is YAML.
        self.judge(name, &value.to_string(), &NoLibrary, value);
    }

    fn agreed(self) -> (usize, usize) {
        assert!(
            self.disagreements.is_empty(),
            "{} of {}:\n{}",
            self.disagreements.len(),
            self.judged,
            self.disagreements.join("\n")
        );
        (self.judged, self.accepted)
    }
}

/// Fragments beside the cases.
struct Beside(std::path::PathBuf);

impl Library for Beside {
    fn fragment(&self, path: &str) -> Result<Fragment, String> {
        let text = std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())?;
        Ok(Fragment { name: path.to_owned(), text })
    }
}

#[test]
fn lint_and_schema_agree_on_every_case_and_every_runbook() {
    let mut judges = Judges::new();
    for folder in [folder("tests/cases/lint"), folder("tests/cases/lint/parts"), folder("runbooks")] {
        for (name, text) in runbooks(&folder) {
            // What is no YAML is no value for a validator.
            if let Ok(value) = serde_saphyr::from_str::<Value>(&text) {
                judges.judge(&name, &text, &Beside(folder.clone()), &value);
            }
        }
    }
    let (judged, accepted) = judges.agreed();
    assert!(judged >= 80 && accepted >= 8, "{judged} judged, {accepted} accepted");
}

/// A value that fits a schema.
fn sample(schema: &Value, root: &Value) -> Value {
    let mut schema = schema;
    while let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        schema = root.pointer(name.trim_start_matches('#')).unwrap();
    }
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        return default.clone();
    }
    match schema.get("x-stanch-type").and_then(Value::as_str) {
        Some("timestamp") => return json!("2026-11-22T21:40:00Z"),
        Some("duration") => return json!("15m"),
        Some("url") => return json!("https://contoso.com/"),
        Some("keyvault_secret") => return json!("https://kv-prod.vault.azure.net/secrets/orders-db"),
        _ => {}
    }
    if schema.get("x-secret-reference").is_some() {
        return json!("env:SECRET");
    }
    if let Some(word) = schema.get("const") {
        return word.clone();
    }
    if let Some(word) = schema.get("enum").and_then(|words| words.get(0)) {
        return word.clone();
    }
    if let Some(one) = schema.get("anyOf").or(schema.get("oneOf")).and_then(|all| all.get(0)) {
        return sample(one, root);
    }
    let kind = schema.get("type").map(|kind| kind.as_str().or(kind[0].as_str()).unwrap().to_owned());
    match kind.as_deref() {
        Some("string") => json!("some text"),
        Some("integer") => json!(schema.get("minimum").and_then(Value::as_i64).unwrap_or(0).max(1)),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        Some("array") => match schema.get("items") {
            Some(items) => json!([sample(items, root)]),
            None => json!(["some text"]),
        },
        Some("object") => {
            let fields = schema.get("properties").and_then(Value::as_object);
            let mut made: Map<String, Value> =
                fields.into_iter().flatten().map(|(name, field)| (name.clone(), sample(field, root))).collect();
            if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) {
                made.insert("one".to_owned(), sample(each, root));
            }
            Value::Object(made)
        }
        _ => json!("some text"),
    }
}

fn runbook_of(spec: &Spec) -> Value {
    let fields = spec.parameters.get("properties").and_then(Value::as_object);
    let with: Map<String, Value> = fields
        .into_iter()
        .flatten()
        .map(|(name, field)| {
            let default = field.get("default").filter(|default| !default.is_null());
            (name.clone(), default.cloned().unwrap_or_else(|| sample(field, &spec.parameters)))
        })
        .collect();
    json!({ "schema": "stanch/v1", "name": "one", "steps": [{ "id": "one", "uses": spec.name, "with": with }] })
}

/// A runbook in which every key of the language stands.
fn runbook_of_every_key() -> Value {
    json!({
        "schema": "stanch/v1", "name": "all", "summary": "all keys",
        "inputs": {
            "s": { "type": "string", "default": "abcd", "pattern": "[a-z]+", "min": 2, "max": 8, "description": "text" },
            "i": { "type": "int", "default": 4, "min": 1, "max": 9 },
            "n": { "type": "number", "default": 0.5, "min": 0.1, "max": 2 },
            "b": { "type": "bool", "default": false },
            "e": { "type": "enum", "values": ["one", "two"], "default": "two" },
            "t": { "type": "timestamp", "default": "2026-11-22T21:40:00Z", "min": "2026-01-01T00:00:00+01:00" },
            "d": { "type": "duration", "default": "15m", "max": "1d" },
            "u": { "type": "url", "default": "https://contoso.com/x", "pattern": "https://.*" },
            "k": { "type": "keyvault_secret", "required": true, "pattern": ".*orders.*" },
            "l": { "type": "list", "items": { "type": "string", "pattern": "[a-z]+", "max": 20 }, "default": ["x"], "min": 1 },
            "m": { "type": "list", "items": { "type": "enum", "values": ["one"] }, "default": ["one"] },
            "w": { "type": "list", "items": { "type": "int", "min": 0 }, "default": [1], "max": 5 },
            "z": { "type": "list", "default": [1, "x"] },
        },
        "policy": {
            "lock": "${{ inputs.k }}", "timeout": "2h", "overlap": "15m",
            "gates": { "skip_if": "${{ inputs.b }}", "min": 1, "from": ["alice"], "not_requester": true, "expires": "30m" },
        },
        "steps": [
            { "id": "first", "uses": "wait", "with": { "for": "${{ inputs.d }}" } },
            {
                "id": "second", "name": "The second", "uses": "notify/slack", "needs": ["first"],
                "with": { "title": "${{ item }}", "facts": { "a": "${{ inputs.i }}" } }, "if": "${{ inputs.i > 3 }}",
                "for_each": ["x", "y"], "concurrency": 2, "retry": { "max": 3, "backoff": "1s..1m" },
                "timeout": "5m", "on_failure": "continue", "on_unknown": "probe",
            },
        ],
        "finally": [{ "id": "report", "uses": "report/write" }],
    })
}

fn junk() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(300),
        json!(5_000_000_000_i64),
        json!(4.0),
        json!(1e300),
        json!(1.5),
        json!(""),
        json!("x"),
        json!("not one of them"),
        json!("15m"),
        json!("1s..1m"),
        json!("2026-11-22T21:40:00Z"),
        json!("https://contoso.com/"),
        json!("https://kv-prod.vault.azure.net/secrets/orders-db"),
        json!([]),
        json!(["x"]),
        json!([1]),
        json!([null]),
        json!({}),
        json!({ "x": 1 }),
        json!({ "type": "string" }),
        json!("${{ inputs.i }}"),
        json!("a ${{ inputs.s }}"),
        json!(["${{ inputs.s }}"]),
        json!("one"),
        json!("stop"),
    ]
}

/// The places of all values in a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// Judges a runbook, and what becomes of it with anything at any place, without any part, and with one part more.
///
/// A quick look tries every fifth value at each place, another fifth at the next place; a heavy one all of them.
fn judge_around(judges: &mut Judges, name: &str, whole: &Value) {
    judges.judge_value(name, whole);
    let mut all = Vec::new();
    places(whole, "", &mut all);
    let every = if crate::stage::is_heavy() { 1 } else { 5 };
    for (turn, place) in all.into_iter().enumerate() {
        for value in junk().into_iter().skip(turn % every).step_by(every) {
            let mut changed = whole.clone();
            *changed.pointer_mut(&place).unwrap() = value.clone();
            judges.judge_value(&format!("{name}{place} = {value}"), &changed);
        }
        let mut more = whole.clone();
        if let Some(Value::Object(fields)) = more.pointer_mut(&place) {
            fields.insert("unheard_of".to_owned(), json!(1));
            judges.judge_value(&format!("{name}{place} with more"), &more);
        }
        if let Some((owner, key)) = place.rsplit_once('/') {
            let mut less = whole.clone();
            match less.pointer_mut(owner).unwrap() {
                Value::Object(fields) => drop(fields.shift_remove(key)),
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                _ => {}
            }
            judges.judge_value(&format!("{name} without {place}"), &less);
        }
    }
}

#[test]
fn lint_and_schema_agree_on_every_key_of_the_language_with_anything_in_it() {
    let mut judges = Judges::new();
    let whole = runbook_of_every_key();
    judge_around(&mut judges, "all", &whole);
    let fragment =
        json!({ "schema": "stanch-fragment/v1", "steps": [{ "id": "one", "uses": "wait", "with": { "for": "1s" } }] });
    judge_around(&mut judges, "fragment", &fragment);
    let (judged, accepted) = judges.agreed();
    assert!(judged > 500 && accepted > 50, "{judged} judged, {accepted} accepted");
}

#[test]
fn lint_and_schema_agree_on_every_parameter_of_every_action_with_anything_in_it() {
    let mut judges = Judges::new();
    for spec in catalogue().values() {
        judge_around(&mut judges, spec.name, &runbook_of(spec));
    }
    let (judged, accepted) = judges.agreed();
    assert!(judged > 500 && accepted > 50, "{judged} judged, {accepted} accepted");
}
