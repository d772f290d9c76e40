//! A Key Vault, through the official client.
//!
//! Reads are asked again for a while; writes are sent once, and what a lost answer means is the caller's to find
//! out. The version is mandatory wherever leaving it out would mean "the current one". Values are held no longer than
//! the request needs them.

use super::access::Azure;
use super::answer::Bounds;
use super::carried::{carry, root_cause};
use super::failed::{ServiceRefusal, VaultRequest, failed};
use super::identity::Identity;
use super::listing::{self, Misshapen};
use super::retry;
use super::transport::{Transport, client_options};
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::told::{named, told, unless_repeated};
use crate::vault::{Current, LARGEST_VALUE, SUFFIXES, VaultUrl, Version};
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::pager::{PagerContinuation, PagerOptions};
use azure_core::http::{AsyncRawResponse, HttpClient, Request, RequestContent};
use azure_core::json::to_json;
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::{
    ListSecretPropertiesResult, Secret as KeyVaultSecret, SecretAttributes, SecretClientGetSecretOptions,
    SecretClientListSecretPropertiesVersionsOptions, SecretClientUpdateSecretPropertiesOptions, SecretProperties,
    SetSecretParameters, UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use chrono::DateTime;
use futures::TryStreamExt;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Whether a version can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    Yes,
    Disabled { request_id: String, at: Timestamp },
}

/// What everyone gets who asks for a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub current: Current,
    /// Whether it belongs to a certificate of the vault.
    pub managed: bool,
}

/// Whether a secret is soft-deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    No,
    Yes {
        /// When it is purged by itself, where the vault says so.
        purged: Option<Timestamp>,
        /// Whether somebody may purge it before; not with purge protection.
        purgeable: Option<bool>,
    },
}

/// What a new version carries beside its value. It inherits nothing.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    pub content_type: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub expires: Option<Timestamp>,
}

/// A vault that requests can be sent to.
pub struct Vault {
    pub(super) client: Arc<SecretClient>,
    identity: Identity,
    pub(super) name: String,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens a vault; nothing is sent yet.
    pub fn open(url: &VaultUrl, azure: &Azure) -> Result<Self, Failure> {
        // A server on this machine that is no vault could ask for a token of any kind, and would get it.
        let is_azure = SUFFIXES.iter().any(|suffix| url.host.ends_with(suffix));
        if !is_azure && azure.transport.cloud().is_none() {
            return Err(Failure::refused(format!("`{}` is not a vault of Azure", url.host))
                .help("describe the server in a cloud file, with `base_url`, `ca_pem` and `hosts`, and name it with `--cloud`"));
        }
        let client = azure.identity.vault(&url.host, || client(url, azure, is_azure))?;
        Ok(Self { client, identity: azure.identity.clone(), name: url.name.clone() })
    }

    pub(super) fn asked<'a>(&'a self, secret: &'a str, doing: &'a str, operation: &'a str) -> VaultRequest<'a> {
        VaultRequest { doing, operation, vault: &self.name, secret, identity: &self.identity, writes: false }
    }

    /// All versions, in no order. A page may be empty and still not be the last. A list of thousands takes minutes;
    /// a page that fails for a moment is asked for again, not the whole list.
    pub async fn versions(&self, name: &str) -> Result<Vec<Version>, Failure> {
        let asked = self.asked(name, "list the versions of secrets", "Get Secret Versions");
        listing::all_pages(&self.name, async |from| {
            let (page, next) = self.page(asked, from).await?;
            // A version that is passed over would never be revoked.
            Ok((listing::whole(&self.name, page.value.iter().map(listed))?, next))
        })
        .await
    }

    /// One page of a list, and where the next one is.
    async fn page(
        &self,
        asked: VaultRequest<'_>,
        from: Option<PagerContinuation>,
    ) -> Result<(ListSecretPropertiesResult, Option<PagerContinuation>), Failure> {
        let options = SecretClientListSecretPropertiesVersionsOptions {
            method_options: PagerOptions { continuation: from, ..Default::default() },
            ..Default::default()
        };
        let pager = self.client.list_secret_properties_versions(asked.secret, Some(options));
        let mut pages = pager.map_err(|error| failed(asked, &error))?.into_pages();
        let Some(page) = pages.try_next().await.map_err(|error| failed(asked, &error))? else {
            return Ok((ListSecretPropertiesResult::default(), None));
        };
        let page = page.into_model().map_err(|error| failed(asked, &error))?;
        Ok((page, pages.continuation().cloned()))
    }

