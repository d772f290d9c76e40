//! What is said about actions is said of every action, and is true.

use super::{assert_same, folder, stanch};
use stanch::actions::catalogue;
use stanch::plan::lint;
use stanch::runbook::{NoLibrary, RunbookSource};

#[test]
fn every_action_says_what_it_does_when_it_runs_again_and_has_an_example_that_passes() {
    let catalogue = catalogue();
    for (name, spec) in &catalogue {
        assert!(!spec.idempotency.is_empty(), "{name} does not say what keeps it from doing its work twice");
        assert!(!spec.if_lost.is_empty(), "{name} does not say how an unknown outcome is settled");
        assert!(spec.example.contains(&format!("uses: {name}\n")), "{name} has no example of itself");
        let steps: String = spec.example.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!(
            "schema: stanch/v1\nname: example\ninputs:\n  secret: {{ type: keyvault_secret, required: true }}\n  \
             exposed_at: {{ type: timestamp, required: true }}\nsteps:\n{steps}"
        );
        let linted = lint(&RunbookSource { name, text: &text, library: &NoLibrary }, &catalogue);
        let (errors, _) = linted.diagnostics.count();
        assert_eq!(errors, 0, "{}", linted.diagnostics.render());
        let unwarned = linted.diagnostics.found.iter().all(|problem| problem.rule == "unused");
        assert!(unwarned, "{}", linted.diagnostics.render());
    }
}

#[test]
fn every_parameter_is_described() {
    for (name, spec) in &catalogue() {
        for field in stanch::plan::fields(&spec.parameters) {
            assert!(!field.about.is_empty(), "`{}` of {name} is not described", field.name);
            assert!(!field.kind.is_empty() && field.kind != "anything", "`{}` of {name} has no type", field.name);
        }
    }
}

#[test]
fn an_action_is_shown_in_full_and_as_json() {
    let here = folder(".");
    let said = stanch(&here, &["actions", "keyvault/rotate"]).exit(0);
    for part in ["write", "[required]", "[default: 48]", "tag", "example", "uses: keyvault/rotate"] {
        assert!(said.stdout.contains(part), "{part} is missing in {}", said.stdout);
    }
    let said = stanch(&here, &["actions", "keyvault/rotate", "--json"]).exit(0).json();
    assert_eq!(said["class"], "write");
    let length = said["parameters"].as_array().unwrap().iter().find(|field| field["name"] == "length").unwrap();
    assert_eq!((length["default"].as_u64(), length["required"].as_bool()), (Some(48), Some(false)));
    let all = stanch(&here, &["actions", "--json"]).exit(0).json();
    assert_eq!(all["actions"].as_array().unwrap().len(), catalogue().len());
    let said = stanch(&here, &["actions", "keyvault/rotat"]).exit(2);
    assert!(said.stderr.contains("did you mean `keyvault/rotate`?"), "{}", said.stderr);
}

#[test]
fn the_reference_page_is_that_of_the_program() {
    let said = stanch(&folder("."), &["actions", "--markdown"]).exit(0);
    assert_same(&folder("runbooks/README.md"), &said.stdout);
}
