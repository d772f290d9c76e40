//! Whoever sits here, not the machine: their own sign-in, by the Azure CLI or the Azure Developer CLI; in a drill as one of
//! the people of the drill's cloud, with the password that lies in its folder.

use super::environment::Environment;
use super::identity::{Identity, IdentityChoice};
use super::route::CloudFile;
use super::transport::Transport;
use crate::failure::Failure;
use crate::files::{self, LARGEST_CREDENTIAL};
use crate::secret::Secret;
use serde_json::Value;
use zeroize::Zeroizing;

/// The Azure CLI's id, under which its users sign in.
const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// A token of somebody's own sign-in at a tenant. `who` says whom a drill's player plays.
pub async fn token_of_person(
    transport: &Transport,
    login: &str,
    tenant: &str,
    scope: &str,
    who: Option<&str>,
) -> Result<Secret, Failure> {
    if let Some(cloud) = transport.cloud() {
        return drill_person(transport, cloud, login, tenant, scope, who).await;
    }
    let choice = IdentityChoice::Person { tenant: tenant.to_owned() };
    Identity::new(choice, transport.clone(), Environment::of_process(None)).shown(scope).await
}

async fn drill_person(
    transport: &Transport,
    cloud: &CloudFile,
    login: &str,
    tenant: &str,
    scope: &str,
    who: Option<&str>,
) -> Result<Secret, Failure> {
    let help =
        "say whom you play: `--signed-in --by NAME`, with one of the people of the drill's cloud (alice, bob, carol)";
    let who = who.ok_or_else(|| Failure::refused("nobody says who signs in to the drill's cloud").help(help))?;
    let name = who.split('@').next().unwrap_or_default();
    let unknown =
        |why: String| Failure::refused(format!("`{who}` cannot sign in to the drill's cloud")).because(why).help(help);
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()) {
        return Err(unknown("it knows nobody of that name".to_owned()));
    }
    let password =
        files::text_named(&cloud.folder.join("credentials").join(format!("person-{name}")), LARGEST_CREDENTIAL)
            .map(|text| Secret::from(Zeroizing::new(text.trim().to_owned())))
            .map_err(|error| unknown(format!("their password cannot be read: {error}")))?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "password"),
            ("client_id", CLIENT),
            ("username", who),
            ("password", password.expose()),
            ("scope", scope),
        ])
        .finish();
    let url = format!("https://{login}/{tenant}/oauth2/v2.0/token");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = transport.send("POST", &url, &headers, form.into_bytes()).await?;
    let body = answer.json().unwrap_or_default();
    match body.get("access_token").and_then(Value::as_str).filter(|_| answer.status == 200) {
        Some(token) => Ok(Secret::new(token.to_owned())),
        None => Err(unknown(format!("it answered {}: {}", answer.status, answer.said()))),
    }
}
