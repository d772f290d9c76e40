//! Accounts with two keys at the resource manager, and the doors at which a key is tried.
//!
//! Main type: [`Accounts`]. The interfaces follow the published descriptions: `listKeys` and `regenerateKey` of
//! Microsoft.Storage, Microsoft.DocumentDB, Microsoft.Cache and Microsoft.ServiceBus; SharedKey at a storage account,
//! master keys at Cosmos DB, shared access signatures at Service Bus.

use crate::cloud::wire::exchange::{Exchange, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is particular to a kind of account.
struct Kind {
    /// In lower case, as it stands in the address.
    resource_type: &'static str,
    regenerate: &'static str,
    /// The request's field, and what it calls each key.
    field: &'static str,
    asked: [&'static str; 2],
    /// As tags and the control call each key.
    names: [&'static str; 2],
    answer: fn(&[String; 2], &str) -> Value,
    /// A key as its users take it.
    text: fn(&str, &str) -> String,
    /// Bytes of a key.
    size: usize,
    /// A regeneration is answered with 202 before it is done.
    accepts: bool,
}

const KINDS: [Kind; 4] = [
    Kind {
        resource_type: "/microsoft.storage/storageaccounts/",
        regenerate: "regeneratekey",
        field: "keyName",
        asked: ["key1", "key2"],
        names: ["key1", "key2"],
        answer: |keys, _| {
            let key =
                |(name, value): (&str, &String)| json!({ "keyName": name, "value": value, "permissions": "FULL" });
            let listed: Vec<Value> = ["key1", "key2"].into_iter().zip(keys).map(key).collect();
            json!({ "keys": listed })
        },
        text: |key, id| {
            let name = after(id, "/storageaccounts/");
            format!(
                "DefaultEndpointsProtocol=https;AccountName={name};AccountKey={key};EndpointSuffix=core.windows.net"
            )
        },
        size: 64,
        accepts: false,
    },
    Kind {
        resource_type: "/microsoft.documentdb/databaseaccounts/",
        regenerate: "regeneratekey",
        field: "keyKind",
        asked: ["primary", "secondary"],
        names: ["primary", "secondary"],
        answer: |[primary, secondary], _| json!({ "primaryMasterKey": primary, "secondaryMasterKey": secondary }),
        text: |key, _| key.to_owned(),
        size: 64,
        accepts: true,
    },
    Kind {
        resource_type: "/microsoft.servicebus/namespaces/",
        regenerate: "regeneratekeys",
        field: "keyType",
        asked: ["PrimaryKey", "SecondaryKey"],
        names: ["primary", "secondary"],
        answer: |[primary, secondary], id| {
            json!({
                "primaryKey": primary, "secondaryKey": secondary, "keyName": rule(id),
                "primaryConnectionString": service_bus_text(primary, id),
                "secondaryConnectionString": service_bus_text(secondary, id),
            })
        },
        text: service_bus_text,
        size: 32,
        accepts: false,
    },
    Kind {
        resource_type: "/microsoft.cache/redis/",
        regenerate: "regeneratekey",
        field: "keyType",
        asked: ["Primary", "Secondary"],
        names: ["primary", "secondary"],
        answer: |[primary, secondary], _| json!({ "primaryKey": primary, "secondaryKey": secondary }),
        text: |key, id| {
            let name = after(id, "/redis/");
            format!("{name}.redis.cache.windows.net:6380,password={key},ssl=True,abortConnect=False")
        },
        size: 32,
        accepts: false,
    },
];

fn rule(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

fn service_bus_text(key: &str, id: &str) -> String {
    let (namespace, rule) = (after(id, "/namespaces/"), rule(id));
    format!("Endpoint=sb://{namespace}.servicebus.windows.net/;SharedAccessKeyName={rule};SharedAccessKey={key}")
}

fn kind(id: &str) -> Result<&'static Kind, String> {
    let lower = id.to_ascii_lowercase();
    let kind = KINDS.iter().find(|kind| lower.contains(kind.resource_type));
    kind.ok_or_else(|| format!("no kind of account has the address `{id}`"))
}

/// Which of an account's keys has a name; the first, if none is given.
pub(crate) fn slot(id: &str, key: Option<&str>) -> Result<usize, String> {
    let kind = kind(id)?;
    let Some(key) = key else { return Ok(0) };
    let slot = kind.names.iter().position(|name| *name == key);
    slot.ok_or_else(|| format!("`{key}` is no key of `{id}`: its keys are `{}` and `{}`", kind.names[0], kind.names[1]))
}

/// A text with a key that the account has no more.
pub(crate) fn dead(id: &str) -> String {
    kind(id).map(|kind| (kind.text)(&fresh(kind.size), id)).unwrap_or_default()
}

/// An account in words.
pub(crate) fn describe(id: &str) -> String {
    let name = kind(id).map(|kind| after(id, kind.resource_type)).unwrap_or_default();
    format!("the account `{name}`")
}

/// The part of an address after a part of it; both may be of any case.
fn after<'a>(id: &'a str, part: &str) -> &'a str {
    let at = id.to_ascii_lowercase().find(part).map_or(id.len(), |at| at + part.len());
    id.get(at..).unwrap_or_default().split('/').next().unwrap_or_default()
}

struct Account {
    id: String,
    kind: &'static Kind,
    keys: [String; 2],
    regenerated: [u64; 2],
}

/// All accounts.
#[derive(Default)]
pub(crate) struct Accounts {
    /// By the address in lower case.
    accounts: BTreeMap<String, Account>,
}

/// An account to make known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    id: String,
}

