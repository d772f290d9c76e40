//! A container of blobs: its names, and pieces of what they hold.

use super::access::Azure;
use super::answer::Bounds;
use super::carried::{carried_or, root_cause};
use super::container::Container;
use super::failed::ServiceRefusal;
use super::retry;
use super::unavailable::{Unavailable, again};
use crate::failure::{Failure, Retry};
use azure_core::error::ErrorKind;
use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobContainerClientListBlobsOptions, HttpRange, ListBlobsResponse,
};
use futures::TryStreamExt;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use url::Url;

/// How many names are asked for at a time.
const NAMES_AT_A_TIME: i32 = 1_000;
/// No more bytes of a blob are read at once.
const LARGEST_PIECE: usize = 8 << 20;

/// A container of a storage account, or what lies below a folder of it.
#[derive(Clone)]
pub struct BlobContainer {
    names: Arc<BlobContainerClient>,
    contents: Arc<BlobContainerClient>,
    url: Url,
    prefix: String,
    azure: Azure,
}

/// A blob, as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub name: String,
    /// How many bytes it held then; it may have grown since.
    pub size: u64,
}

impl fmt::Debug for BlobContainer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BlobContainer").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl BlobContainer {
    /// Opens `https://ACCOUNT.blob.core.windows.net/CONTAINER[/FOLDER]`; nothing is asked yet.
    ///
    /// # Errors
    /// Refused if the address cannot be used.
    pub fn open(url: &Url, azure: &Azure) -> Result<Self, Failure> {
        let unusable = |why: String| Failure::refused(format!("`{url}` cannot be read from")).because(why);
        let Container { names, contents, below } =
            Container::open(url, azure, Bounds::bytes(LARGEST_PIECE)).map_err(unusable)?;
        Ok(Self { names, contents, url: url.clone(), prefix: below, azure: azure.clone() })
    }

    /// Its address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The folder that everything of interest lies below; empty for all of it.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Gives `take` every blob whose name begins with `prefix`, in the order of their names, until it says no.
    ///
    /// # Errors
    /// If the container cannot be listed to its end.
    pub async fn list(&self, prefix: &str, mut take: impl FnMut(Blob) -> bool) -> Result<(), Failure> {
        let mut marker = None;
        loop {
            let page = retry::read(async || self.page(prefix, marker.clone()).await).await?;
            for item in page.blob_items {
                let size = item.properties.and_then(|properties| properties.content_length).unwrap_or_default();
                let Some(name) = item.name else { continue };
                if !take(Blob { name, size }) {
                    return Ok(());
                }
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(());
            }
        }
    }

    /// One page of the names, by itself: a page that fails is asked for again, not the whole list.
    async fn page(&self, prefix: &str, marker: Option<String>) -> Result<ListBlobsResponse, Failure> {
        let prefix = Some(prefix.to_owned());
        let options = BlobContainerClientListBlobsOptions {
            prefix,
            marker,
            maxresults: Some(NAMES_AT_A_TIME),
            ..Default::default()
        };
        let mut pages = self.names.list_blobs(Some(options)).map_err(|error| self.failed("list", &error))?.into_pages();
        match pages.try_next().await.map_err(|error| self.failed("list", &error))? {
            Some(page) => page.into_model().map_err(|error| self.failed("list", &error)),
            None => Ok(ListBlobsResponse::default()),
        }
    }

    /// So many bytes of a blob from an offset on.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn read(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, Failure> {
        retry::read(async || {
            let options = BlobClientDownloadOptions {
                range: Some(HttpRange::new(offset, length)),
                parallel: NonZero::new(1),
                partition_size: NonZero::new(usize::try_from(length).unwrap_or(usize::MAX)),
                ..Default::default()
            };
            let blob = self.contents.blob_client(name);
            let answer = blob.download(Some(options)).await.map_err(|error| self.failed("read", &error))?;
            let bytes = answer.body.collect().await.map_err(|error| self.failed("read", &error))?;
            Ok(bytes.to_vec())
        })
        .await
    }

    fn failed(&self, doing: &str, error: &azure_core::Error) -> Failure {
        carried_or(error, || self.told(doing, error))
    }

    fn told(&self, doing: &str, error: &azure_core::Error) -> Failure {
        let place = &self.url;
        let Some(refusal) = ServiceRefusal::of(error) else {
            let failure = Failure::refused(format!("`{place}` cannot be reached")).because(root_cause(error));
            return match error.kind() {
                ErrorKind::Connection | ErrorKind::Io => failure.retry(Retry::Later),
                _ => failure,
            };
        };
        let who = self.azure.identity.principal().map(|who| format!(" for {who}")).unwrap_or_default();
        let answered = format!("the storage account answered {}{who}", refusal.in_short());
        let failure = match refusal.status {
            401 | 403 => Failure::refused(format!("stanch may not {doing} `{place}`")).help(
                "give this identity the role `Storage Blob Data Reader` on the container, and let its network in",
            ),
            404 => Failure::refused(format!("there is nothing at `{place}`"))
                .help("check the account's and the container's name"),
            _ => Failure::refused(format!("`{place}` cannot be read")),
        };
        let failure = failure.because(answered);
        match Unavailable::of(refusal.status) {
            Some(_) => failure.retry(again(refusal.retry_after)),
            None => failure,
        }
    }
}
