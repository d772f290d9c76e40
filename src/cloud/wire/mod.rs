//! A request and an answer, as every part of the cloud sees them.

pub(crate) mod exchange;
pub(crate) mod host;