impl Accounts {
    /// Makes an account known; gives its keys by name.
    pub(crate) fn seed(&mut self, seed: Seed) -> Result<Value, String> {
        let (lower, kind) = (seed.id.to_ascii_lowercase(), kind(&seed.id)?);
        let keys = [fresh(kind.size), fresh(kind.size)];
        let shown: Map<String, Value> =
            kind.names.iter().zip(&keys).map(|(name, key)| ((*name).to_owned(), key.clone().into())).collect();
        self.accounts.insert(lower, Account { id: seed.id, kind, keys, regenerated: [0, 0] });
        Ok(json!({ "keys": shown }))
    }

    /// The name and the text of one of an account's keys; the account comes into being, if it is not known.
    pub(crate) fn issue(&mut self, id: &str, slot: usize) -> Result<(String, String), String> {
        if !self.accounts.contains_key(&id.to_ascii_lowercase()) {
            self.seed(Seed { id: id.to_owned() })?;
        }
        let issued = self.accounts.get(&id.to_ascii_lowercase()).and_then(|account| {
            let name = (*account.kind.names.get(slot)?).to_owned();
            Some((name, (account.kind.text)(account.keys.get(slot)?, id)))
        });
        issued.ok_or_else(|| format!("`{id}` has no such key"))
    }

    /// Whether a text holds a key that works.
    pub(crate) fn accepts(&self, id: &str, text: &str) -> bool {
        let account = self.accounts.get(&id.to_ascii_lowercase());
        account.is_some_and(|account| account.keys.iter().any(|key| text == (account.kind.text)(key, id)))
    }

    /// Digests of the keys, and how often each was regenerated.
    pub(crate) fn describe(&self) -> Value {
        let describe = |account: &Account| {
            let keys = account.kind.names.iter().zip(&account.keys).zip(account.regenerated);
            let keys: Map<String, Value> = keys
                .map(|((name, key), regenerated)| {
                    let shown = json!({ "sha256": hex::encode(Sha256::digest(key)), "regenerated": regenerated });
                    ((*name).to_owned(), shown)
                })
                .collect();
            (account.id.clone(), Value::Object(keys))
        };
        Value::Object(self.accounts.values().map(describe).collect())
    }

    /// Answers the resource manager's actions on accounts; nothing if the path is none of them.
    pub(crate) fn act(&mut self, exchange: &Exchange) -> Option<Reply> {
        let path = percent_decode_str(&exchange.path).decode_utf8_lossy().to_ascii_lowercase();
        let (id, action) = path.rsplit_once('/')?;
        let known = self.accounts.get_mut(id);
        let named = KINDS.iter().any(|kind| path.contains(kind.resource_type));
        let Some(account) = known else {
            return named.then(|| {
                crate::cloud::services::resource_manager::refuse(404, "ResourceNotFound", "The Resource was not found.")
            });
        };
        if exchange.method != "POST" {
            return Some(crate::cloud::services::resource_manager::refuse(405, "MethodNotAllowed", "Use POST."));
        }
        match action {
            "listkeys" => Some(Reply::json(200, &(account.kind.answer)(&account.keys, &account.id))),
            action if action == account.kind.regenerate => Some(account.regenerate(&exchange.body)),
            _ => Some(crate::cloud::services::resource_manager::refuse(
                404,
                "InvalidResourceType",
                "There is no such action.",
            )),
        }
    }

    fn named(&self, resource_type: &str, name: &str) -> Option<&Account> {
        let is_it = |account: &&Account| {
            account.kind.resource_type == resource_type && after(&account.id, resource_type).eq_ignore_ascii_case(name)
        };
        self.accounts.values().find(is_it)
    }

    /// Answers at an account's own host; nothing if the host is none of theirs.
    pub(crate) fn knock(&self, exchange: &Exchange) -> Option<Reply> {
        let host = exchange.host.as_str();
        if let Some(name) = host.strip_suffix(".blob.core.windows.net") {
            return Some(self.storage(name, exchange));
        }
        if let Some(name) = host.strip_suffix(".documents.azure.com") {
            return Some(self.cosmos(name, exchange));
        }
        host.strip_suffix(".servicebus.windows.net").map(|name| self.service_bus(name, exchange))
    }

