//! The hosts of accounts, at which a key is tried: SharedKey at a storage account, master keys at Cosmos DB, shared access
//! signatures at Service Bus.

use crate::cloud::services::signature::sign;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::accounts::{AccountKind, Accounts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::collections::BTreeMap;

/// Answers at an account's own host; nothing if the host is none of theirs.
pub(crate) fn answer(accounts: &Accounts, exchange: &Exchange) -> Option<Reply> {
    let host = exchange.host.as_str();
    if let Some(name) = host.strip_suffix(".blob.core.windows.net") {
        return Some(storage(accounts, name, exchange));
    }
    if let Some(name) = host.strip_suffix(".documents.azure.com") {
        return Some(cosmos(accounts, name, exchange));
    }
    host.strip_suffix(".servicebus.windows.net").map(|name| service_bus(accounts, name, exchange))
}

fn storage(accounts: &Accounts, name: &str, exchange: &Exchange) -> Reply {
    let refuse = |status: u16, code: &str| {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
        );
        Reply::text(status, "application/xml", body).header("x-ms-error-code", code)
    };
    let Some(account) = accounts.named(AccountKind::Storage, name) else { return refuse(404, "ResourceNotFound") };
    let text = storage_text(name, exchange);
    let signed = |key: &String| {
        let key = STANDARD.decode(key).unwrap_or_default();
        exchange.header("authorization") == Some(format!("SharedKey {name}:{}", sign(&key, text.as_bytes())).as_str())
    };
    if !account.keys.iter().any(signed) {
        return refuse(403, "AuthenticationFailed");
    }
    let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Containers /></EnumerationResults>";
    Reply::text(200, "application/xml", body.to_owned())
}

fn cosmos(accounts: &Accounts, name: &str, exchange: &Exchange) -> Reply {
    let Some(account) = accounts.named(AccountKind::Cosmos, name) else { return Reply::empty(404) };
    let date = exchange.header("x-ms-date").unwrap_or_default().to_ascii_lowercase();
    let text = format!("{}\ndbs\n\n{date}\n\n", exchange.method.to_ascii_lowercase());
    let given = exchange.header("authorization").unwrap_or_default();
    let given = percent_decode_str(given).decode_utf8_lossy();
    let signed = |key: &String| {
        let key = STANDARD.decode(key).unwrap_or_default();
        given == format!("type=master&ver=1.0&sig={}", sign(&key, text.as_bytes()))
    };
    if account.keys.iter().any(signed) {
        return Reply::json(200, &json!({ "_rid": "", "Databases": [], "_count": 0 }));
    }
    let message = "The input authorization token can't serve the request.";
    Reply::json(401, &json!({ "code": "Unauthorized", "message": message }))
}

fn service_bus(accounts: &Accounts, name: &str, exchange: &Exchange) -> Reply {
    let refuse = || Reply::text(401, "application/xml", "<Error><Code>401</Code></Error>".to_owned());
    let Some(account) = accounts.named(AccountKind::ServiceBus, name) else { return Reply::empty(404) };
    let given = exchange.header("authorization").and_then(|given| given.strip_prefix("SharedAccessSignature "));
    let fields: BTreeMap<&str, &str> =
        given.unwrap_or_default().split('&').filter_map(|field| field.split_once('=')).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let expires: i64 = field("se").parse().unwrap_or_default();
    let text = format!("{}\n{expires}", field("sr"));
    let signature = percent_decode_str(field("sig")).decode_utf8_lossy().into_owned();
    let signed = account.keys.iter().any(|key| sign(key.as_bytes(), text.as_bytes()) == signature);
    if !signed || expires <= exchange.at.timestamp() {
        return refuse();
    }
    Reply::text(200, "application/atom+xml", "<feed xmlns=\"http://www.w3.org/2005/Atom\"></feed>".to_owned())
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
