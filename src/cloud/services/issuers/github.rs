//! `api.github.com`, as far as the revocation of its tokens goes.

use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::issued_tokens::{IssuedTokens, TokenState};
use serde_json::{Value, json};

/// GitHub takes no more in one call.
const MOST_CREDENTIALS: usize = 1_000;

pub(crate) fn answer(tokens: &mut IssuedTokens, exchange: &Exchange) -> Reply {
    let refuse =
        |status: u16, message: &str| Reply::json(status, &json!({ "message": message, "status": status.to_string() }));
    let bearer = exchange.bearer_token();
    match (exchange.method.as_str(), exchange.path.as_str()) {
        ("POST", "/credentials/revoke") => {
            // The interface is for whoever found a credential, not for its owner.
            if bearer.is_some() {
                return refuse(403, "Forbidden");
            }
            let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
            let credentials = body.get("credentials").and_then(Value::as_array).cloned().unwrap_or_default();
            if credentials.is_empty() || credentials.len() > MOST_CREDENTIALS {
                return refuse(422, "Validation failed");
            }
            for credential in credentials.iter().filter_map(Value::as_str) {
                tokens.revoke(credential);
            }
            Reply::json(202, &json!({}))
        }
        ("GET", "/user") if bearer.is_some_and(|token| tokens.state(token) == TokenState::Active) => {
            Reply::json(200, &json!({ "login": "orders-bot", "id": 1 }))
        }
        ("GET", "/user") => refuse(401, "Bad credentials"),
        _ => refuse(404, "Not Found"),
    }
}
