//! A container that is written to: blobs that are created once, appended to where they have a known length, and leased.
//!
//! Nothing is repeated here: a create that is repeated meets its own blob, and an append its own block. Whoever writes knows
//! how to look at what became of it.

use super::access::Azure;
use super::answer::Bounds;
use super::carried::{carried_or, root_cause};
use super::container::Container;
use super::failed::ServiceRefusal;
use super::unavailable::{Unavailable, again};
use crate::failure::{FailedOutcome, Failure, Retry};
use azure_core::error::ErrorKind;
use azure_core::http::{Etag, RequestContent};
use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{
    AppendBlobClientAppendBlockOptions, AppendBlobClientCreateOptions, BlobClientAcquireLeaseOptions,
    BlobClientBreakLeaseOptions, BlobClientDownloadOptions, BlobClientGetPropertiesResultHeaders,
    BlobContainerClientListBlobsOptions, BlockBlobClientUploadOptions, HttpRange, LeaseState,
};
use futures::TryStreamExt;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long an answer is waited for. Whoever appends looks at what became of it then.
const LONGEST: Duration = Duration::from_secs(10);

/// Conflicts with how the account or the container stands, not with what somebody else wrote.
const OF_PLACE: [&str; 5] =
    ["AccountBeingCreated", "ContainerBeingDeleted", "ContainerDisabled", "AccountIsDisabled", "InvalidBlobType"];

/// A container's policy of immutability keeps a blob as it is.
const IMMUTABLE: &str = "BlobImmutableDueToPolicy";

/// No more bytes of a blob are read at once.
pub const LARGEST_PIECE: usize = 4 << 20;

/// A container of a storage account, or what lies below a folder of it.
#[derive(Clone)]
pub struct WritableContainer {
    names: Arc<BlobContainerClient>,
    contents: Arc<BlobContainerClient>,
    url: Url,
    /// What the names of all blobs begin with: empty, or a folder with its slash.
    folder: String,
    azure: Azure,
}

/// What stands in the way of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// It is there already, has another length, or is leased by somebody else.
    Conflict,
    /// There is no such blob.
    Missing,
    /// An append blob takes 50,000 blocks.
    Full,
    /// It failed; whether it was written is known where the failure says so.
    Failed(Failure),
}

/// A blob, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHead {
    pub length: u64,
    pub is_leased: bool,
    /// When it was written last, in seconds of Unix time, as far as the service says. A lease is no write.
    pub written_at: Option<i64>,
}

