//! What a vault holds, and values read one at a time, each with the reason where it cannot be read.

use super::failed::{ServiceRefusal, failed};
use super::retry;
use super::vault::{Vault, last_part, listed};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::vault::Version;
use azure_core::http::pager::{Page, PagerContinuation, PagerOptions};
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

/// Where a list goes on.
type Next = Option<PagerContinuation>;

impl Vault {
    /// All secrets, without a value, in the vault's order.
    pub async fn secrets(&self) -> Result<Vec<ListedSecret>, Failure> {
        self.all_pages(async |from| {
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
                Some(ListedSecret { name: version.id.clone(), current: Version { id: String::new(), ..version } })
            };
            let secrets: Option<Vec<ListedSecret>> = page.value.iter().map(secret).collect();
            match secrets {
                Some(secrets) => Ok((secrets, next)),
                None => Err(self.unreadable("a secret has no time of creation")),
            }
        })
        .await
    }

    /// The names of the secrets that are soft-deleted. Their values cannot be read.
    pub async fn deleted_secrets(&self) -> Result<Vec<String>, Failure> {
        self.all_pages(async |from| {
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
            Ok((page.value.iter().map(|deleted| last_part(deleted.id.as_deref())).collect(), next))
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

    /// All pages of a list. A page may be empty and still not be the last; one that fails for a moment is asked for
    /// again, not the whole list.
    async fn all_pages<T>(
        &self,
        page: impl AsyncFn(Next) -> Result<(Vec<T>, Next), Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut from: Next = None;
        loop {
            let (rows, next) = retry::read(async || page(from.clone()).await).await?;
            all.extend(rows);
            match &next {
                None => return Ok(all),
                Some(next) if from.as_ref().is_some_and(|from| from.as_ref() == next.as_ref()) => {
                    return Err(self.unreadable("a page points to itself"));
                }
                Some(_) => from = next,
            }
        }
    }

    fn unreadable(&self, why: &str) -> Failure {
        Failure::refused(format!("the list of `{}` cannot be read", self.name)).because(why)
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
