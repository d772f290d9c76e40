//! The address of a secret, as people paste it.

use super::version::Version;
use crate::failure::Failure;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use url::{Host, Url};

/// Where the vaults of each Azure cloud live.
pub const SUFFIXES: [&str; 3] = [".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net"];

/// A vault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VaultUrl {
    /// Its host, with the port where it is not 443, in lower case.
    pub host: String,
    /// Its short name: the first label of the host.
    pub name: String,
}

/// A secret in a vault, or one version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUrl {
    pub vault: VaultUrl,
    pub name: String,
    pub version: Option<String>,
}

/// What the URL of a secret looks like, as a regular expression.
pub const SECRET_URL_PATTERN: &str = "^https://([A-Za-z0-9-]{3,24}\\.(vault\\.azure\\.net|vault\\.azure\\.cn|vault\\.usgovcloudapi\\.net)(:443)?|(([A-Za-z0-9-]+\\.)?localhost|127(\\.[0-9]{1,3}){3})(:[0-9]{1,5})?)/secrets/[A-Za-z0-9-]{1,127}(/[0-9A-Fa-f]{32})?/?$";

/// What the URL of a vault looks like.
const VAULT_URL_PATTERN: &str = "^https://([A-Za-z0-9-]{3,24}\\.(vault\\.azure\\.net|vault\\.azure\\.cn|vault\\.usgovcloudapi\\.net)(:443)?|(([A-Za-z0-9-]+\\.)?localhost|127(\\.[0-9]{1,3}){3})(:[0-9]{1,5})?)/?$";

const SHAPE: &str = "write `https://VAULT.vault.azure.net/secrets/NAME`";

impl VaultUrl {
    /// Reads `https://VAULT.vault.azure.net`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (vault, path) = split(text)?;
        if path.iter().any(|part| !part.is_empty()) {
            let failure = Failure::refused(format!("`{text}` names more than a vault"));
            return Err(failure.help("write `https://VAULT.vault.azure.net`"));
        }
        Ok(vault)
    }

    /// The vault's address, without a path.
    pub fn url(&self) -> String {
        format!("https://{}", self.host)
    }
}

impl SecretUrl {
    /// Reads `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`, of any Azure cloud.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (vault, path) = split(text)?;
        let parts: Vec<&str> = path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let wrong = |why: &str| Failure::refused(format!("`{text}` is not the URL of a secret: {why}")).help(SHAPE);
        let (name, version) = match parts.as_slice() {
            ["secrets", name] => (*name, None),
            ["secrets", name, version] => (*name, Some(*version)),
            ["secrets"] | [] => return Err(wrong("it names no secret")),
            [kind @ ("keys" | "certificates"), ..] => {
                return Err(Failure::refused(format!("`{text}` is one of the vault's {kind}, not a secret"))
                    .help("a key or certificate is rotated by the vault itself; this response is for secrets"));
            }
            _ => return Err(wrong("its path is not `/secrets/NAME`")),
        };
        let valid = |character: char| character.is_ascii_alphanumeric() || character == '-';
        if name.len() > 127 || !name.chars().all(valid) {
            return Err(wrong("a name holds letters, digits and `-`, at most 127"));
        }
        if let Some(version) = version
            && !(version.len() == 32 && version.chars().all(|character| character.is_ascii_hexdigit()))
        {
            return Err(wrong("a version is 32 hexadecimal digits"));
        }
        Ok(Self { vault, name: name.to_owned(), version: version.map(str::to_lowercase) })
    }
}

impl SecretUrl {
    /// Refuses a URL that names a version which is none of these.
    pub fn is_among(&self, versions: &[Version]) -> Result<(), Failure> {
        match &self.version {
            Some(named) if versions.iter().all(|version| version.id != *named) => Err(Failure::refused(format!(
                "no such version: `{}` in `{}` has no version {named}",
                self.name, self.vault.name
            ))
            .help(
                "check the URL: is this the secret that leaked? all its versions are replaced, whichever the URL names",
            )),
            _ => Ok(()),
        }
    }
}

/// What a run keeps from others, the same for every spelling: a secret, whichever of its versions is named, a vault, or
/// any other text as it is.
pub fn target(text: &str) -> String {
    let secret = SecretUrl::parse(text).map(|url| SecretUrl { version: None, ..url }.to_string());
    secret.or_else(|_| VaultUrl::parse(text).map(|vault| vault.url())).unwrap_or_else(|_| text.to_owned())
}

/// The vault, and the parts of the path.
fn split(text: &str) -> Result<(VaultUrl, Vec<String>), Failure> {
    let wrong = |why: &str| Failure::refused(format!("`{text}` is not an address in a vault: {why}")).help(SHAPE);
    if !text.trim_start().get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        return Err(wrong("it must begin with `https://`"));
    }
    let url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it holds more than a host and a path"));
    }
    let path = url.path_segments().map(|parts| parts.map(str::to_owned).collect()).unwrap_or_default();
    // No vault of Azure is reached through another port: what names one means something else.
    let is_azure = url.host_str().is_some_and(|host| SUFFIXES.iter().any(|suffix| host.ends_with(suffix)));
    if let Some(port) = url.port().filter(|_| is_azure) {
        return Err(wrong(&format!("a vault of Azure has no port {port}; leave it out")));
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (host, name) = match url.host() {
        Some(Host::Domain(host)) => {
            (host.to_owned(), vault_name(host).ok_or_else(|| wrong("the host is not that of a vault"))?)
        }
        // Another server that speaks Key Vault, on this machine; it is reached only through a cloud file.
        Some(Host::Ipv4(address)) if address.is_loopback() => (address.to_string(), address.to_string()),
        _ => return Err(wrong("the host is not that of a vault")),
    };
    Ok((VaultUrl { host: format!("{host}{port}"), name }, path))
}

fn vault_name(host: &str) -> Option<String> {
    if host == "localhost" || host.ends_with(".localhost") {
        return host.split('.').next().map(str::to_owned);
    }
    let name = SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix))?;
    let valid = |character: char| character.is_ascii_alphanumeric() || character == '-';
    ((3..=24).contains(&name.len()) && name.chars().all(valid)).then(|| name.to_owned())
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "https://{}/secrets/{}", self.vault.host, self.name)?;
        match &self.version {
            Some(version) => write!(formatter, "/{version}"),
            None => Ok(()),
        }
    }
}

impl Serialize for VaultUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.url())
    }
}

impl<'de> Deserialize<'de> for VaultUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|failure| de::Error::custom(failure.summary))
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|failure| de::Error::custom(failure.summary))
    }
}

impl JsonSchema for VaultUrl {
    fn schema_name() -> Cow<'static, str> {
        "VaultUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": VAULT_URL_PATTERN })
    }
}

impl JsonSchema for SecretUrl {
    fn schema_name() -> Cow<'static, str> {
        "SecretUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": SECRET_URL_PATTERN, "x-stanch-type": "keyvault_secret" })
    }
}
