//! Azure's HTTP, and nothing of runbooks.
//!
//! [`Transport`] is the one seam through which requests leave the program, to the real hosts or to a cloud on this
//! machine. [`Identity`] says who we are, [`Vault`] speaks with a Key Vault through the official client,
//! [`ResourceManager`] and [`Graph`] with those who issue keys and passwords, [`BlobContainer`] and [`WritableContainer`]
//! with a storage account,
//! [`LogAnalytics`] with a workspace. No request that writes is ever repeated here.

mod access;
mod answer;
mod blob;
mod bounded_stream;
mod budget;
mod carried;
mod container;
mod contents;
mod drill_identity;
mod environment;
mod failed;
mod graph;
mod identity;
mod listing;
mod logs;
mod managed_endpoint;
mod management;
mod openid;
mod person;
mod programs;
mod resource_manager;
mod retry;
mod route;
mod service_error;
mod transport;
mod unavailable;
mod vault;
mod web_socket;
mod writable_container;

pub use access::Azure;
pub use answer::REQUEST_TIMEOUT;
pub use blob::{Blob, BlobContainer};
pub(crate) use bounded_stream::BoundedStream;
pub use budget::VaultLimits;
pub use contents::{ListedSecret, SecretReading};
pub use environment::Environment;
pub use failed::{VaultRequest, failed};
pub use graph::{Application, Graph, PasswordCredential, SignIn};
pub use identity::{Caller, Identity, IdentityChoice};
pub use logs::{LogAnalytics, LogAnswer};
pub use management::Realm;
pub use openid::{Authority, TokenKey};
pub use person::token_of_person;
pub use resource_manager::{ConfigReference, ResourceManager, Site};
pub use route::{CloudFile, Route};
pub use transport::{HttpAnswer, Transport};
pub(crate) use unavailable::{Unavailable, again};
pub(crate) use vault::harmless;
pub use vault::{Deleted, Head, NewVersion, Readable, Vault};
pub use web_socket::WebSocket;
pub use writable_container::{BlobHead, LARGEST_PIECE, NotWritten, WritableContainer};
