//! Where an audit trail lies → a [`Source`] that can be asked.

use super::blobs::Blobs;
use super::files::Files;
use super::folder::Folder;
use super::times::Times;
use super::trail::Trail;
use super::workspace::Workspace;
use crate::azure::{Azure, BlobContainer, LogAnalytics};
use crate::failure::Failure;
use std::path::PathBuf;
use tokio::runtime::Handle;
use url::Url;
use uuid::Uuid;

/// Where an audit trail lies, as the configuration and the command line name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of an archive, or a file: of the archive, or exported from a portal (JSON or CSV).
    Path(PathBuf),
    /// A container of a storage account: `https://ACCOUNT.blob.core.windows.net/insights-logs-auditevent`.
    Container(Url),
    /// A Log Analytics workspace, by its id.
    Workspace(Uuid),
}

impl Place {
    /// Reads a folder, a file or the URL of a container.
    ///
    /// # Errors
    /// Refused if it is a URL and not that of a container.
    pub fn archive(text: &str) -> Result<Self, Failure> {
        if !text.contains("://") {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        let wrong = |why: String| {
            Failure::refused(format!("`{text}` is not the URL of a container of blobs"))
                .because(why)
                .help("write `https://ACCOUNT.blob.core.windows.net/insights-logs-auditevent`")
        };
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if url.scheme() != "https" {
            return Err(wrong("it does not begin with `https://`".to_owned()));
        }
        if url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it carries more than an address: stanch signs in with an identity".to_owned()));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(wrong("it names no container".to_owned()));
        }
        Ok(Self::Container(url))
    }

    /// Reads a workspace's id.
    ///
    /// # Errors
    /// Refused if it is none.
    pub fn workspace(text: &str) -> Result<Self, Failure> {
        Uuid::parse_str(text.trim()).map(Self::Workspace).map_err(|error| {
            Failure::refused(format!("`{text}` is not the id of a workspace"))
                .because(error.to_string())
                .help("`az monitor log-analytics workspace show --query customerId` tells it")
        })
    }
}

/// An audit trail that can be asked.
#[derive(Clone, Debug)]
pub struct Source {
    kind: Kind,
    times: Times,
}

#[derive(Clone, Debug)]
enum Kind {
    Path(PathBuf),
    Container(BlobContainer, Handle),
    Workspace(LogAnalytics, Handle),
}

impl Source {
    /// A folder or file on this machine.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { kind: Kind::Path(path.into()), times: Times::default() }
    }

    /// Opens a place; nothing is asked yet. `vault_host` tells in which of Azure's clouds a workspace is.
    ///
    /// # Errors
    /// Refused if its address cannot be used, or outside of a runtime that requests can be sent in.
    pub fn open(place: &Place, azure: &Azure, vault_host: &str) -> Result<Self, Failure> {
        let runtime = || {
            Handle::try_current().map_err(|error| {
                Failure::refused("the audit trail cannot be asked from here").because(error.to_string())
            })
        };
        let kind = match place {
            Place::Path(path) => Kind::Path(path.clone()),
            Place::Container(url) => Kind::Container(BlobContainer::open(url, azure)?, runtime()?),
            Place::Workspace(id) => Kind::Workspace(LogAnalytics::new(*id, vault_host, azure), runtime()?),
        };
        Ok(Self { kind, times: Times::default() })
    }

    /// The same, with what is known of times that do not say for themselves how they are meant.
    #[must_use]
    pub fn with_times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    /// The source, for people.
    pub fn describe(&self) -> String {
        self.trail().describe()
    }

    pub(crate) fn trail(&self) -> Box<dyn Trail> {
        match &self.kind {
            Kind::Path(path) => Box::new(Files::new(Folder { path: path.clone() }, self.times)),
            Kind::Container(container, runtime) => {
                Box::new(Files::new(Blobs::new(container.clone(), runtime.clone()), self.times))
            }
            Kind::Workspace(logs, runtime) => Box::new(Workspace::new(logs.clone(), runtime.clone())),
        }
    }
}
