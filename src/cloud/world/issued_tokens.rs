//! `api.github.com` and `slack.com`, as far as the revocation of their tokens goes.
//!
//! Main type: [`Tokens`]. Only digests of tokens are kept.

use crate::cloud::wire::exchange::{Exchange, Reply};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// GitHub takes no more in one call.
const MOST_CREDENTIALS: usize = 1_000;

/// A token to make known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    pub(crate) token: String,
}

/// The living and the dead, by the SHA-256 of each.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    alive: BTreeMap<String, bool>,
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

impl Tokens {
    pub(crate) fn seed(&mut self, seed: &Seed) -> Value {
        self.alive.insert(digest(&seed.token), true);
        json!({})
    }

    /// Whether each token is alive, by its SHA-256.
    pub(crate) fn describe(&self) -> Value {
        Value::Object(
            self.alive.iter().map(|(token, alive)| (token.clone(), (*alive).into())).collect::<Map<String, Value>>(),
        )
    }

    /// How many tokens are alive.
    pub(crate) fn living(&self) -> usize {
        self.alive.values().filter(|alive| **alive).count()
    }

    pub(crate) fn is_alive(&self, token: &str) -> bool {
        self.alive.get(&digest(token)).copied().unwrap_or(false)
    }

    fn kill(&mut self, token: &str) {
        if let Some(alive) = self.alive.get_mut(&digest(token)) {
            *alive = false;
        }
    }

    /// Answers at one of the two hosts; nothing at any other.
    pub(crate) fn answer(&mut self, exchange: &Exchange) -> Option<Reply> {
        match exchange.host.as_str() {
            "api.github.com" => Some(self.github(exchange)),
            "slack.com" => Some(self.slack(exchange)),
            _ => None,
        }
    }

    fn github(&mut self, exchange: &Exchange) -> Reply {
        let refuse = |status: u16, message: &str| {
            Reply::json(status, &json!({ "message": message, "status": status.to_string() }))
        };
        let bearer = exchange.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
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
                    self.kill(credential);
                }
                Reply::json(202, &json!({}))
            }
            ("GET", "/user") if bearer.is_some_and(|token| self.is_alive(token)) => {
                Reply::json(200, &json!({ "login": "orders-bot", "id": 1 }))
            }
            ("GET", "/user") => refuse(401, "Bad credentials"),
            _ => refuse(404, "Not Found"),
        }
    }

    fn slack(&mut self, exchange: &Exchange) -> Reply {
        let token =
            exchange.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
        let error = |word: &str| Reply::json(200, &json!({ "ok": false, "error": word }));
        if token.is_empty() {
            return error("not_authed");
        }
        match self.alive.get(&digest(token)) {
            None => return error("invalid_auth"),
            Some(false) => return error("token_revoked"),
            Some(true) => {}
        }
        match exchange.path.as_str() {
            "/api/auth.test" => Reply::json(200, &json!({ "ok": true, "team": "orders", "user": "orders-bot" })),
            "/api/auth.revoke" => {
                let is_test = exchange.parameter("test").is_some_and(|test| test == "1" || test == "true");
                if !is_test {
                    self.kill(token);
                }
                Reply::json(200, &json!({ "ok": true, "revoked": !is_test }))
            }
            _ => error("unknown_method"),
        }
    }
}
