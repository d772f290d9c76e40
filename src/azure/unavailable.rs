//! Which answers mean that trying again may help, and when: the one list of them, for whoever is asked over HTTP.

use super::carried::chain;
use super::retry;
use crate::failure::Retry;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use std::time::Duration;

/// Who answers so may answer otherwise later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// Asked too often: the request was not looked at.
    Throttling,
    /// Too slow, or failing. An answer of a service's front does not say what its back did.
    Failing,
}

impl Unavailable {
    /// What an answer of this status says; nothing where the same answer must be expected again.
    pub(crate) fn of(status: u16) -> Option<Self> {
        match status {
            429 => Some(Self::Throttling),
            408 | 500..=599 => Some(Self::Failing),
            _ => None,
        }
    }
}

/// When to ask again, after an answer that asks for this pause or for none.
pub(crate) fn again(pause: Option<Duration>) -> Retry {
    pause.map_or(Retry::Later, Retry::After)
}

/// Whether a request for a token may succeed later: nobody answered, or somebody who was overwhelmed.
pub(super) fn is_transient(error: &azure_core::Error) -> bool {
    chain(error).filter_map(|cause| cause.downcast_ref::<azure_core::Error>()).any(|error| match error.kind() {
        ErrorKind::Connection | ErrorKind::Io => true,
        ErrorKind::HttpResponse { status, .. } => Unavailable::of(u16::from(*status)).is_some(),
        _ => false,
    })
}

/// How long an answer asks to wait.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let header = |name: &'static str| headers.get_optional_str(&name.into());
    let milliseconds = |name| header(name)?.parse().ok().map(Duration::from_millis);
    milliseconds("x-ms-retry-after-ms")
        .or_else(|| milliseconds("retry-after-ms"))
        .or_else(|| header("retry-after").and_then(retry::after))
}
