//! `slack.com`, as far as the revocation of its tokens goes.

use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::issued_tokens::{IssuedTokens, TokenState};
use serde_json::json;

pub(crate) fn answer(tokens: &mut IssuedTokens, exchange: &Exchange) -> Reply {
    let error = |word: &str| Reply::json(200, &json!({ "ok": false, "error": word }));
    let token = exchange.bearer_token().unwrap_or_default();
    if token.is_empty() {
        return error("not_authed");
    }
    match tokens.state(token) {
        TokenState::Unknown => return error("invalid_auth"),
        TokenState::Revoked => return error("token_revoked"),
        TokenState::Active => {}
    }
    match exchange.path.as_str() {
        "/api/auth.test" => Reply::json(200, &json!({ "ok": true, "team": "orders", "user": "orders-bot" })),
        "/api/auth.revoke" => {
            let is_test = exchange.parameter("test").is_some_and(|test| test == "1" || test == "true");
            if !is_test {
                tokens.revoke(token);
            }
            Reply::json(200, &json!({ "ok": true, "revoked": !is_test }))
        }
        _ => error("unknown_method"),
    }
}
