//! The address of a container → the official clients that ask it.
//!
//! They sign in with a token that any storage account takes: it goes to Azure's own hosts and nowhere else, whoever wrote
//! the address down.

use super::access::Azure;
use super::answer::Bounds;
use super::carried::root_cause;
use azure_core::credentials::TokenCredential;
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use std::sync::Arc;
use url::Url;

/// How the hosts of storage accounts end in Azure's clouds.
const HOSTS: [&str; 4] = [
    ".blob.core.windows.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.core.usgovcloudapi.net",
    ".blob.storage.azure.net",
];

/// A container, asked for names and for contents with bounds of their own.
pub(super) struct Container {
    pub(super) names: Arc<BlobContainerClient>,
    pub(super) contents: Arc<BlobContainerClient>,
    /// What stands behind the container in the address, decoded.
    pub(super) below: String,
}

impl Container {
    /// Opens `https://ACCOUNT.blob.core.windows.net/CONTAINER[/FOLDER]`; nothing is asked yet.
    ///
    /// # Errors
    /// Says why the address cannot be used.
    pub(super) fn open(url: &Url, azure: &Azure, contents: Bounds) -> Result<Self, String> {
        if url.scheme() != "https" {
            return Err("it does not begin with `https://`".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        if !HOSTS.iter().any(|end| host.strip_suffix(end).is_some_and(|account| !account.is_empty())) {
            return Err(format!("`{host}` is no storage account of Azure's, and gets no token"));
        }
        let path = percent_encoding::percent_decode_str(url.path().trim_start_matches('/')).decode_utf8_lossy();
        let (container, below) = path.split_once('/').unwrap_or((&path, ""));
        if container.is_empty() {
            return Err("it names no container".to_owned());
        }
        let mut address = url.clone();
        address.set_path(container);
        let client = |bounds| {
            let options = BlobContainerClientOptions {
                client_options: azure.transport.client_options(bounds),
                ..BlobContainerClientOptions::default()
            };
            let credential: Arc<dyn TokenCredential> = Arc::new(azure.identity.clone());
            BlobContainerClient::new(address.clone(), Some(credential), Some(options))
                .map(Arc::new)
                .map_err(|error| root_cause(&error))
        };
        Ok(Self { names: client(Bounds::BLOB_NAMES)?, contents: client(contents)?, below: below.to_owned() })
    }
}
