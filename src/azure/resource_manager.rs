//! Azure Resource Manager: keys of accounts, and the sites whose configuration refers to a vault.

use super::access::Azure;
use super::carried::misshapen;
use super::management::{Management, Realm};
use super::transport::HttpAnswer;
use crate::failure::Failure;
use crate::told::told;
use crate::vault::VaultUrl;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SITES_VERSION: &str = "2024-04-01";
/// Lists of more pages than this are not followed: somebody answers in circles.
const MOST_PAGES: usize = 1_000;

/// The resource manager of the cloud that a vault belongs to.
#[derive(Clone, Debug)]
pub struct ResourceManager {
    management: Management,
}

/// A site of App Service or Functions whose configuration refers to a vault.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Site {
    /// Its address in the resource manager.
    pub id: String,
    pub name: String,
}

/// One setting that is a Key Vault reference.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ConfigReference {
    /// The app setting's name.
    pub setting: String,
    /// `Resolved`, or why not.
    pub status: String,
    /// Whose secret it is; none where neither the service nor the reference says so.
    pub vault: Option<String>,
    pub secret: Option<String>,
    /// The version it is pinned to; none where it follows the newest.
    pub pinned: Option<String>,
    /// The version that the site holds.
    pub active: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "nextLink")]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct ReferenceItem {
    #[serde(default)]
    name: String,
    properties: ReferenceProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceProperties {
    #[serde(default)]
    reference: String,
    #[serde(default)]
    status: String,
    vault_name: Option<String>,
    secret_name: Option<String>,
    secret_version: Option<String>,
    active_version: Option<String>,
}

impl ResourceManager {
    /// The one that serves the vault's cloud; nothing is sent yet.
    pub fn new(azure: &Azure, vault: &VaultUrl) -> Self {
        let role = "a role with `listKeys` and `regenerateKey` on the resource";
        Self { management: Management::new(azure, Realm::of(vault).resource_manager, role) }
    }

    /// Calls an action that only reads, such as `listKeys`.
    pub async fn ask(&self, id: &str, action: &str, api_version: &str) -> Result<Value, Failure> {
        self.management.read("POST", &format!("{id}/{action}?api-version={api_version}"), Some(&json!({}))).await
    }

    /// Calls an action that changes something. Sent once; it may answer before it is done (202).
    pub async fn act(&self, id: &str, action: &str, api_version: &str, body: &Value) -> Result<HttpAnswer, Failure> {
        self.management.write("POST", &format!("{id}/{action}?api-version={api_version}"), body).await
    }

    async fn all<T: for<'de> Deserialize<'de>>(&self, first: String) -> Result<Vec<T>, Failure> {
        let (mut items, mut next) = (Vec::new(), Some(first));
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { return Ok(items) };
            let page = self.management.read("GET", &path, None).await?;
            let page: Page<T> = serde_json::from_value(page).map_err(|error| {
                Failure::refused("a list of the resource manager cannot be read").because(misshapen(&error))
            })?;
            items.extend(page.value);
            // Only the path is followed: the token goes to no other host than the first page's.
            next = page.next_link.and_then(|link| url::Url::parse(&link).ok()).map(|link| {
                let query = link.query().map(|query| format!("?{query}")).unwrap_or_default();
                format!("{}{query}", link.path())
            });
        }
        Err(Failure::refused("a list of the resource manager has no end"))
    }

    /// All sites of a subscription, Functions included.
    pub async fn sites(&self, subscription: &str) -> Result<Vec<Site>, Failure> {
        self.all(format!("/subscriptions/{subscription}/providers/Microsoft.Web/sites?api-version={SITES_VERSION}"))
            .await
    }

    /// The app settings of a site that are Key Vault references.
    pub async fn references(&self, site: &Site) -> Result<Vec<ConfigReference>, Failure> {
        let path = format!("{}/config/configreferences/appsettings?api-version={SITES_VERSION}", site.id);
        let items: Vec<ReferenceItem> = self.all(path).await?;
        Ok(items.into_iter().map(|item| reference(&item)).collect())
    }

    /// Makes a site fetch all its references anew. Repeating it harms nothing.
    pub async fn refresh_references(&self, site: &Site) -> Result<(), Failure> {
        let path = format!("{}/config/configreferences/appsettings/refresh?api-version={SITES_VERSION}", site.id);
        self.management.write("POST", &path, &json!({})).await.map(drop)
    }
}

fn reference(item: &ReferenceItem) -> ConfigReference {
    let given = &item.properties;
    let inside = given.reference.trim().strip_prefix("@Microsoft.KeyVault(").and_then(|rest| rest.strip_suffix(')'));
    let parts: BTreeMap<&str, &str> =
        inside.unwrap_or_default().split(';').filter_map(|part| part.split_once('=')).collect();
    let uri = parts.get("SecretUri").and_then(|uri| url::Url::parse(uri).ok());
    let path: Vec<String> = uri.iter().flat_map(url::Url::path_segments).flatten().map(str::to_owned).collect();
    let non_empty = |text: Option<&String>| text.filter(|text| !text.is_empty()).map(|text| told(text));
    let part = |name: &str| parts.get(name).filter(|text| !text.is_empty()).map(|text| told(text));
    // What the service says of the version is the version it holds; only the reference itself tells whether it is pinned.
    let pinned = match (inside, uri.is_some()) {
        (Some(_), true) => non_empty(path.get(2)),
        (Some(_), false) => part("SecretVersion"),
        (None, _) => non_empty(given.secret_version.as_ref()),
    };
    let host = uri.as_ref().and_then(url::Url::host_str).and_then(|host| host.split('.').next()).map(str::to_owned);
    ConfigReference {
        setting: told(item.name.rsplit('/').next().unwrap_or_default()),
        status: told(&given.status),
        vault: non_empty(given.vault_name.as_ref()).or(host).or_else(|| part("VaultName")),
        secret: non_empty(given.secret_name.as_ref()).or_else(|| non_empty(path.get(1))).or_else(|| part("SecretName")),
        pinned,
        active: non_empty(given.active_version.as_ref()).or_else(|| non_empty(given.secret_version.as_ref())),
    }
}
