//! Accounts with two keys: the leaked one is the one that ends regenerated.

use super::{arguments, assert_vault, killed, points_of_death, step, versions};
use crate::stage::Stage;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A kind of account, with the form in which a secret holds its key.
struct Kind {
    id: &'static str,
    names: [&'static str; 2],
    form: fn(&str) -> String,
}

const GROUP: &str = "/subscriptions/5f0d1c2b-7a34-4e6b-9c58-1d2e3f405162/resourceGroups/rg-drill/providers";

const STORAGE: Kind = Kind {
    id: "/Microsoft.Storage/storageAccounts/ordersstore",
    names: ["key1", "key2"],
    form: |key| {
        format!(
            "DefaultEndpointsProtocol=https;AccountName=ordersstore;AccountKey={key};EndpointSuffix=core.windows.net"
        )
    },
};
const COSMOS: Kind = Kind {
    id: "/Microsoft.DocumentDB/databaseAccounts/orders-db",
    names: ["primary", "secondary"],
    form: str::to_owned,
};
const SERVICE_BUS: Kind = Kind {
    id: "/Microsoft.ServiceBus/namespaces/orders-bus/AuthorizationRules/worker",
    names: ["primary", "secondary"],
    form: |key| {
        format!("Endpoint=sb://orders-bus.servicebus.windows.net/;SharedAccessKeyName=worker;SharedAccessKey={key}")
    },
};
const REDIS: Kind = Kind {
    id: "/Microsoft.Cache/Redis/orders-cache",
    names: ["primary", "secondary"],
    form: |key| format!("orders-cache.redis.cache.windows.net:6380,password={key},ssl=True,abortConnect=False"),
};

impl Kind {
    fn address(&self) -> String {
        format!("{GROUP}{}", self.id)
    }

    /// An account whose key number `leaked` is in the secret; gives its keys.
    async fn set(&self, leaked: usize) -> (Stage, Value) {
        let stage = Stage::empty(&[]).await;
        let keys = stage.control_post("accounts", &json!({ "id": self.address() })).await["keys"].clone();
        let key = keys[self.names[leaked]].as_str().unwrap();
        let tags = json!({ "owner": "orders-team", "ProviderAddress": self.address(), "ValidityPeriodDays": "60" });
        stage.seed("orders-key", &json!({ "value": (self.form)(key), "tags": tags })).await;
        (stage, keys)
    }

