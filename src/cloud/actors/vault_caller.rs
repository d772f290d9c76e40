//! One simulated caller's line to the vault: real HTTP requests → what came back.
//!
//! Main type: [`VaultCaller`]. Its requests look like those of a service elsewhere: the vault's host, a token of the
//! caller's own, its user agent, and an address that the embedded cloud writes into the audit trail.
#![expect(clippy::disallowed_methods, reason = "reads the certificate of the authority it is to trust")]

use crate::cloud::scenario::Caller;
use crate::secret::Secret;
use reqwest::header::{HOST, USER_AGENT};
use reqwest::{Certificate, Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const API_VERSION: &str = "2025-07-01";
/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the cloud is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Without a slash at its end: `http://127.0.0.1:PORT`.
    pub(crate) base_url: String,
    /// Where its control is.
    pub(crate) control: String,
    /// The certificate of the authority that signs for it, where it is an https address.
    pub(crate) ca_pem: Option<PathBuf>,
}

impl Endpoint {
    /// A client that trusts the endpoint's authority only, and asks nobody on the way.
    pub(crate) fn client(&self) -> Result<Client, String> {
        let mut builder = Client::builder().no_proxy().timeout(PATIENCE);
        if let Some(path) = &self.ca_pem {
            let pem = std::fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .map_err(|error| format!("`{}` holds no certificate: {}", path.display(), chain(&error)))?;
            builder = builder.tls_certs_only(certificates);
        }
        builder.build().map_err(|error| format!("no client for `{}`: {}", self.base_url, chain(&error)))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url.trim_end_matches('/'))
    }

    fn control(&self, path: &str) -> String {
        format!("{}/{path}", self.control)
    }

    /// The number of the version of `secret` that is current, from the cloud's control: asking the vault itself would
    /// leave a trace in the audit trail.
    pub(crate) async fn current_version(&self, client: &Client, vault: &str, secret: &str) -> Result<String, String> {
        let state: Value = answer(client.get(self.control("state")).send().await).await?;
        let versions = state
            .get("vaults")
            .and_then(|vaults| vaults.get(vault))
            .and_then(|vault| vault.get("secrets"))
            .and_then(|secrets| secrets.get(secret))
            .and_then(Value::as_array)
            .ok_or_else(|| format!("the cloud has no secret `{secret}` in its vault `{vault}`"))?;
        let enabled = versions.iter().filter(|version| version.get("enabled") != Some(&Value::Bool(false)));
        // Timestamps of one form sort as texts; of those within one second the last listed is the newest.
        let newest = enabled.max_by_key(|version| version.get("created").and_then(Value::as_str).unwrap_or_default());
        let number = newest.and_then(|version| version.get("version")).and_then(Value::as_str);
        number.map(str::to_owned).ok_or_else(|| format!("`{secret}` has no enabled version"))
    }
}

async fn answer<T: serde::de::DeserializeOwned>(response: reqwest::Result<Response>) -> Result<T, String> {
    let response = response.and_then(Response::error_for_status);
    match response {
        Ok(response) => response.json().await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    }
}

/// An error with its causes, which alone say what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

/// What came of one read.
#[derive(Debug)]
pub(crate) enum ReadResult {
    Value {
        version: String,
        value: Secret,
    },
    /// The vault answered with another status than 200.
    Refused(u16),
    /// There was no answer, or none that makes sense.
    Lost,
}

/// A caller with a token.
#[derive(Debug)]
pub(crate) struct VaultCaller {
    client: Client,
    endpoint: Endpoint,
    host: String,
    caller: Caller,
    token: Secret,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
struct Trial {
    accepted: Option<bool>,
}

#[derive(Deserialize)]
struct SecretBundle {
    id: String,
    value: String,
}

impl VaultCaller {
    /// Gets the caller its token.
    pub(crate) async fn admit(
        client: &Client,
        endpoint: &Endpoint,
        host: String,
        caller: Caller,
    ) -> Result<Self, String> {
        let mut body = json!({ "oid": caller.oid, "appid": caller.appid, "name": caller.name });
        if let (Some(upn), Some(fields)) = (&caller.upn, body.as_object_mut()) {
            fields.insert("upn".to_owned(), upn.clone().into());
        }
        let response = client.post(endpoint.control("tokens")).json(&body).send().await;
        let Token { access_token } =
            answer(response).await.map_err(|error| format!("the cloud gave no token to `{}`: {error}", caller.name))?;
        Ok(Self { client: client.clone(), endpoint: endpoint.clone(), host, caller, token: Secret::new(access_token) })
    }

    /// Reads a secret: the version, or whatever is current.
    pub(crate) async fn read(&self, secret: &str, version: Option<&str>) -> ReadResult {
        let version = version.unwrap_or_default();
        let path = format!("secrets/{secret}/{version}?api-version={API_VERSION}");
        let request = self
            .client
            .get(self.endpoint.address(&path))
            .header(HOST, &self.host)
            .header(USER_AGENT, &self.caller.user_agent)
            .header("x-drill-client-ip", self.caller.ip.to_string())
            .bearer_auth(self.token.expose());
        match request.send().await {
            Ok(response) if response.status() == StatusCode::OK => match response.json::<SecretBundle>().await {
                Ok(bundle) => ReadResult::Value {
                    version: bundle.id.rsplit('/').next().unwrap_or_default().to_owned(),
                    value: Secret::new(bundle.value),
                },
                Err(_) => ReadResult::Lost,
            },
            Ok(response) => ReadResult::Refused(response.status().as_u16()),
            Err(_) => ReadResult::Lost,
        }
    }

    /// Uses a value of a secret where it is good for something; says whether it was taken, if an answer came.
    pub(crate) async fn use_value(&self, secret: &str, value: &Secret) -> Option<bool> {
        let vault = self.host.split('.').next().unwrap_or_default();
        let body = json!({ "vault": vault, "secret": secret, "value": value.expose() });
        let address = self.endpoint.control("try");
        answer::<Trial>(self.client.post(address).json(&body).send().await).await.ok()?.accepted
    }
}
