//! What a vault holds, and values read one at a time, each with the reason where it cannot be read.

use super::failed::{ServiceRefusal, failed};
use super::listing::{self, Entry, Misshapen, Next};
use super::retry;
use super::vault::{Vault, last_part, listed};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::told::named;
use crate::vault::Version;
use azure_core::http::pager::{Page, PagerOptions};
use azure_core::http::{Pager, Response};
use azure_security_keyvault_secrets::models::{
    SecretClientListDeletedSecretPropertiesOptions, SecretClientListSecretPropertiesOptions,
};
use futures::TryStreamExt;
use serde::de::DeserializeOwned;

/// A secret as a vault lists it.
#[derive(Clone, Debug)]
pub struct ListedSecret {
    pub name: String,
    /// Its current version. The list does not tell the version's id, which is empty here.
    pub current: Version,
}

impl Entry for ListedSecret {
    fn weight(&self) -> usize {
        self.name.weight() + self.current.weight()
    }
}

/// A value, or why there is none.
#[derive(Debug)]
pub enum SecretReading {
    Value(Secret),
    /// Nobody can read it: 403.
    Disabled,
    /// This identity may not read it; the vault's own code for it, such as `ForbiddenByRbac`, or `403`.
    Forbidden(String),
    /// It is not there any more.
    Gone,
}

impl Vault {
    /// All secrets, without a value, in the vault's order.
    pub async fn secrets(&self) -> Result<Vec<ListedSecret>, Failure> {
        listing::all_pages(&self.name, async |from| {
            let asked = self.asked("*", "list secrets", "Get Secrets");
            let options = SecretClientListSecretPropertiesOptions {
                method_options: PagerOptions { continuation: from, ..Default::default() },
                ..Default::default()
            };
            let pager = self.client.list_secret_properties(Some(options)).map_err(|error| failed(asked, &error))?;
            let Some((page, next)) = first(pager).await.map_err(|error| failed(asked, &error))? else {
                return Ok((Vec::new(), None));
            };
            let page = page.into_model().map_err(|error| failed(asked, &error))?;
            let secret = |properties| {
                let version = listed(properties)?;
                // The id of a listed secret ends with its name.
                Ok(ListedSecret { name: version.id.clone(), current: Version { id: String::new(), ..version } })
            };
            Ok((listing::whole(&self.name, page.value.iter().map(secret))?, next))
        })
        .await
    }

    /// The names of the secrets that are soft-deleted. Their values cannot be read.
    pub async fn deleted_secrets(&self) -> Result<Vec<String>, Failure> {
        listing::all_pages(&self.name, async |from| {
            let asked = self.asked("*", "list deleted secrets", "Get Deleted Secrets");
            let options = SecretClientListDeletedSecretPropertiesOptions {
                method_options: PagerOptions { continuation: from, ..Default::default() },
                ..Default::default()
            };
            let pager =
                self.client.list_deleted_secret_properties(Some(options)).map_err(|error| failed(asked, &error))?;
            let Some((page, next)) = first(pager).await.map_err(|error| failed(asked, &error))? else {
                return Ok((Vec::new(), None));
            };
            let page = page.into_model().map_err(|error| failed(asked, &error))?;
            let name = |id: Option<&str>| named(&last_part(id), &[]).ok_or(Misshapen("a name that no vault gives"));
            Ok((listing::whole(&self.name, page.value.iter().map(|deleted| name(deleted.id.as_deref())))?, next))
        })
        .await
    }

    /// One version's value.
    pub async fn read(&self, name: &str, version: &str) -> Result<SecretReading, Failure> {
        let asked = self.asked(name, "get secrets", "Get Secret");
        retry::read(async || match self.get(name, Some(version)).await {
            Ok((_, mut value)) => Ok(SecretReading::Value(Secret::passing(std::mem::take(&mut *value)))),
            Err(error) => match ServiceRefusal::of(&error) {
                Some(refusal) if refusal.is("SecretDisabled") => Ok(SecretReading::Disabled),
                Some(refusal) if refusal.status == 403 => {
                    Ok(SecretReading::Forbidden(refusal.code.unwrap_or_else(|| "403".to_owned())))
                }
                Some(refusal) if refusal.status == 404 => Ok(SecretReading::Gone),
                _ => Err(failed(asked, &error)),
            },
        })
        .await
    }
}

/// The first page of a list, and where the next one is.
async fn first<P>(pager: Pager<P>) -> azure_core::Result<Option<(Response<P>, Next)>>
where
    P: DeserializeOwned + Page + Send,
{
    let mut pages = pager.into_pages();
    let page = pages.try_next().await?;
    Ok(page.map(|page| (page, pages.continuation().cloned())))
}
