//! The wire: a request and an answer as the parts of the cloud see them, and who is at the other end.

pub(crate) mod exchange;
pub(crate) mod host;
pub(crate) mod peer;
