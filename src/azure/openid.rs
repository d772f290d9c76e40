//! Entra's published keys: what its tokens are signed with, by OpenID discovery. The hosts are those of Azure's clouds,
//! whatever a token or a discovery document says.

use super::answer::Bounds;
use super::transport::Transport;
use crate::failure::{FailedOutcome, Failure, Retry};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// How long Entra may take for each of its two documents.
const PATIENCE: Duration = Duration::from_secs(15);
/// A tenant has a handful of keys at a time.
const MOST_KEYS: usize = 100;

/// Where the people of one of Azure's clouds sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its host.
    pub login: &'static str,
    /// Who signs tokens of the first version, with the tenant behind it.
    first_issuer: &'static str,
    /// The cloud's vaults, as tokens of the first version name their audience.
    pub vault: &'static str,
}

const AUTHORITIES: [Authority; 3] = [
    Authority {
        login: "login.microsoftonline.com",
        first_issuer: "https://sts.windows.net",
        vault: "https://vault.azure.net",
    },
    Authority {
        login: "login.partner.microsoftonline.cn",
        first_issuer: "https://sts.chinacloudapi.cn",
        vault: "https://vault.azure.cn",
    },
    Authority {
        login: "login.microsoftonline.us",
        first_issuer: "https://sts.windows.net",
        vault: "https://vault.usgovcloudapi.net",
    },
];

/// What other audiences are called than the vaults by their address: Azure's storage, and both as applications.
const OTHER_AUDIENCES: [&str; 3] =
    ["https://storage.azure.com", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "e406a681-f3d4-42a8-90b6-c2b029497af1"];

/// A public key with which tokens are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    pub kid: String,
    /// Big-endian.
    pub modulus: Vec<u8>,
    /// Big-endian.
    pub exponent: Vec<u8>,
}

impl Authority {
    /// The one at a host; nothing where no cloud of Azure's has it.
    pub fn at(login: &str) -> Option<Self> {
        AUTHORITIES.into_iter().find(|authority| authority.login == login)
    }

    /// That of the cloud to which a vault belongs, by the vault's host.
    pub fn of_vault(host: &str) -> Self {
        let suffix = |authority: &Self| authority.vault.trim_start_matches("https:/").replacen('/', ".", 1);
        let [public, ..] = AUTHORITIES;
        AUTHORITIES.into_iter().find(|authority| host.ends_with(&suffix(authority))).unwrap_or(public)
    }

    /// Who signs the tokens of a tenant, in both versions.
    pub fn issuers(&self, tenant: &str) -> [String; 2] {
        [format!("{}/{tenant}/", self.first_issuer), self.second_issuer(tenant)]
    }

    fn second_issuer(&self, tenant: &str) -> String {
        format!("https://{}/{tenant}/v2.0", self.login)
    }

    /// Whether a token for this audience may speak of a person here: it is one for vaults or for storage.
    pub fn is_audience(&self, audience: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        audience == self.vault || OTHER_AUDIENCES.contains(&audience)
    }

    /// The keys with which a tenant's tokens are signed now.
    pub async fn token_keys(&self, transport: &Transport, tenant: &str) -> Result<Vec<TokenKey>, Failure> {
        let discovery = format!("https://{}/{tenant}/v2.0/.well-known/openid-configuration", self.login);
        let document = self.read(transport, &discovery).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(self.second_issuer(tenant).as_str()) {
            return Err(self.not_known("its discovery document is another tenant's"));
        }
        // Whatever the document says, no other host's keys are taken.
        let place = text("jwks_uri").and_then(|place| Url::parse(place).ok());
        let place = place.filter(|place| place.scheme() == "https" && place.host_str() == Some(self.login));
        let place = place.filter(|place| place.port().is_none() && place.username().is_empty());
        let place = place.ok_or_else(|| self.not_known("its discovery document leads to keys elsewhere"))?;
        let keys = self.read(transport, place.as_str()).await?;
        let keys = keys.get("keys").and_then(Value::as_array).filter(|keys| keys.len() <= MOST_KEYS);
        let keys = keys.ok_or_else(|| self.not_known("its list of keys cannot be read"))?;
        // The tenants of a cloud share keys, and an entry says whose tokens one may sign: one of them, or all.
        let issuers = [self.second_issuer(tenant), self.second_issuer("{tenantid}")];
        let is_own = |key: &&Value| match key.get("issuer") {
            None => true,
            Some(issuer) => issuer.as_str().is_some_and(|issuer| issuers.iter().any(|known| known == issuer)),
        };
        Ok(keys.iter().filter(is_own).filter_map(token_key).collect())
    }

    async fn read(&self, transport: &Transport, url: &str) -> Result<Value, Failure> {
        let bounds = Bounds { longest: PATIENCE, ..Bounds::ENTRY };
        let answer = transport.send_patiently(bounds, "GET", url, &[], Vec::new()).await;
        // What is only read has changed nothing.
        let answer = answer.map_err(|failure| Failure { outcome: FailedOutcome::Refused, ..failure })?;
        let answer = answer.ok_or_else(|| self.not_known("its answer is too large"))?;
        match answer.status {
            200 => answer.json().ok_or_else(|| self.not_known("its answer cannot be read")),
            status => Err(self.not_known(&format!("it answered {status}"))),
        }
    }

    fn not_known(&self, why: &str) -> Failure {
        Failure::refused(format!("the keys that `{}` signs with are not known", self.login))
            .because(why)
            .retry(Retry::Later)
    }
}

/// A key for signatures by RSA; nothing for one of another kind.
fn token_key(key: &Value) -> Option<TokenKey> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
    let signs = text("kty") == Some("RSA") && text("use") == Some("sig");
    let signs = signs && text("alg").is_none_or(|algorithm| algorithm == "RS256");
    let key = TokenKey { kid: text("kid")?.to_owned(), modulus: bytes("n")?, exponent: bytes("e")? };
    signs.then_some(key)
}
