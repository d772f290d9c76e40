//! From a connection to an answer.

pub(crate) mod certificates;
pub(crate) mod dispatcher;
pub(crate) mod listener;
pub(crate) mod ready;
