//! The keys of accounts: `listKeys` and `regenerateKey` of Microsoft.Storage, Microsoft.DocumentDB, Microsoft.Cache and
//! Microsoft.ServiceBus, as their published descriptions have them.

use crate::cloud::lock::lock;
use crate::cloud::services::azure_rest::refuse;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::accounts::{Account, AccountKind};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Answers the actions on accounts; nothing if the path is none of them.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
    let path = percent_decode_str(&exchange.path).decode_utf8_lossy().to_ascii_lowercase();
    let (id, action) = path.rsplit_once('/')?;
    let mut accounts = lock(&cloud.accounts);
    let Some(account) = accounts.get_mut(id) else {
        AccountKind::of(&path)?;
        return Some(refuse(404, "ResourceNotFound", "The Resource was not found."));
    };
    if exchange.method != "POST" {
        return Some(refuse(405, "MethodNotAllowed", "Use POST."));
    }
    Some(match action {
        "listkeys" => Reply::json(200, &list(account)),
        action if action == regenerate_action(account.kind) => regenerate(account, &exchange.body),
        _ => refuse(404, "InvalidResourceType", "There is no such action."),
    })
}

fn list(account: &Account) -> Value {
    let [first, second] = &account.keys;
    match account.kind {
        AccountKind::Storage => {
            let key = |name: &str, value: &str| json!({ "keyName": name, "value": value, "permissions": "FULL" });
            json!({ "keys": [key("key1", first), key("key2", second)] })
        }
        AccountKind::Cosmos => json!({ "primaryMasterKey": first, "secondaryMasterKey": second }),
        AccountKind::ServiceBus => {
            let [first_text, second_text] = account.texts();
            json!({
                "primaryKey": first, "secondaryKey": second, "keyName": account.rule(),
                "primaryConnectionString": first_text,
                "secondaryConnectionString": second_text,
            })
        }
        AccountKind::Redis => json!({ "primaryKey": first, "secondaryKey": second }),
    }
}

/// In lower case, as it stands at the end of the path.
fn regenerate_action(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Storage | AccountKind::Cosmos | AccountKind::Redis => "regeneratekey",
        AccountKind::ServiceBus => "regeneratekeys",
    }
}

/// The request's field that says which key is meant, and what it calls each.
fn key_choice(kind: AccountKind) -> (&'static str, [&'static str; 2]) {
    match kind {
        AccountKind::Storage => ("keyName", ["key1", "key2"]),
        AccountKind::Cosmos => ("keyKind", ["primary", "secondary"]),
        AccountKind::ServiceBus => ("keyType", ["PrimaryKey", "SecondaryKey"]),
        AccountKind::Redis => ("keyType", ["Primary", "Secondary"]),
    }
}

fn regenerate(account: &mut Account, body: &[u8]) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (field, names) = key_choice(account.kind);
    let asked = body.get(field).and_then(Value::as_str).unwrap_or_default();
    let Some(slot) = names.iter().position(|name| *name == asked) else {
        return refuse(400, "InvalidKeyName", "The key name is not valid.");
    };
    account.regenerate(slot);
    match account.kind {
        // It answers before it is done.
        AccountKind::Cosmos => Reply::empty(202)
            .header("Location", format!("https://management.azure.com{}/operationResults/1", account.id)),
        _ => Reply::json(200, &list(account)),
    }
}
