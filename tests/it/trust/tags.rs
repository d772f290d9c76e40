//! What whoever may set a secret can write into its tags.

use super::*;

async fn tagged(tags: Value) -> Stage {
    let stage = Stage::empty(&[]).await;
    stage.seed("orders-db", &json!({ "value": "tagged-value-123", "tags": tags })).await;
    stage
}

fn find(stage: &Stage, more: &[&str]) -> Value {
    let arguments = [&["find", "--vault", "https://kv-drill.vault.azure.net", "--json"], more].concat();
    let mut command = stage.command(&arguments);
    // A name is searched for, the file of that name is not waited for.
    let input = stage.path("value");
    std::fs::write(&input, "tagged-value-123").unwrap();
    command.stdin(std::fs::File::open(input).unwrap());
    within(command).exit(0).json()["found"][0].clone()
}

#[tokio::test]
async fn the_runbook_of_a_tag_is_a_name_and_never_a_path() {
    let other = tempfile::tempdir().unwrap();
    fifo(&other.path().join("fifo"));
    std::fs::write(other.path().join("r.yaml"), GATE).unwrap();
    for tag in ["fifo", "r.yaml"] {
        let path = other.path().join(tag).display().to_string();
        let stage = tagged(json!({ "runbook": path })).await;
        let found = find(&stage, &[]);
        assert!(found["next"].as_str().unwrap().starts_with("stanch plan secret-exposure "), "{found}");
        let not_followed = found["runbook_not_followed"].as_str().unwrap();
        assert!(not_followed.contains("it is not followed, `secret-exposure` is used"), "{not_followed}");
        let said = stage.stanch(&["inventory", "--vault", "https://kv-drill.vault.azure.net", "--json"]).exit(0).json();
        assert_eq!(said["vaults"][0]["secrets"][0]["runbook"], "secret-exposure");
    }
    for (tag, next) in [
        ("leaked-value", "leaked-value"),
        ("../own", "secret-exposure"),
        ("own", "/runbooks/own.yaml"),
        ("-", "secret-exposure"),
    ] {
        let stage = tagged(json!({ "runbook": tag })).await;
        let runbooks = stage.path("runbooks");
        std::fs::create_dir(&runbooks).unwrap();
        std::fs::write(runbooks.join("own.yaml"), GATE).unwrap();
        std::fs::write(stage.path("own.yaml"), GATE).unwrap();
        std::fs::write(stage.path("mine.yaml"), "schema: stanch-config/v1\nrunbooks: runbooks\n").unwrap();
        let found = find(&stage, &["--config", "mine.yaml"]);
        assert!(found["next"].as_str().unwrap().contains(next), "{tag}: {found}");
    }
}

#[tokio::test]
async fn nonsense_in_tags_is_told_before_the_rotation_with_what_overrides_it() {
    let application = "https://graph.microsoft.com/v1.0/applications/not-an-id";
    for tags in [
        json!({ "stanch-provider": "n\u{f6}nsense \u{202e}" }),
        json!({ "stanch-provider": "command" }),
        json!({ "stanch-provider": "postgres" }),
        json!({ "stanch-provider": "entra_app_secret", "ProviderAddress": application, "CredentialId": "x" }),
        json!({ "ProviderAddress": "/subscriptions/x/providers/Microsoft.Storage/storageAccounts/../../x" }),
    ] {
        let stage = tagged(tags.clone()).await;
        let containment = stage.containment("r-nonsense");
        let inputs: Vec<&str> = containment
            .iter()
            .copied()
            .filter(|word| *word != "--yes" && *word != "--run-id" && *word != "r-nonsense")
            .collect();
        let plan = [&["plan"], &inputs[1..]].concat();
        let plan = stage.stanch(&plan).exit(5);
        assert!(plan.stdout.contains("-i ignore_tags=true"), "{tags}: {}", plan.stdout);
        let before = stage.state().await["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().len();
        let failed = stage.stanch(&containment).json();
        assert_ne!(failed["status"], "completed", "{tags}");
        assert_eq!(
            stage.state().await["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().len(),
            before,
            "{tags}"
        );
        let status = stage.stanch(&["status", "r-nonsense"]);
        let next =
            "next    stanch run secret-exposure -i secret=https://kv-drill.vault.azure.net/secrets/orders-db -i ";
        let line = status.stdout.lines().find(|line| line.starts_with(next));
        assert!(line.is_some_and(|line| line.contains(" -i ignore_tags=true")), "{tags}: {}", status.stdout);
        let mut again = stage.containment("r-again");
        again.extend(["-i", "ignore_tags=true"]);
        let run = stage.stanch(&again).exit(0).json();
        assert_eq!(run["verdict"]["state"], "contained", "{tags}: {}", run["verdict"]);
    }
}

#[tokio::test]
async fn a_staging_secret_that_nothing_was_put_into_is_not_spoken_of() {
    let stage = tagged(json!({ "stanch-provider": "manual" })).await;
    stage.stanch(&stage.containment("r-manual")).exit(4).done();
    let waits = stage.stanch(&["status", "r-manual"]).stdout;
    stage.stanch(&["abandon", "r-manual", "--because", "nobody has a value"]).done();
    let abandoned = stage.stanch(&["status", "r-manual"]).stdout;
    for said in [waits, abandoned] {
        assert!(!said.contains("living credential"), "{said}");
    }
}

#[tokio::test]
async fn many_tags_do_not_stop_a_rotation_and_keys_cannot_be_told_beforehand() {
    let tags: serde_json::Map<String, Value> = (0..14)
        .map(|number| (format!("a{number:02}"), "x".into()))
        .chain([("owner".to_owned(), "team".into())])
        .collect();
    let stage = tagged(Value::Object(tags)).await;
    let inputs =
        ["-i", "secret=https://kv-drill.vault.azure.net/secrets/orders-db", "-i", "exposed_at=2026-01-01T00:00:00Z"];
    let plan = stage.stanch(&[&["plan", "secret-exposure"], &inputs[..]].concat());
    assert!(plan.stdout.contains("does without the tags `a12`, `a13`: Key Vault takes 15"), "{}", plan.stdout);
    let run = stage.stanch(&stage.containment("r-tags")).exit(0).json();
    assert_eq!(run["verdict"]["state"], "contained");
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap();
    let ours = versions.iter().find(|version| version["tags"]["stanch-run"] == "r-tags").unwrap();
    assert_eq!(ours["tags"]["owner"], "team");
    let derivable = <sha2::Sha256 as sha2::Digest>::digest(b"r-tags\0rotate\0publish");
    assert_ne!(ours["tags"]["stanch-effect"].as_str().unwrap(), &hex::encode(derivable)[..32]);
}

#[test]
fn of_two_versions_with_the_key_of_an_effect_the_oldest_is_its_own() {
    let version = |id: &str, created: &str| -> stanch::vault::Version {
        let at = format!("2026-01-01T00:00:{created}Z");
        serde_json::from_value(json!({
            "id": id, "enabled": true, "created": at, "updated": at, "expires": null, "not_before": null,
            "content_type": null, "tags": { "stanch-effect": "key" }, "managed": false,
        }))
        .unwrap()
    };
    let history = stanch::vault::History::new(vec![version("forged", "09"), version("own", "01")]);
    assert_eq!(history.put_in_by("key").unwrap().id, "own");
}
