//! A pointer to a secret: the only form in which one may stand in a file.

#![expect(clippy::disallowed_methods, reason = "a reference points into the environment or to a file")]

use crate::azure::{Azure, CloudFile, Vault};
use crate::failure::Failure;
use crate::files::{self, LARGEST_CREDENTIAL};
use crate::secret::Secret;
use crate::vault::SecretUrl;
use std::path::{Path, PathBuf};

/// Where a secret is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// `@Microsoft.KeyVault(SecretUri=…)`.
    KeyVault(SecretUrl),
    /// `env:NAME`.
    Environment(String),
    /// `file:PATH`.
    File(PathBuf),
}

impl SecretReference {
    /// Reads a reference. What is no reference may be the secret itself, so the error never repeats it.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("env:") {
            let valid = |character: char| character.is_ascii_alphanumeric() || character == '_';
            return match !name.is_empty() && name.chars().all(valid) {
                true => Ok(Self::Environment(name.to_owned())),
                false => Err("`env:` is followed by the name of a variable".to_owned()),
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            return match path.is_empty() {
                true => Err("`file:` is followed by a path".to_owned()),
                false => Ok(Self::File(folder.join(path))),
            };
        }
        if let Some(inside) = text.strip_prefix("@Microsoft.KeyVault(").and_then(|rest| rest.strip_suffix(')')) {
            return key_vault(inside).map(Self::KeyVault);
        }
        Err("a secret stands in the configuration itself".to_owned())
    }

    /// Where it points to, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::KeyVault(url) => format!("`{url}`"),
            Self::Environment(name) => format!("the environment variable `{name}`"),
            Self::File(path) => format!("`{}`", path.display()),
        }
    }

    /// In a drill, what lies outside of its folder may be real: it is not read.
    fn in_drill(&self, cloud: &CloudFile) -> Result<(), Failure> {
        let is_drills = match self {
            Self::KeyVault(_) => true,
            Self::Environment(_) => false,
            Self::File(path) => cloud.keeps(path),
        };
        if is_drills {
            return Ok(());
        }
        Err(Failure::refused(format!("{} is not read in a drill", self.describe()))
            .because("it may be a real credential, and a drill reads none: only files in its own folder")
            .help(format!(
                "put a made-up one into `{}` and write `file:` with its path, or leave `--config` out: the drill has a configuration of its own",
                cloud.folder.display()
            )))
    }

    /// Fetches the secret.
    pub async fn resolve(&self, azure: &Azure) -> Result<Secret, Failure> {
        azure.transport.cloud().map_or(Ok(()), |cloud| self.in_drill(cloud))?;
        let missing = |why: String| {
            let remedy = match self {
                Self::Environment(_) => "set it where stanch is started, or change the reference in stanch.yaml",
                Self::File(_) | Self::KeyVault(_) => "put the secret there, or change the reference in stanch.yaml",
            };
            Failure::refused(format!("{} cannot be read", self.describe())).because(why).help(remedy)
        };
        match self {
            Self::KeyVault(url) => Vault::open(&url.vault, azure)?.value(&url.name, url.version.as_deref()).await,
            Self::Environment(name) => {
                let value = std::env::var(name).map_err(|_| missing("it is not set".to_owned()))?;
                if value.is_empty() { Err(missing("it is empty".to_owned())) } else { Ok(Secret::new(value)) }
            }
            Self::File(path) => {
                let mut text =
                    files::text_pointed(path, LARGEST_CREDENTIAL).map_err(|error| missing(error.to_string()))?;
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
                if text.is_empty() { Err(missing("it is empty".to_owned())) } else { Ok(Secret::new(text)) }
            }
        }
    }
}

/// The inside of App Service's own syntax: `SecretUri=…`, or `VaultName=…;SecretName=…[;SecretVersion=…]`.
fn key_vault(inside: &str) -> Result<SecretUrl, String> {
    let parts: Vec<(&str, &str)> = inside.split(';').filter_map(|part| part.split_once('=')).collect();
    let part = |name: &str| parts.iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
    let url = match (part("SecretUri"), part("VaultName"), part("SecretName")) {
        (Some(uri), None, None) => uri.to_owned(),
        (None, Some(vault), Some(name)) => {
            let version = part("SecretVersion").map(|version| format!("/{version}")).unwrap_or_default();
            format!("https://{vault}.vault.azure.net/secrets/{name}{version}")
        }
        _ => return Err("write `@Microsoft.KeyVault(SecretUri=https://VAULT.vault.azure.net/secrets/NAME)`".to_owned()),
    };
    SecretUrl::parse(&url).map_err(|failure| failure.summary)
}
