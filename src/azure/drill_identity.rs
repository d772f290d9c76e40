//! Who a drill is: the embedded cloud's own identity, asked for where a machine of Azure's asks for its own.
//!
//! The official client takes its way from the environment of the process. On a machine that has a real identity there
//! the embedded cloud is asked from here instead, and nothing of the environment is read.

use super::carried::carry;
use super::transport::Transport;
use crate::clock;
use crate::failure::Failure;
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::OffsetDateTime;
use serde_json::Value;

const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const API_VERSION: &str = "2018-02-01";
/// How long a token is taken to last where the answer does not tell.
const SHORTEST_LIFE_SECONDS: i64 = 3_600;

/// Asks the instance metadata service that a drill's cloud stands for.
#[derive(Debug)]
pub(super) struct DrillIdentity {
    transport: Transport,
}

impl DrillIdentity {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport }
    }

    async fn ask(&self, scope: &str) -> Result<AccessToken, Failure> {
        let resource = scope.trim_end_matches("/.default");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("api-version", API_VERSION), ("resource", resource)])
            .finish();
        let url = format!("{ENDPOINT}?{query}");
        let answer = self.transport.send("GET", &url, &[("metadata", "true")], Vec::new()).await?;
        let refused =
            || Failure::refused("the drill's cloud gives no token").because(format!("it answered {}", answer.status));
        let given = answer.json().filter(|_| answer.status == 200).ok_or_else(refused)?;
        let token = given.get("access_token").and_then(Value::as_str).ok_or_else(refused)?;
        let until = given.get("expires_on").and_then(|until| until.as_i64().or_else(|| until.as_str()?.parse().ok()));
        let until = until.unwrap_or_else(|| clock::now().timestamp() + SHORTEST_LIFE_SECONDS);
        let until = OffsetDateTime::from_unix_timestamp(until).unwrap_or_else(|_| OffsetDateTime::now_utc());
        Ok(AccessToken::new(token.to_owned(), until))
    }
}

#[async_trait]
impl TokenCredential for DrillIdentity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let scope = scopes.first().copied().unwrap_or_default();
        self.ask(scope).await.map_err(|failure| carry(ErrorKind::Credential, failure))
    }
}
