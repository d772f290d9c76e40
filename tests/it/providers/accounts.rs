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
    let said = stage.stanch(&arguments("secret-exposure", "r-random", &[])).exit(3);
    let error = step(&said.json(), "rotate")["error"].to_string();
    assert!(error.contains("`azure_storage_key` issues this secret"), "{error}");
    assert!(error.contains("use `storage-account-key`"), "{error}");
    assert_eq!(versions(&stage.state().await).len(), 1);
}
