//! Inputs as they are given: the right type, and within their limits.

use serde_json::{Map, Value, json};
use stanch::actions::catalogue;
use stanch::plan::Plan;
use stanch::runbook::{NoLibrary, RunbookSource};

fn given(kind: &str, value: Value) -> Result<Value, String> {
    let text = format!(
        "schema: stanch/v1\nname: typed\ninputs:\n  it: {{ {kind}, required: true }}\nsteps:\n  - id: tell\n    uses: \
         notify/slack\n    with: {{ title: \"${{{{ inputs.it }}}}\" }}\n"
    )
    .replace("${{ inputs.it }}", "${{ string(size([inputs.it])) }}");
    let source = RunbookSource { name: "typed", text: &text, library: &NoLibrary };
    let given = Map::from_iter([("it".to_owned(), value)]);
    Plan::new(&source, &given, &catalogue()).map(|plan| plan.inputs["it"].clone()).map_err(|error| error.to_string())
}

#[test]
fn values_within_their_limits_are_taken() {
    for (kind, value, typed) in [
        ("type: int, min: 1, max: 3", json!("3"), json!(3)),
        ("type: number, min: 0.5", json!("0.5"), json!(0.5)),
        ("type: number", json!(3), json!(3.0)),
        ("type: string, pattern: 'INC-[0-9]+', max: 8", json!("INC-1234"), json!("INC-1234")),
        ("type: duration, max: 1h", json!("60m"), json!("60m")),
        (
            "type: timestamp, min: 2026-01-01T00:00:00Z",
            json!("2026-01-01T01:00:00+01:00"),
            json!("2026-01-01T00:00:00Z"),
        ),
        ("type: list, items: { type: int, max: 9 }, max: 3", json!("1, 2,3"), json!([1, 2, 3])),
        (
            "type: list, items: { type: keyvault_secret }",
            json!("https://KV-a.vault.azure.net/secrets/x"),
            json!(["https://kv-a.vault.azure.net/secrets/x"]),
        ),
    ] {
        assert_eq!(given(kind, value.clone()), Ok(typed), "{kind} {value}");
    }
}

#[test]
fn values_outside_their_limits_are_refused_with_the_limit() {
    for (kind, value, part) in [
        ("type: int, min: 1, max: 3", json!("4"), "`4` must be at most `3`"),
        ("type: int", json!("9223372036854775808"), "is not a whole number"),
        ("type: number, min: 0.5", json!(0.4), "must be at least `0.5`"),
        ("type: string, pattern: 'INC-[0-9]+'", json!("my INC-1234"), "does not match the pattern `INC-[0-9]+`"),
        ("type: string, min: 3", json!("é"), "must have at least 3 characters"),
        ("type: duration, max: 1h", json!("61m"), "must be at most `1h`"),
        ("type: timestamp, min: 2026-01-01T00:00:00Z", json!("2026-01-01T00:59:59+01:00"), "must be at least"),
        ("type: list, items: { type: int, max: 9 }", json!("1,10"), "`10` must be at most `9`"),
        ("type: list, items: { type: int }", json!("1,two"), "`two` is not a whole number"),
        ("type: list, max: 1", json!(["a", "b"]), "must have at most 1 items"),
        ("type: list, items: { type: enum, values: [eu, us] }", json!("eu,uk"), "`uk` is not one of eu, us"),
    ] {
        let why = given(kind, value.clone()).unwrap_err();
        assert!(why.contains("the input `it` cannot be used") && why.contains(part), "{kind} {value}: {why}");
    }
}

#[test]
fn words_and_numbers_of_a_file_stay_as_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let runbook = "schema: stanch/v1\nname: typed\ninputs:\n  region: { type: enum, values: [no, se] }\n  release: { type: string, \
                   default: 1.20 }\n  extension: { type: string }\n  commit: { type: string }\n  wave: { type: number }\n  sure: { \
                   type: bool }\n  releases: { type: list }\nsteps:\n  - id: pause\n    uses: wait\n    with: { for: 1ms }\n";
    std::fs::write(folder.path().join("runbook.yaml"), runbook).unwrap();
    let inputs = "region: no\nextension: 0123\ncommit: 1e3\nwave: 1e2\nsure: True\nreleases: [1.10, 2, 0x1F]\n";
    std::fs::write(folder.path().join("inputs.yaml"), inputs).unwrap();
    let arguments =
        ["run", "runbook.yaml", "--inputs", "inputs.yaml", "--yes", "--state-dir", "state", "--run-id", "a"];
    drop(super::stanch(folder.path(), &arguments).exit(0));
    let journal = std::fs::read_to_string(folder.path().join("state/runs/a/journal.jsonl")).unwrap();
    let opened: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let expected = json!({
        "region": "no", "release": "1.20", "extension": "0123", "commit": "1e3", "wave": 100.0, "sure": true,
        "releases": ["1.10", "2", "0x1F"]
    });
    assert_eq!(opened["event"]["inputs"], expected);
}

#[test]
fn what_a_variable_of_the_shell_left_empty_is_said() {
    for kind in ["type: int", "type: timestamp", "type: keyvault_secret", "type: string", "type: bool"] {
        let why = given(kind, json!("")).unwrap_err();
        assert!(why.contains("the input `it` is empty") && why.contains("variable"), "{kind}: {why}");
    }
}

#[test]
fn a_file_in_another_encoding_is_called_that() {
    let folder = tempfile::tempdir().unwrap();
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain("schema: x".bytes().flat_map(|byte| [byte, 0])).collect();
    for (bytes, seems) in [
        (utf16.as_slice(), "UTF-16"),
        (b"schema: stanch/v1\nname: Gr\xfc\xdfe\n", "line 2, column 9 on: it seems to be Latin-1"),
        (b"\x7fELF\0\0\xff", "it seems to be no text"),
    ] {
        let runbook = "schema: stanch/v1\nname: a\nsteps:\n  - id: pause\n    uses: wait\n    with: { for: 1ms }\n";
        std::fs::write(folder.path().join("good.yaml"), runbook).unwrap();
        for name in ["file.yaml", "settings.yaml"] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        for arguments in [
            &["lint", "file.yaml"][..],
            &["run", "secret-exposure", "--inputs", "file.yaml", "--yes"],
            &["run", "good.yaml", "--answers", "file.yaml", "--yes"],
            &["inventory", "--vault", "https://kv-a.vault.azure.net", "--config", "settings.yaml"],
        ] {
            let said = super::stanch(folder.path(), arguments).exit(2);
            let words = said.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
            let told = words.contains(seems) && words.contains("save it as UTF-8");
            assert!(told, "{arguments:?}: {}", said.stderr);
        }
    }
}