    /// The current version. Its value is received and wiped.
    pub async fn current(&self, name: &str) -> Result<Current, Failure> {
        self.head(name).await.map(|head| head.current)
    }

    /// The current version, and whether a certificate writes it. Its value is received and wiped.
    pub async fn head(&self, name: &str) -> Result<Head, Failure> {
        let asked = self.asked(name, "get secrets", "Get Secret");
        let unread = |current| Ok(Head { current, managed: false });
        retry::read(async || match self.secret(name, None).await {
            Ok(mut secret) => {
                // Whoever asks works on this secret: its value may stand in what else the vault says of it.
                drop(Secret::from(Zeroizing::new(secret.value.take().unwrap_or_default())));
                let current = Current::Enabled(last_part(secret.id.as_deref()));
                Ok(Head { current, managed: secret.managed == Some(true) || secret.kid.is_some() })
            }
            Err(error) => match ServiceRefusal::of(&error) {
                Some(refusal) if refusal.is("SecretDisabled") => unread(Current::Disabled),
                Some(refusal) if refusal.status == 404 => unread(Current::Missing),
                _ => Err(failed(asked, &error)),
            },
        })
        .await
    }

    /// Whether a version can still be read. A value that is received is wiped.
    pub async fn readable(&self, name: &str, version: &str) -> Result<Readable, Failure> {
        let asked = self.asked(name, "get secrets", "Get Secret");
        retry::read(async || match self.get(name, Some(version)).await {
            Ok(_) => Ok(Readable::Yes),
            Err(error) => match ServiceRefusal::of(&error) {
                Some(refusal) if refusal.is("SecretDisabled") => {
                    Ok(Readable::Disabled { request_id: request_id(&error), at: clock::now() })
                }
                _ => Err(failed(asked, &error)),
            },
        })
        .await
    }

    /// A value, for a reference in the configuration.
    pub async fn value(&self, name: &str, version: Option<&str>) -> Result<Secret, Failure> {
        let asked = self.asked(name, "get secrets", "Get Secret");
        retry::read(async || {
            self.get(name, version).await.map(|(_, value)| Secret::from(value)).map_err(|error| failed(asked, &error))
        })
        .await
    }

    /// A version's value, unless it is disabled.
    pub async fn value_if_enabled(&self, name: &str, version: &str) -> Result<Option<Secret>, Failure> {
        let asked = self.asked(name, "get secrets", "Get Secret");
        retry::read(async || match self.get(name, Some(version)).await {
            Ok((_, value)) => Ok(Some(Secret::from(value))),
            Err(error) => match ServiceRefusal::of(&error) {
                Some(refusal) if refusal.is("SecretDisabled") => Ok(None),
                _ => Err(failed(asked, &error)),
            },
        })
        .await
    }

    /// Deletes a secret with all its versions; it is soft-deleted. One that is not there counts as deleted. Sent once.
    pub async fn delete(&self, name: &str) -> Result<(), Failure> {
        let asked = VaultRequest { writes: true, ..self.asked(name, "delete secrets", "Delete Secret") };
        match self.client.delete_secret(name, None).await {
            Ok(_) => Ok(()),
            Err(error) if ServiceRefusal::of(&error).is_some_and(|refusal| refusal.status == 404) => Ok(()),
            Err(error) => Err(failed(asked, &error)),
        }
    }

