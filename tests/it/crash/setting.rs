//! What stands around a built-in runbook: secrets in a vault, whoever issues them, and somebody who knows a value.

use super::world::World;
use crate::issuers::server::Server;
use crate::surroundings::Surroundings;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The secret that the runbooks are let loose on.
pub(crate) const SECRET: &str = "https://kv-drill.vault.azure.net/secrets/orders-db";
const VAULT: &str = "https://kv-drill.vault.azure.net";

const ACCOUNT: &str = "/subscriptions/5f0d1c2b-7a34-4e6b-9c58-1d2e3f405162/resourceGroups/rg-drill/providers/Microsoft.Storage/storageAccounts/ordersstore";
const APPLICATION: &str = "6c0b7a9e-3f61-4b7e-9d43-0a1b2c3d4e5f";
const LEAKED: &str = "pl4nted+leak/value=ü-0123456789";
const KEY: [&str; 2] = ["sk_live_theOldOneThatLeaked0123456789", "sk_live_theNewOneThatNobodySaw9876543210"];
const TOKEN: [&str; 2] = ["ghp_theOldOneThatLeaked01234567890123456", "ghp_theNewOne01234567890123456789012345"];

/// A runbook and the kind of world that it is let loose on.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) runbook: &'static str,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// A secret with three versions, which the vault itself makes anew.
    Secret,
    /// A storage account's key.
    Account,
    /// A password of an application at Entra.
    Application,
    /// A key that a person makes at a dashboard.
    Person,
    /// A token of GitHub's.
    Token,
    /// Nothing is known but a value, which two secrets hold.
    Value,
    /// All secrets of a vault.
    Vault,
    /// The login of a pair of roles, at a real server.
    Database(Arc<Server>),
}

/// The kinds of world that a built-in is played in. What is not listed needs no more than a secret.
fn kinds(name: &str, text: &str, database: Option<&Arc<Server>>) -> Vec<(&'static str, Kind)> {
    match name {
        "storage-account-key" => vec![("", Kind::Account)],
        "entra-app-secret" => vec![("", Kind::Application)],
        "third-party-api-key" => vec![(", a person's key", Kind::Person), (", a token of GitHub's", Kind::Token)],
        "leaked-value" => vec![("", Kind::Value)],
        "whole-vault" => vec![("", Kind::Vault)],
        "database-credential" => database.into_iter().map(|server| ("", Kind::Database(Arc::clone(server)))).collect(),
        _ if text.contains("uses: issuer/revoke") => {
            vec![("", Kind::Secret), (", an account's key", Kind::Account)]
        }
        _ => vec![("", Kind::Secret)],
    }
}

impl Setting {
    /// Every built-in runbook, each in every kind of world that it is for; the main one first.
    pub(crate) fn built_in(database: Option<&Arc<Server>>) -> Vec<Self> {
        let all = stanch::cli::BUILT_IN.iter().flat_map(|(name, text)| {
            let setting = move |(what, kind): (&str, Kind)| Self { name: format!("{name}{what}"), runbook: text, kind };
            kinds(name, text, database).into_iter().map(setting)
        });
        let mut all: Vec<Self> = all.collect();
        all.sort_by_key(|setting| !setting.is_main());
        all
    }

    /// Whether it is the runbook that the whole matrix is played with every day.
    pub(crate) fn is_main(&self) -> bool {
        self.name == "secret-exposure"
    }

    /// A runbook of the test's own, and a secret.
    pub(crate) fn of(name: &str, runbook: &'static str) -> Self {
        Self { name: name.to_owned(), runbook, kind: Kind::Secret }
    }

