//! Secrets and their versions, as every vault has them; no HTTP.

mod history;
mod secret_url;
mod tags;
mod version;

pub use history::{History, Kept, Served, Successor, TAG_EFFECT, TAG_RUN};
pub use secret_url::{SECRET_URL_PATTERN, SUFFIXES, SecretUrl, VaultUrl, target};
pub use tags::taken_over;
pub use version::{Current, LARGEST_VALUE, Version, belongs_to_certificate, short};