    /// Both keys are others than before, once each; the current version holds the one that did not leak.
    async fn assert_contained(&self, stage: &Stage, run: &str, keys: &Value, leaked: usize) {
        let state = stage.state().await;
        assert_vault(&state, run);
        let account = &state["accounts"][self.address()];
        for name in self.names {
            let before = hex::encode(Sha256::digest(keys[name].as_str().unwrap()));
            assert_ne!(account[name]["sha256"], before, "{name} was regenerated");
            assert_eq!(account[name]["regenerated"], 1, "{name}");
        }
        let next = self.names[1 - leaked];
        let current = versions(&state).into_iter().find(|version| version["latest"] == true).unwrap();
        assert_eq!(current["tags"]["CredentialId"], next);
        assert_eq!(current["tags"]["ProviderAddress"], self.address());
        assert!(current["expires"].is_string(), "as the tag says");
        let value = stage.read_value("orders-key", current["version"].as_str().unwrap()).await;
        let (before, after) = (self.form)("·").split_once('·').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let key = value.strip_prefix(&before).and_then(|rest| rest.strip_suffix(&after)).unwrap();
        assert_eq!(hex::encode(Sha256::digest(key)), account[next]["sha256"].as_str().unwrap());
    }
}

#[tokio::test]
async fn the_leaked_key_of_each_kind_of_account_ends_regenerated() {
    for (kind, leaked, provider, how) in [
        (STORAGE, 0, "azure_storage_key", "403 AuthenticationFailed"),
        (COSMOS, 1, "cosmos_key", "401"),
        (SERVICE_BUS, 0, "service_bus_key", "401 401"),
        (REDIS, 1, "redis_key", "not among the account's keys"),
    ] {
        let (stage, keys) = kind.set(leaked).await;
        let status = stage.stanch(&arguments("storage-account-key", "r-account", &[])).exit(0).json();
        assert_eq!(status["status"], "completed");
        kind.assert_contained(&stage, "r-account", &keys, leaked).await;
        let found = &step(&status, "issuer")["outputs"];
        assert_eq!(found["provider"], provider);
        assert_eq!(found["because"], format!("`{provider}` is named in the secret's tags"));
        assert_eq!(found["old"], kind.names[leaked]);
        assert!(found["breaks"]["overlap"].as_str().unwrap().contains("the other key"));
        let proof = &step(&status, "prove_dead")["outputs"];
        assert_eq!(proof["answer"], how, "{provider}");
        assert_eq!(proof["proven"].as_array().unwrap().len(), 1);
        let report = std::fs::read_to_string(stage.state_dir().join("runs/r-account/report/report.md")).unwrap();
        assert!(report.contains(how), "the proof is in the report: {report}");
        let sent = stage.state().await["notifications"].to_string();
        assert!(sent.contains("Contained: https://kv-drill"), "{sent}");
        let journal = std::fs::read_to_string(stage.journal("r-account")).unwrap();
        for name in kind.names {
            assert!(!journal.contains(keys[name].as_str().unwrap()), "no key is in the journal");
        }
    }
}

#[tokio::test]
async fn revoke_first_kills_the_leaked_key_before_anything_is_published() {
    let (stage, keys) = STORAGE.set(0).await;
    let status =
        stage.stanch(&arguments("storage-account-key", "r-first", &["containment=revoke_first"])).exit(0).json();
    assert_eq!(step(&status, "readers")["status"], "skipped");
    assert_eq!(step(&status, "retire")["outputs"]["before"], true);
    STORAGE.assert_contained(&stage, "r-first", &keys, 0).await;
    let calls = stage.state().await["calls"].as_array().unwrap().clone();
    let writes: Vec<String> = calls
        .iter()
        .filter(|call| call["method"] != "GET" && !call["path"].as_str().unwrap().contains("listKeys"))
        .map(|call| call["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .filter(|action| ["regenerateKey", "orders-key"].contains(&action.as_str()))
        .collect();
    assert_eq!(writes[..2], ["regenerateKey", "regenerateKey"], "{writes:?}");
}

#[tokio::test]
async fn a_lost_answer_on_the_way_is_settled_by_asking_the_issuer() {
    for (name, fault) in [
        ("issue", json!({ "match": { "path": "regenerateKey" }, "times": 1, "do": { "drop": "after" } })),
        ("retire", json!({ "match": { "path": "regenerateKey" }, "skip": 1, "times": 1, "do": { "drop": "after" } })),
        ("blind", json!({ "match": { "path": "listKeys" }, "skip": 2, "times": 6, "do": { "status": 503 } })),
        ("busy", json!({ "match": { "host": "management.azure.com" }, "times": 5, "do": { "status": 503 } })),
        (
            "slow",
            json!({ "match": { "host": "management.azure.com" }, "skip": 2, "times": 3, "do": { "status": 429 } }),
        ),
    ] {
        let (stage, keys) = STORAGE.set(0).await;
        stage.fault(&fault).await;
        let run = format!("r-lost-{name}");
        let status = stage.stanch(&arguments("storage-account-key", &run, &[])).exit(0).json();
        assert_eq!(status["status"], "completed", "{name}");
        STORAGE.assert_contained(&stage, &run, &keys, 0).await;
    }
}

#[tokio::test]
async fn an_account_key_rotation_killed_anywhere_ends_where_the_whole_one_ends() {
    for lines in points_of_death(30) {
        let (stage, keys) = STORAGE.set(0).await;
        let run = format!("r-killed-{lines}");
        let status = killed(&stage, &arguments("storage-account-key", &run, &[]), &run, lines).await.exit(0).json();
        assert_eq!(status["status"], "completed", "killed at {lines}");
        STORAGE.assert_contained(&stage, &run, &keys, 0).await;
    }
}

#[tokio::test]
async fn nothing_is_changed_where_the_account_does_not_know_the_key() {
    let (stage, keys) = STORAGE.set(0).await;
    let foreign = STORAGE.form;
    let tags = json!({ "owner": "orders-team", "ProviderAddress": STORAGE.address() });
    stage.seed("orders-key", &json!({ "value": foreign(&"k".repeat(88)), "tags": tags })).await;
    let said = stage.stanch(&arguments("storage-account-key", "r-foreign", &[])).exit(3);
    let error = step(&said.json(), "issuer")["error"].to_string();
    assert!(error.contains("neither key of `ordersstore`"), "{error}");
    let state = stage.state().await;
    assert_eq!(state["accounts"][STORAGE.address()]["key1"]["regenerated"], 0);
    assert_eq!(versions(&state).len(), 2, "{keys}");
}

#[tokio::test]
async fn a_random_text_never_takes_the_place_of_an_accounts_key() {
    let (stage, _) = STORAGE.set(0).await;
    let runbook = r#"
schema: stanch/v1
name: random
inputs:
  secret: { type: keyvault_secret, required: true }
  exposed_at: { type: timestamp, required: true }
  overlap: { type: duration, default: 1s }
steps:
  - { id: readers, uses: wait, with: { for: "${{ inputs.overlap }}" } }
  - { id: rotate, uses: keyvault/rotate, with: { secret: "${{ inputs.secret }}", provider: random } }
  - { id: who, uses: audit/blast_radius, with: { secret: "${{ inputs.secret }}", since: "${{ inputs.exposed_at }}" } }
"#;
    std::fs::write(stage.path("random.yaml"), runbook).unwrap();
    let said = stage.stanch(&arguments("random.yaml", "r-random", &[])).exit(3);
    let error = step(&said.json(), "rotate")["error"].to_string();
    assert!(error.contains("`azure_storage_key` issues this secret"), "{error}");
    assert!(error.contains("use `storage-account-key`"), "{error}");
    assert_eq!(versions(&stage.state().await).len(), 1);
}

#[tokio::test]
async fn the_usual_runbook_ends_an_accounts_key_at_the_account() {
    for leaked in [0, 1] {
        let (stage, keys) = STORAGE.set(leaked).await;
        let status = stage.stanch(&arguments("secret-exposure", "r-usual", &[])).exit(0).json();
        assert_eq!(step(&status, "issuer")["outputs"]["assumed"], false);
        assert_eq!(step(&status, "retire")["outputs"]["retired"], json!([STORAGE.names[leaked]]));
        assert_eq!(step(&status, "prove_dead")["outputs"]["proven"].as_array().unwrap().len(), 1);
        STORAGE.assert_contained(&stage, "r-usual", &keys, leaked).await;
        let sent = stage.state().await["notifications"].to_string();
        assert!(sent.contains("1 of them tried at the issuer, and refused there"), "{sent}");
    }
}

#[tokio::test]
async fn a_plan_says_who_issues_the_key_and_what_each_policy_breaks() {
    let (stage, _) = STORAGE.set(0).await;
    let old = versions(&stage.state().await)[0]["version"].as_str().unwrap().to_owned();
    let (subscription, _) = GROUP.strip_prefix("/subscriptions/").unwrap().split_once('/').unwrap();
    let sites = format!("/subscriptions/{subscription}/resourceGroups/rg-drill/providers/Microsoft.Web/sites");
    let whole = "@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/orders-key/)";
    let pinned = format!("@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/orders-key/{old})");
    for (name, settings) in [("orders-web", json!({ "Key": whole })), ("reports-web", json!({ "Db__Key": pinned }))] {
        stage.control_post("sites", &json!({ "id": format!("{sites}/{name}"), "settings": settings })).await;
    }
    let before = stage.state().await;
    let subscription = format!("subscription={subscription}");
    let secret = "secret=https://kv-drill.vault.azure.net/secrets/orders-key";
    let ask = |more: &[&str]| {
        let always = ["plan", "storage-account-key", "-i", secret, "-i", "exposed_at=2026-01-01T00:00:00Z"];
        stage.stanch(&[&always, more].concat()).exit(0)
    };
    let plan = ask(&["-i", &subscription, "-i", "containment=revoke_first", "--json"]).json();
    let issuer = &plan["issuers"][0];
    assert_eq!(
        (&issuer["provider"], &issuer["old"], &issuer["next"]),
        (&json!("azure_storage_key"), &json!("key1"), &json!("key2"))
    );
    assert_eq!(
        (&issuer["because"], &issuer["revoke_first"]),
        (&json!("`azure_storage_key` is named in the secret's tags"), &json!(true))
    );
    assert!(issuer["breaks_with_overlap"].as_str().unwrap().contains("whoever uses the other key"), "{issuer}");
    assert!(issuer["breaks_with_revoke_first"].as_str().unwrap().contains("every user of `ordersstore`"), "{issuer}");
    assert_eq!((&plan["breaks"][0]["consumer"], &plan["breaks"][0]["version"]), (&json!("reports-web"), &json!(old)));
    let told = ask(&["-i", &subscription]).stdout;
    for words in [
        "`orders-key` is issued by `azure_storage_key`: key2 follows key1; `azure_storage_key` is named in the secret's tags",
        "impact of revoking after the overlap: whoever uses the other key of `ordersstore`, at once",
        "1 of 2 sites follow `orders-key`: orders-web",
        "the app setting `Db__Key` of the site reports-web names it",
        "write `@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/orders-key)`",
        "1 new version of orders-key: key2 of `azure_storage_key`",
        "ends key1 at `azure_storage_key`",
        "key1 must be refused by `azure_storage_key`",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let after = stage.state().await;
    assert_eq!(
        (&after["vaults"], &after["accounts"], &after["sites"]),
        (&before["vaults"], &before["accounts"], &before["sites"])
    );
}