    /// Puts into a cloud what the runbook finds there.
    pub(crate) async fn stage(&self, cloud: &Surroundings) -> Staged {
        match &self.kind {
            Kind::Secret => secret(cloud).await,
            Kind::Account => account(cloud).await,
            Kind::Application => application(cloud).await,
            Kind::Person => entered(cloud, KEY, json!({ "owner": "orders-team" })).await,
            Kind::Token => {
                for token in TOKEN {
                    cloud.control("POST", "issued", &json!({ "token": token })).await;
                }
                entered(cloud, TOKEN, json!({ "owner": "orders-team", "stanch-provider": "github_token" })).await
            }
            Kind::Value => leaked(cloud).await,
            Kind::Vault => vault(cloud).await,
            Kind::Database(server) => database(cloud, server).await,
        }
    }
}

/// What was put there, and what the run is told of it.
#[derive(Default)]
pub(crate) struct Staged {
    /// Inputs, beside those that follow from their types.
    pub(crate) inputs: Map<String, Value>,
    /// What the person says who is asked for a value.
    pub(crate) told: String,
    /// The credential that leaked, as tags name it.
    pub(crate) leaked: String,
    issuer: Issuer,
}

#[derive(Default)]
enum Issuer {
    #[default]
    Vault,
    /// The keys as they were.
    Account(Value),
    Application,
    Entered([&'static str; 2]),
    Database {
        server: Arc<Server>,
        leaked: String,
    },
}

/// Seeds a version of a secret in `kv-drill`, made on that day of January.
async fn seed(cloud: &Surroundings, name: &str, day: u32, value: &str, tags: &Value) {
    let created = format!("2026-01-{day:02}T00:00:00Z");
    let body = json!({ "value": value, "content_type": "text/plain", "tags": tags, "created": created });
    cloud.control("PUT", &format!("secrets/kv-drill/{name}"), &body).await;
}

async fn secret(cloud: &Surroundings) -> Staged {
    for number in 0..3 {
        let tags = json!({ "owner": "orders-team", "number": number.to_string() });
        seed(cloud, "orders-db", number + 1, &format!("planted-{number}"), &tags).await;
    }
    Staged::default()
}

async fn account(cloud: &Surroundings) -> Staged {
    let keys = cloud.control("POST", "accounts", &json!({ "id": ACCOUNT })).await["keys"].clone();
    let tags = json!({ "owner": "orders-team", "ProviderAddress": ACCOUNT });
    seed(cloud, "orders-db", 1, "from before", &json!({ "owner": "orders-team" })).await;
    seed(cloud, "orders-db", 2, keys["key1"].as_str().unwrap(), &tags).await;
    Staged { leaked: "key1".to_owned(), issuer: Issuer::Account(keys), ..Staged::default() }
}

async fn application(cloud: &Surroundings) -> Staged {
    let body = json!({ "id": APPLICATION, "app_id": "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9" });
    let seeded = cloud.control("POST", "applications", &body).await;
    let leaked = seeded["key_id"].as_str().unwrap().to_owned();
    let address = format!("/applications/{APPLICATION}");
    let tags = json!({ "owner": "orders-team", "ProviderAddress": address, "CredentialId": leaked });
    seed(cloud, "orders-db", 1, seeded["text"].as_str().unwrap(), &tags).await;
    Staged { leaked, issuer: Issuer::Application, ..Staged::default() }
}

/// A credential that a person makes, the old one and the new one.
async fn entered(cloud: &Surroundings, values: [&'static str; 2], tags: Value) -> Staged {
    seed(cloud, "orders-db", 1, "from before", &tags).await;
    seed(cloud, "orders-db", 2, values[0], &tags).await;
    Staged { told: values[1].to_owned(), issuer: Issuer::Entered(values), ..Staged::default() }
}

async fn leaked(cloud: &Surroundings) -> Staged {
    let tags = json!({ "owner": "orders-team" });
    seed(cloud, "orders-db", 1, "from before", &tags).await;
    seed(cloud, "orders-db", 2, LEAKED, &tags).await;
    seed(cloud, "reports", 1, &format!("Server=db;User Id=app;Password={LEAKED}"), &tags).await;
    seed(cloud, "untouched", 1, "another value", &tags).await;
    let inputs = Map::from_iter([("vaults".to_owned(), json!([VAULT]))]);
    Staged { inputs, told: LEAKED.to_owned(), ..Staged::default() }
}

async fn vault(cloud: &Surroundings) -> Staged {
    for name in ["orders-db", "reports"] {
        seed(cloud, name, 1, &format!("first of {name}"), &json!({ "owner": "orders-team" })).await;
    }
    let stripes = json!({ "issuer": "Stripe", "provider": "manual" });
    seed(cloud, "of-stripe", 1, "issued elsewhere", &stripes).await;
    let inputs = Map::from_iter([("vault".to_owned(), json!(VAULT))]);
    Staged { inputs, ..Staged::default() }
}

async fn database(cloud: &Surroundings, server: &Arc<Server>) -> Staged {
    // All worlds share the server, each with a pair of roles of its own.
    static WORLDS: AtomicUsize = AtomicUsize::new(0);
    let world = WORLDS.fetch_add(1, Ordering::SeqCst);
    let roles = [format!("a_{world}"), format!("b_{world}")];
    let [a, b] = &roles;
    server.admin(&format!("create role {a} login password 'first'; create role {b} login password 'unused'")).await;
    let leaked = server.url(a, "first");
    seed(cloud, "pg-admin", 1, &server.admin_url(), &json!({})).await;
    seed(cloud, "orders-db", 1, &leaked, &json!({ "owner": "orders-team" })).await;
    let inputs = [
        ("roles".to_owned(), json!(roles)),
        ("admin".to_owned(), json!(format!("{VAULT}/secrets/pg-admin"))),
        ("ca".to_owned(), json!(server.ca().display().to_string())),
    ];
    let issuer = Issuer::Database { server: Arc::clone(server), leaked };
    Staged { inputs: Map::from_iter(inputs), leaked: roles[0].clone(), issuer, ..Staged::default() }
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

impl Staged {
    /// What the issuer says of the leaked credential and of the one that everyone reads now.
    pub(crate) async fn look(&self, world: &World, cloud: &Value) -> Value {
        let (_, published) = match &self.issuer {
            Issuer::Vault => return Value::Null,
            _ => world.value("").await,
        };
        match &self.issuer {
            Issuer::Vault => Value::Null,
            Issuer::Account(keys) => {
                let account = &cloud["accounts"][ACCOUNT];
                let opens = |key: &str| ["key1", "key2"].iter().any(|name| account[name]["sha256"] == sha256(key));
                let lives = ["key1", "key2"].map(|name| opens(keys[name].as_str().unwrap()));
                json!({ "those from before live": lives, "published lives": opens(&published) })
            }
            Issuer::Application => {
                let passwords = cloud["applications"][APPLICATION]["passwords"].as_array().unwrap();
                let current = world.current_tag(cloud, "CredentialId");
                let known = |password: &Value| password["keyId"] == current.as_str();
                json!({ "passwords": passwords.len(), "published lives": passwords.iter().any(known) })
            }
            Issuer::Entered(values) => {
                let lives = values.map(|value| cloud["tokens"][sha256(value)].clone());
                json!({ "lives": lives, "published": published == values[1] })
            }
            Issuer::Database { server, leaked } => {
                let refused =
                    server.connect(leaked).await.err().and_then(|error| Some(error.code()?.code().to_owned()));
                json!({ "leaked": refused, "published lives": server.connect(&published).await.is_ok() })
            }
        }
    }

    /// How often the issuer was made to issue, where no crash may change that.
    pub(crate) fn issued(&self, cloud: &Value) -> Value {
        match &self.issuer {
            Issuer::Account(_) => {
                let account = &cloud["accounts"][ACCOUNT];
                json!([account["key1"]["regenerated"], account["key2"]["regenerated"]])
            }
            _ => Value::Null,
        }
    }
}