    pub(super) async fn get(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> azure_core::Result<(String, Zeroizing<String>)> {
        let mut secret = self.secret(name, version).await?;
        let value = Zeroizing::new(secret.value.take().unwrap_or_default());
        Ok((last_part(secret.id.as_deref()), value))
    }

    async fn secret(&self, name: &str, version: Option<&str>) -> azure_core::Result<KeyVaultSecret> {
        let options = SecretClientGetSecretOptions { secret_version: version.map(str::to_owned), ..Default::default() };
        self.client.get_secret(name, Some(options)).await?.into_model()
    }

    /// Whether the secret is soft-deleted.
    pub async fn deleted(&self, name: &str) -> Result<Deleted, Failure> {
        let asked = self.asked(name, "get deleted secrets", "Get Deleted Secret");
        let untold = Deleted::Yes { purged: None, purgeable: None };
        retry::read(async || match self.client.get_deleted_secret(name, None).await {
            Ok(answer) => Ok(answer.into_model().map_or(untold, |mut deleted| {
                deleted.value.zeroize();
                let level = deleted.attributes.and_then(|attributes| attributes.recovery_level);
                let purgeable = level.map(|level| level.as_ref().contains("Purgeable"));
                Deleted::Yes { purged: deleted.scheduled_purge_date.and_then(timestamp), purgeable }
            })),
            Err(error) => match ServiceRefusal::of(&error) {
                Some(refusal) if refusal.status == 404 => Ok(Deleted::No),
                Some(refusal) if refusal.is("SecretDisabled") => Ok(untold),
                _ => Err(failed(asked, &error)),
            },
        })
        .await
    }

    /// Puts a new version in; it becomes the current one. Sent once: Set Secret is not idempotent.
    pub async fn set(&self, name: &str, value: &Secret, new: NewVersion) -> Result<Version, Failure> {
        let asked = VaultRequest { writes: true, ..self.asked(name, "set secrets", "Set Secret") };
        if value.expose().len() > LARGEST_VALUE {
            let bytes = value.expose().len();
            return Err(Failure::refused(format!(
                "the new value of `{name}` has {bytes} bytes; Key Vault takes {LARGEST_VALUE}"
            ))
            .help("keep what is larger elsewhere, for example in a storage account, and its key here"));
        }
        let attributes = new.expires.map(|expires| SecretAttributes { expires: offset(expires), ..Default::default() });
        let mut parameters = SetSecretParameters {
            value: Some(value.expose().to_owned()),
            content_type: new.content_type,
            tags: Some(HashMap::from_iter(new.tags)),
            secret_attributes: attributes,
        };
        let body = to_json(&parameters);
        parameters.value.zeroize();
        let body: RequestContent<SetSecretParameters> = body.map_err(|error| failed(asked, &error))?.into();
        let answer = self.client.set_secret(name, body, None).await.map_err(|error| failed(asked, &error))?;
        let mut secret = answer.into_model().map_err(|error| unreadable(asked, &error))?;
        secret.value.zeroize();
        let (id, attributes) = (secret.id.as_deref(), secret.attributes.as_ref());
        let set = version(id, attributes, secret.content_type.as_ref(), secret.tags.as_ref(), secret.managed);
        set.ok_or_else(|| Failure::unknown(format!("the answer of `{}` to Set Secret cannot be read", self.name)))
    }

    /// Disables one version. Sent once.
    pub async fn disable(&self, name: &str, version_id: &str) -> Result<Version, Failure> {
        let asked = VaultRequest { writes: true, ..self.asked(name, "disable versions of secrets", "Update Secret") };
        let parameters = UpdateSecretPropertiesParameters {
            secret_attributes: Some(SecretAttributes { enabled: Some(false), ..Default::default() }),
            ..Default::default()
        };
        let body = parameters.try_into().map_err(|error| failed(asked, &error))?;
        let options = SecretClientUpdateSecretPropertiesOptions {
            secret_version: Some(version_id.to_owned()),
            ..Default::default()
        };
        let answer = self.client.update_secret_properties(name, body, Some(options)).await;
        let secret =
            answer.map_err(|error| failed(asked, &error))?.into_model().map_err(|error| unreadable(asked, &error))?;
        let (id, attributes) = (secret.id.as_deref(), secret.attributes.as_ref());
        match version(id, attributes, secret.content_type.as_ref(), secret.tags.as_ref(), secret.managed) {
            Some(version) if !version.enabled => Ok(version),
            _ => Err(Failure::unknown(format!(
                "`{}` answered to Update Secret, but not with a disabled version",
                self.name
            ))),
        }
    }
}

/// A client that reaches the vault's host and no other.
fn client(url: &VaultUrl, azure: &Azure, is_azure: bool) -> Result<SecretClient, Failure> {
    let transport = OneHost { transport: azure.transport.clone(), host: url.host.clone() };
    let client_options = client_options(transport);
    // The challenge must ask for a token of the vault's own domain; another server on this machine has none.
    let options =
        SecretClientOptions { client_options, verify_challenge_resource: Some(is_azure), ..Default::default() };
    let credential: Arc<dyn TokenCredential> = Arc::new(azure.identity.clone());
    SecretClient::new(&url.url(), credential, Some(options)).map_err(|error| {
        Failure::refused(format!("the vault `{}` cannot be opened", url.name)).because(root_cause(&error))
    })
}

/// The request was answered with success, but the answer broke off: what it did is not known from here.
fn unreadable(asked: VaultRequest<'_>, error: &azure_core::Error) -> Failure {
    Failure::unknown(format!("the answer of `{}` to {} cannot be read", asked.vault, asked.operation))
        .because(root_cause(error))
}

pub(super) fn listed(properties: &SecretProperties) -> Result<Version, Misshapen> {
    let (id, attributes) = (properties.id.as_deref(), properties.attributes.as_ref());
    // An id that holds a value is none: it would be recorded, and asked for.
    if id.is_some_and(|id| named(&last_part(Some(id)), &[]).is_none()) {
        return Err(Misshapen("a name that no vault gives"));
    }
    let found = version(id, attributes, properties.content_type.as_ref(), properties.tags.as_ref(), properties.managed);
    found.ok_or(Misshapen("no time of creation"))
}

fn version(
    id: Option<&str>,
    attributes: Option<&SecretAttributes>,
    content_type: Option<&String>,
    tags: Option<&HashMap<String, String>>,
    managed: Option<bool>,
) -> Option<Version> {
    let attributes = attributes?;
    Some(Version {
        id: id.map_or(Some(String::new()), |id| named(&last_part(Some(id)), &[]))?,
        enabled: attributes.enabled.unwrap_or(true),
        created: timestamp(attributes.created?)?,
        updated: timestamp(attributes.updated.or(attributes.created)?)?,
        expires: attributes.expires.and_then(timestamp),
        not_before: attributes.not_before.and_then(timestamp),
        content_type: content_type.map(|content_type| unless_repeated(content_type)),
        tags: harmless(tags.into_iter().flatten()),
        managed: managed.unwrap_or(false),
    })
}

/// Tags without a value in them.
pub(crate) fn harmless<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> BTreeMap<String, String> {
    tags.map(|(name, text)| (unless_repeated(name), unless_repeated(text))).collect()
}

pub(super) fn last_part(id: Option<&str>) -> String {
    id.and_then(|id| id.rsplit('/').next()).unwrap_or_default().to_owned()
}

fn timestamp(time: OffsetDateTime) -> Option<Timestamp> {
    DateTime::from_timestamp(time.unix_timestamp(), 0)
}

fn offset(time: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(time.timestamp()).ok()
}

fn request_id(error: &azure_core::Error) -> String {
    let ErrorKind::HttpResponse { raw_response: Some(raw), .. } = error.kind() else { return String::new() };
    told(raw.headers().get_optional_str(&"x-ms-request-id".into()).unwrap_or_default())
}

/// A way out that leads to one host only: a list's next page on another host would take our token there.
#[derive(Debug)]
struct OneHost {
    transport: Transport,
    host: String,
}

#[async_trait::async_trait]
impl HttpClient for OneHost {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let url = request.url();
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if !host.eq_ignore_ascii_case(&self.host) {
            let failure = Failure::refused(format!("the vault `{}` pointed to another host, `{host}`", self.host))
                .because("the token is for the vault alone, so nothing was sent there");
            return Err(carry(ErrorKind::Other, failure));
        }
        self.transport.execute(request, Bounds::ENTRY).await
    }
}