impl fmt::Debug for WritableContainer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WritableContainer").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl WritableContainer {
    /// Opens `https://ACCOUNT.blob.core.windows.net/CONTAINER[/FOLDER]`; nothing is asked yet.
    ///
    /// # Errors
    /// Refused if the address cannot be used.
    pub fn open(url: &Url, azure: &Azure) -> Result<Self, Failure> {
        let unusable = |why: String| {
            Failure::refused(format!("`{url}` is no place to keep runs in"))
                .because(why)
                .help("write https://ACCOUNT.blob.core.windows.net/CONTAINER, and a folder behind it if you like")
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("it carries more than a place; stanch signs in by itself".to_owned()));
        }
        let Container { names, contents, below } =
            Container::open(url, azure, Bounds::bytes(2 * LARGEST_PIECE)).map_err(unusable)?;
        let folder = below.trim_matches('/');
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(Self { names, contents, url: url.clone(), folder, azure: azure.clone() })
    }

    /// The address of a name; that of the container for none.
    pub fn address(&self, name: &str) -> String {
        let url = self.url.as_str().trim_end_matches('/');
        if name.is_empty() { url.to_owned() } else { format!("{url}/{name}") }
    }

    /// The names that begin so, in their order, each with how it stands.
    pub async fn list(&self, begin: &str) -> Result<Vec<(String, BlobHead)>, Failure> {
        let mut names = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let prefix = Some(format!("{}{begin}", self.folder));
            let options = BlobContainerClientListBlobsOptions { prefix, marker, ..Default::default() };
            let request = async {
                let mut pages = self.names.list_blobs(Some(options))?.into_pages();
                match pages.try_next().await? {
                    Some(page) => page.into_model().map(Some),
                    None => Ok(None),
                }
            };
            let page = ask(request).await.map_err(|error| self.told(self.not_written(error)))?;
            let Some(page) = page else { return Ok(names) };
            names.extend(page.blob_items.into_iter().filter_map(|item| {
                let name = item.name?.strip_prefix(&self.folder)?.to_owned();
                let properties = item.properties.unwrap_or_default();
                let head = BlobHead {
                    length: properties.content_length.unwrap_or_default(),
                    is_leased: properties.lease_state == Some(LeaseState::Leased),
                    written_at: properties.last_modified.map(|at| at.unix_timestamp()),
                };
                Some((name, head))
            }));
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    /// So many bytes from an offset on, or fewer where it ends before; nothing if there is no such blob.
    pub async fn read(&self, name: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, Failure> {
        let options = BlobClientDownloadOptions {
            range: Some(HttpRange::new(offset, length as u64)),
            parallel: NonZero::new(1),
            partition_size: NonZero::new(length),
            ..Default::default()
        };
        let blob = self.contents.blob_client(&self.name(name));
        let request = async {
            let answer = blob.download(Some(options)).await?;
            answer.body.collect().await
        };
        match ask(request).await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            // There is nothing behind its end.
            Err(Some(error)) if ServiceRefusal::of(&error).is_some_and(|refusal| refusal.status == 416) => {
                Ok(Some(Vec::new()))
            }
            Err(error) => self.unless_missing(error),
        }
    }

    /// How it stands; nothing if there is no such blob.
    pub async fn head(&self, name: &str) -> Result<Option<BlobHead>, Failure> {
        let blob = self.contents.blob_client(&self.name(name));
        let request = async {
            let answer = blob.get_properties(None).await?;
            Ok(BlobHead {
                length: answer.content_length()?.unwrap_or_default(),
                is_leased: answer.lease_state()? == Some(LeaseState::Leased),
                written_at: answer.last_modified()?.map(|at| at.unix_timestamp()),
            })
        };
        match ask(request).await {
            Ok(head) => Ok(Some(head)),
            Err(error) => self.unless_missing(error),
        }
    }

    fn unless_missing<T>(&self, error: Option<azure_core::Error>) -> Result<Option<T>, Failure> {
        match self.not_written(error) {
            NotWritten::Missing => Ok(None),
            other => Err(self.told(other)),
        }
    }

    /// Writes a blob whole that must not exist yet.
    pub async fn create(&self, name: &str, bytes: &[u8]) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name)).block_blob_client();
        let options = BlockBlobClientUploadOptions { if_none_match: Some(Etag::from("*")), ..Default::default() };
        let request = async { blob.upload(RequestContent::from(bytes.to_vec()), Some(options)).await.map(drop) };
        ask(request).await.map_err(|error| self.not_created(error))
    }

    /// Makes an empty blob that can be appended to, and must not exist yet.
    pub async fn create_appendable(&self, name: &str) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name)).append_blob_client();
        let options = AppendBlobClientCreateOptions { if_none_match: Some(Etag::from("*")), ..Default::default() };
        let request = async { blob.create(Some(options)).await.map(drop) };
        ask(request).await.map_err(|error| self.not_created(error))
    }

    /// Appends a block where the blob has this length, and this lease if one is given.
    pub async fn append(&self, name: &str, length: u64, block: &[u8], lease: Option<&str>) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name)).append_blob_client();
        let options = AppendBlobClientAppendBlockOptions {
            append_position: i64::try_from(length).ok(),
            lease_id: lease.map(str::to_owned),
            ..Default::default()
        };
        let content = RequestContent::from(block.to_vec());
        let request = async { blob.append_block(content, block.len() as u64, Some(options)).await.map(drop) };
        ask(request).await.map_err(|error| self.not_written(error))
    }

    /// Begins a lease, of whole seconds from 15 to 60, by an id of one's own.
    pub async fn acquire(&self, name: &str, id: &str, lasts: Duration) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name));
        let options = BlobClientAcquireLeaseOptions { proposed_lease_id: Some(id.to_owned()), ..Default::default() };
        let seconds = i32::try_from(lasts.as_secs()).unwrap_or(i32::MAX);
        let request = async { blob.acquire_lease(seconds, Some(options)).await.map(drop) };
        ask(request).await.map_err(|error| self.not_written(error))
    }

    /// Goes on with it.
    pub async fn renew(&self, name: &str, id: &str) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name));
        let request = async { blob.renew_lease(id.to_owned(), None).await.map(drop) };
        ask(request).await.map_err(|error| self.not_written(error))
    }

    /// Gives it back.
    pub async fn release(&self, name: &str, id: &str) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name));
        let request = async { blob.release_lease(id.to_owned(), None).await.map(drop) };
        ask(request).await.map_err(|error| self.not_written(error))
    }

    /// Ends whosesoever lease at once.
    pub async fn break_lease(&self, name: &str) -> Result<(), NotWritten> {
        let blob = self.contents.blob_client(&self.name(name));
        let options = BlobClientBreakLeaseOptions { break_period: Some(0), ..Default::default() };
        let request = async { blob.break_lease(Some(options)).await.map(drop) };
        ask(request).await.map_err(|error| self.not_written(error))
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn told(&self, not_written: NotWritten) -> Failure {
        let place = &self.url;
        match not_written {
            NotWritten::Failed(failure) => failure,
            NotWritten::Missing => Failure::refused(format!("there is no container at `{place}`"))
                .help("check the account's and the container's name, or make the container"),
            NotWritten::Conflict => Failure::refused(format!("`{place}` was written to by somebody else")),
            NotWritten::Full => full(place),
        }
    }

    /// What became of a request that makes a blob. Where nothing may be changed, one that is there may be answered so.
    fn not_created(&self, error: Option<azure_core::Error>) -> NotWritten {
        let refusal = error.as_ref().and_then(ServiceRefusal::of);
        match refusal.is_some_and(|refusal| refusal.is(IMMUTABLE)) {
            true => NotWritten::Conflict,
            false => self.not_written(error),
        }
    }

    /// What became of a request that writes. Two codes say the same of what is there already.
    fn not_written(&self, error: Option<azure_core::Error>) -> NotWritten {
        let place = &self.url;
        let Some(error) = error else {
            let why = format!("no answer came within {} s", LONGEST.as_secs());
            return NotWritten::Failed(Failure::unknown(format!("`{place}` did not answer")).because(why));
        };
        let Some(refusal) = ServiceRefusal::of(&error) else {
            return NotWritten::Failed(carried_or(&error, || {
                let failure = Failure::unknown(format!("`{place}` cannot be reached")).because(root_cause(&error));
                match error.kind() {
                    ErrorKind::Connection | ErrorKind::Io => failure,
                    _ => Failure { outcome: FailedOutcome::Refused, retry: Retry::Never, ..failure },
                }
            }));
        };
        let who = self.azure.identity.principal().map(|who| format!(" for {who}")).unwrap_or_default();
        let failure = match refusal.status {
            404 if refusal.is("ContainerNotFound") => self.told(NotWritten::Missing),
            404 => return NotWritten::Missing,
            409 if refusal.is("BlockCountExceedsLimit") => return NotWritten::Full,
            // The container's own rules, not somebody else's write.
            409 if refusal.is(IMMUTABLE) => Failure::refused(format!("what stands in `{place}` may not be changed"))
                .help("allow protected appends to append blobs in the container's immutability policy"),
            409 if OF_PLACE.iter().any(|code| refusal.is(code)) => Failure::refused(format!("`{place}` takes nothing"))
                .help("look at the account and the container in the portal"),
            409 | 412 => return NotWritten::Conflict,
            401 | 403 => Failure::refused(format!("stanch may not keep runs in `{place}`")).help(
                "give this identity the role `Storage Blob Data Contributor` on the container, and let its network in",
            ),
            _ => Failure::refused(format!("`{place}` takes nothing")),
        };
        let failure = failure.because(format!("the storage account answered {}{who}", refusal.in_short()));
        NotWritten::Failed(match Unavailable::of(refusal.status) {
            Some(Unavailable::Throttling) => failure.retry(again(refusal.retry_after)),
            Some(Unavailable::Failing) => failure.after_sending().retry(again(refusal.retry_after)),
            None => failure,
        })
    }
}

/// Nothing where no answer came in time.
async fn ask<T>(request: impl Future<Output = azure_core::Result<T>>) -> Result<T, Option<azure_core::Error>> {
    match tokio::time::timeout(LONGEST, request).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn full(place: &Url) -> Failure {
    Failure::refused(format!("an append blob in `{place}` has all of its 50,000 blocks, and takes no more"))
        .help("nothing more can be recorded there; begin another run for what is left")
}

impl NotWritten {
    /// As it is told of a container.
    pub fn failure(self, container: &WritableContainer) -> Failure {
        container.told(self)
    }
}
