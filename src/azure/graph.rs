//! Microsoft Graph, as far as an application's passwords go, and the sign-in that tells whether one still works.

use super::access::Azure;
use super::carried::misshapen;
use super::management::{Management, Realm, parse};
use super::transport::Transport;
use crate::clock::Timestamp;
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use crate::told::told;
use crate::vault::VaultUrl;
use serde::Deserialize;
use serde_json::{Value, json};

/// The Graph of the cloud that a vault belongs to.
#[derive(Clone, Debug)]
pub struct Graph {
    management: Management,
    transport: Transport,
    realm: Realm,
}

/// An application's registration.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Object id.
    pub id: String,
    /// Client id.
    pub app_id: String,
    #[serde(default)]
    pub password_credentials: Vec<PasswordCredential>,
}

/// One of its passwords, without the text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordCredential {
    pub key_id: String,
    pub display_name: Option<String>,
    /// The first three characters of the text.
    pub hint: Option<String>,
    pub start_date_time: Option<Timestamp>,
    pub end_date_time: Option<Timestamp>,
}

/// A password that was added. Its text is told this once.
#[derive(Debug)]
pub struct AddedPassword {
    pub key_id: String,
    pub text: Secret,
}

/// What Entra says to a client that signs in with a password.
#[derive(Debug, PartialEq, Eq)]
pub enum SignIn {
    Accepted,
    /// With the error's code.
    Refused(String),
}

impl Graph {
    /// The one that serves the vault's cloud; nothing is sent yet.
    pub fn new(azure: &Azure, vault: &VaultUrl) -> Self {
        let realm = Realm::of(vault);
        let role = "the permission `Application.ReadWrite.OwnedBy`, and make it an owner of the application";
        Self { management: Management::new(azure, realm.graph, role), transport: azure.transport.clone(), realm }
    }

    /// The tenant that the identity belongs to.
    pub async fn tenant(&self) -> Result<String, Failure> {
        self.management.tenant().await
    }

    /// Reads a registration, by its object id.
    pub async fn application(&self, id: &str) -> Result<Application, Failure> {
        let path = format!("/v1.0/applications/{id}?$select=id,appId,passwordCredentials");
        let answer = self.management.read("GET", &path, None).await?;
        serde_json::from_value(answer).map_err(|error| {
            Failure::refused("the application's registration cannot be read").because(misshapen(&error))
        })
    }

    /// Adds a password. Sent once: each call adds another one.
    pub async fn add_password(&self, id: &str, display_name: &str, end: Timestamp) -> Result<AddedPassword, Failure> {
        let end = end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let body = json!({ "passwordCredential": { "displayName": display_name, "endDateTime": end } });
        let answer = self.management.write("POST", &format!("/v1.0/applications/{id}/addPassword"), &body).await?;
        let added = parse(self.realm.graph, &answer)?;
        let text = |name: &str| added.get(name).and_then(Value::as_str).map(str::to_owned);
        match (text("keyId"), text("secretText")) {
            (Some(key_id), Some(secret)) => Ok(AddedPassword { key_id, text: Secret::new(secret) }),
            _ => Err(Failure::unknown("the answer to `addPassword` holds no password")),
        }
    }

    /// Removes a password. Sent once.
    pub async fn remove_password(&self, id: &str, key_id: &str) -> Result<(), Failure> {
        let body = json!({ "keyId": key_id });
        self.management.write("POST", &format!("/v1.0/applications/{id}/removePassword"), &body).await.map(drop)
    }

    /// Signs in as the application. The token that a success brings is dropped.
    pub async fn sign_in(&self, tenant: &str, app_id: &str, password: &Secret) -> Result<SignIn, Failure> {
        let scope = format!("https://{}/.default", self.realm.graph);
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "client_credentials"),
                ("client_id", app_id),
                ("client_secret", password.expose()),
                ("scope", &scope),
            ])
            .finish();
        let url = format!("https://{}/{tenant}/oauth2/v2.0/token", self.realm.login);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.transport.send("POST", &url, &headers, form.into_bytes()).await?;
        if answer.status == 200 {
            return Ok(SignIn::Accepted);
        }
        let body: Value = answer.json().unwrap_or_default();
        let description = body.get("error_description").and_then(Value::as_str).unwrap_or_default();
        let code = told(&description.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
        // 7000215: not this application's; 7000222: its time is over.
        if answer.status == 401 && ["AADSTS7000215", "AADSTS7000222"].contains(&code.as_str()) {
            return Ok(SignIn::Refused(format!("401 {code}")));
        }
        Err(Failure::refused(format!("`{}` gives no answer that tells", self.realm.login))
            .because(format!("it answered {} {code}", answer.status))
            .retry(Retry::Later))
    }
}
