//! Who may come in: no page of the web that a browser on this machine has open, and to the control only whoever holds
//! the key in the ready file, which nobody but its owner can read.
//!
//! A browser says of every request that a page makes where the page is from (`Origin`, `Sec-Fetch-Site`); no caller of
//! Azure does. The key is the first segment of the control's address, so that all that a script needs is that address.
//! The rest of the cloud asks for what the real services ask for: whoever can reach the port can get a token of it as
//! Azure's own callers do, and read what the drill made up.

use crate::cloud::wire::exchange::{Exchange, Reply};
use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// What a request that changes something may carry: JSON, or what `curl -d` says unless told otherwise. Pages could send
/// the latter, but not without saying where they are from.
const TAKEN: [&str; 2] = ["application/json", "application/x-www-form-urlencoded"];

/// The key to the control.
#[derive(Debug)]
pub(crate) struct Door {
    key: String,
}

impl Door {
    /// With a new key.
    pub(crate) fn new() -> Self {
        Self { key: Uuid::new_v4().simple().to_string() }
    }

    /// Where the control is, below the cloud's address.
    pub(crate) fn control(&self, base_url: &str) -> String {
        format!("{base_url}/{}/_control", self.key)
    }

    /// Lets a request in, or says why not. What is below the key is at the same place as without it.
    pub(crate) fn admit(&self, exchange: &mut Exchange) -> Result<(), Reply> {
        let has_key = self.take_key(exchange);
        if let Some(origin) = exchange.header("origin") {
            return Err(refuse(403, &format!("pages of the web are not answered, not those of `{origin}` either")));
        }
        if exchange.header("sec-fetch-site").is_some_and(|site| site != "none") {
            return Err(refuse(403, "pages of the web are not answered"));
        }
        if !exchange.is_for_control() {
            return Ok(());
        }
        if !has_key {
            let why = "the control answers to those who hold its key: its whole address is `control` in the ready file";
            return Err(refuse(403, why));
        }
        let content_type = exchange.header("content-type").unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let reads = exchange.method == "GET" || exchange.method == "HEAD";
        if reads || content_type.is_empty() || TAKEN.contains(&content_type.as_str()) {
            return Ok(());
        }
        Err(refuse(415, &format!("the control takes JSON, not `{content_type}`")))
    }

    /// Takes the key off a request's path. Says whether it was there.
    fn take_key(&self, exchange: &mut Exchange) -> bool {
        let Some(path) = exchange.path.strip_prefix('/') else { return false };
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let has_key: bool = first.as_bytes().ct_eq(self.key.as_bytes()).into();
        if has_key {
            exchange.path = format!("/{rest}");
        }
        has_key
    }
}

fn refuse(status: u16, reason: &str) -> Reply {
    Reply::json(status, &json!({ "error": reason }))
}
