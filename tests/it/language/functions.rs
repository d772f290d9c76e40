//! The functions of expressions give what their documentation says, and are typed as they behave.

use serde_json::{Map, Value, json};
use stanch::actions::catalogue;
use stanch::plan::lint;
use stanch::runbook::expression::Expression;
use stanch::runbook::functions::FUNCTIONS;
use stanch::runbook::{NoLibrary, RunbookSource, Span};

fn evaluate(source: &str, scope: Value) -> Result<Value, String> {
    let Value::Object(scope) = scope else { panic!("no scope") };
    Expression::compile(source, Span::default(), None).map_err(|problem| problem.message)?.evaluate(&scope)
}

/// What `lint` says to an expression in a text.
fn problems(expression: &str) -> Vec<String> {
    let text = format!(
        "schema: stanch/v1\nname: typed\ninputs:\n  secret: {{ type: keyvault_secret, required: true }}\n  at: {{ type: \
         timestamp, required: true }}\n  overlap: {{ type: duration, default: 15m }}\n  names: {{ type: list, items: \
         {{ type: string }}, default: [] }}\n  count: {{ type: int, default: 1 }}\n  share: {{ type: number, default: \
         0.5 }}\nsteps:\n  - id: tell\n    uses: notify/slack\n    with:\n      title: >-\n        is ${{{{ {expression} }}}}\n"
    );
    let linted = lint(&RunbookSource { name: "typed", text: &text, library: &NoLibrary }, &catalogue());
    let found = linted.diagnostics.found.into_iter().filter(|problem| problem.rule != "unused");
    found.map(|problem| problem.message).collect()
}

#[test]
fn every_example_gives_what_it_says_and_passes_lint() {
    for function in FUNCTIONS {
        let given = evaluate(function.example, json!({})).unwrap_or_else(|why| panic!("{}: {why}", function.name));
        let expected: Value = serde_json::from_str(function.result).unwrap();
        assert_eq!(given, expected, "{}", function.example);
        assert_eq!(problems(function.example), Vec::<String>::new(), "{}", function.example);
    }
}

#[test]
fn what_lint_lets_pass_can_be_evaluated_and_what_it_refuses_cannot() {
    let scope = || {
        json!({ "inputs": {
            "secret": "https://kv-prod.vault.azure.net/secrets/orders-db", "at": "2026-11-22T21:40:00Z",
            "overlap": "15m", "names": ["b", "a", "b"], "count": 3, "share": 0.5,
        } })
    };
    for expression in [
        "inputs.count + 1 > 3 && inputs.share * 2.0 == 1.0",
        "inputs.count > inputs.share",
        "size(inputs.names) == inputs.count",
        "timestamp(inputs.at) + duration('1h') > timestamp(inputs.at)",
        "timestamp(inputs.at).getHours() == 21",
        "after(inputs.at, inputs.overlap)",
        "string(timestamp(inputs.at) - duration('1h'))",
        "between(inputs.at, after(inputs.at, \"2h\"))",
        "seconds(inputs.overlap) / 60 == 15",
        "inputs.names.exists(name, name == \"a\") ? \"yes\" : \"no\"",
        "inputs.names.filter(name, name != \"a\").map(name, size(name))[0] + 1",
        "inputs.names.exists_one(name, name.startsWith(\"a\"))",
        "vault(inputs.secret).contains(\"prod\") && inputs.secret.matches(\"^https://\")",
        "has(inputs.count) && \"b\" in inputs.names",
        "distinct(inputs.names)[0] + join(inputs.names, \",\")",
        "string(1) + string(true) + string(1.5) + string(\"x\")",
        "int(\"5\") + int(2.0) - -1",
        "{\"a\": 1}.a + {\"b\": 2}[\"b\"]",
        "type(inputs.count) == int",
        "double(inputs.count) + inputs.share > 1.0",
    ] {
        assert_eq!(problems(expression), Vec::<String>::new(), "{expression}");
        evaluate(expression, scope()).unwrap_or_else(|why| panic!("{expression}: {why}"));
    }
    for expression in [
        "inputs.count + inputs.share",
        "inputs.count + \"1\"",
        "inputs.names + 1",
        "-inputs.secret",
        "inputs.count && true",
        "!inputs.names",
        "inputs.secret.version()",
        "vault(inputs.count)",
        "seconds(1)",
        "after(timestamp(inputs.at), \"1h\")",
        "after(inputs.at, \"1 hour\")",
        "vault(\"orders-db\")",
        "inputs.at.getHours()",
        "inputs.count.size()",
        "inputs.names[\"a\"]",
        "inputs.count.name",
        "inputs.nowhere",
        "nowhere",
        "item",
        "now()",
        "string(inputs.names)",
        "inputs.names.map(name, name + 1)",
        "inputs.count.exists(one, one > 1)",
        "inputs.count % 2.0",
    ] {
        assert!(!problems(expression).is_empty(), "lint lets `{expression}` pass");
        let given = evaluate(expression, scope());
        assert!(given.is_err(), "`{expression}` gives {given:?}, and lint refuses it");
    }
}

#[test]
fn what_goes_wrong_while_evaluating_says_what() {
    let why = evaluate("after(inputs.at, \"1h\")", json!({ "inputs": { "at": "yesterday" } })).unwrap_err();
    assert!(why.contains("`yesterday` is not a time"), "{why}");
    let why = evaluate(
        "before(\"0000-01-01T00:00:00Z\", \"99999d\") < after(\"9999-12-31T00:00:00Z\", \"99999d\")",
        json!({}),
    );
    assert!(why.is_ok() || why.unwrap_err().contains("no such time"));
    let none: Map<String, Value> = Map::new();
    assert!(evaluate("inputs.x", Value::Object(none)).is_err());
}