    fn storage(&self, name: &str, exchange: &Exchange) -> Reply {
        let refuse = |status: u16, code: &str| {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
            );
            Reply::text(status, "application/xml", body).header("x-ms-error-code", code)
        };
        let Some(account) = self.named(KINDS[0].resource_type, name) else { return refuse(404, "ResourceNotFound") };
        let text = storage_text(name, exchange);
        let signed = |key: &String| {
            let key = STANDARD.decode(key).unwrap_or_default();
            exchange.header("authorization") == Some(format!("SharedKey {name}:{}", sign(&key, &text)).as_str())
        };
        if !account.keys.iter().any(signed) {
            return refuse(403, "AuthenticationFailed");
        }
        let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Containers /></EnumerationResults>";
        Reply::text(200, "application/xml", body.to_owned())
    }

    fn cosmos(&self, name: &str, exchange: &Exchange) -> Reply {
        let Some(account) = self.named(KINDS[1].resource_type, name) else { return Reply::empty(404) };
        let date = exchange.header("x-ms-date").unwrap_or_default().to_ascii_lowercase();
        let text = format!("{}\ndbs\n\n{date}\n\n", exchange.method.to_ascii_lowercase());
        let given = exchange.header("authorization").unwrap_or_default();
        let given = percent_decode_str(given).decode_utf8_lossy();
        let signed = |key: &String| {
            let key = STANDARD.decode(key).unwrap_or_default();
            given == format!("type=master&ver=1.0&sig={}", sign(&key, &text))
        };
        if account.keys.iter().any(signed) {
            return Reply::json(200, &json!({ "_rid": "", "Databases": [], "_count": 0 }));
        }
        let message = "The input authorization token can't serve the request.";
        Reply::json(401, &json!({ "code": "Unauthorized", "message": message }))
    }

    fn service_bus(&self, name: &str, exchange: &Exchange) -> Reply {
        let refuse = || Reply::text(401, "application/xml", "<Error><Code>401</Code></Error>".to_owned());
        let Some(account) = self.named(KINDS[2].resource_type, name) else { return Reply::empty(404) };
        let given = exchange.header("authorization").and_then(|given| given.strip_prefix("SharedAccessSignature "));
        let fields: BTreeMap<&str, &str> =
            given.unwrap_or_default().split('&').filter_map(|field| field.split_once('=')).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        let expires: i64 = field("se").parse().unwrap_or_default();
        let text = format!("{}\n{expires}", field("sr"));
        let signature = percent_decode_str(field("sig")).decode_utf8_lossy().into_owned();
        let signed = account.keys.iter().any(|key| sign(key.as_bytes(), &text) == signature);
        if !signed || expires <= exchange.at.timestamp() {
            return refuse();
        }
        Reply::text(200, "application/atom+xml", "<feed xmlns=\"http://www.w3.org/2005/Atom\"></feed>".to_owned())
    }
}

/// What SharedKey signs: the method, eleven headers, every `x-ms-` header, the resource with its query.
fn storage_text(account: &str, exchange: &Exchange) -> String {
    const HEADERS: [&str; 11] = [
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "if-modified-since",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ];
    let mut text = format!("{}\n", exchange.method);
    for name in HEADERS {
        let value = exchange.header(name).filter(|value| name != "content-length" || *value != "0");
        text.push_str(&format!("{}\n", value.unwrap_or_default()));
    }
    let own: BTreeMap<&str, &str> = exchange
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .map(|(name, value)| (name.as_str(), value.trim()))
        .collect();
    text.extend(own.iter().map(|(name, value)| format!("{name}:{value}\n")));
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(exchange.query.as_deref().unwrap_or_default().as_bytes()).into_owned().collect();
    let query: String = query.iter().map(|(key, value)| format!("\n{}:{value}", key.to_ascii_lowercase())).collect();
    format!("{text}/{account}{}{query}", exchange.path)
}

impl Account {
    fn regenerate(&mut self, body: &[u8]) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let asked = body.get(self.kind.field).and_then(Value::as_str).unwrap_or_default();
        let Some(slot) = self.kind.asked.iter().position(|name| *name == asked) else {
            return crate::cloud::services::resource_manager::refuse(
                400,
                "InvalidKeyName",
                "The key name is not valid.",
            );
        };
        if let (Some(key), Some(count)) = (self.keys.get_mut(slot), self.regenerated.get_mut(slot)) {
            *key = fresh(self.kind.size);
            *count += 1;
        }
        if self.kind.accepts {
            return Reply::empty(202)
                .header("Location", format!("https://management.azure.com{}/operationResults/1", self.id));
        }
        Reply::json(200, &(self.kind.answer)(&self.keys, &self.id))
    }
}

/// A key nobody had before, as it is written.
fn fresh(size: usize) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < size {
        bytes.extend_from_slice(Uuid::new_v4().as_bytes());
    }
    bytes.truncate(size);
    STANDARD.encode(bytes)
}

fn sign(key: &[u8], text: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => STANDARD.encode(mac.chain_update(text).finalize().into_bytes()),
        Err(_) => String::new(),
    }
}
