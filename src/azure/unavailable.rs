//! Which answers mean that trying again may help, and when.

use super::carried::chain;
use super::retry;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use std::time::Duration;

/// Whether a request for a token may succeed later: nobody answered, or somebody who was overwhelmed.
pub(super) fn is_transient(error: &azure_core::Error) -> bool {
    chain(error).filter_map(|cause| cause.downcast_ref::<azure_core::Error>()).any(|error| match error.kind() {
        ErrorKind::Connection | ErrorKind::Io => true,
        ErrorKind::HttpResponse { status, .. } => is_overwhelmed(u16::from(*status)),
        _ => false,
    })
}

/// Whether who answers so may answer otherwise later.
pub(super) fn is_overwhelmed(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// How long an answer asks to wait.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let header = |name: &'static str| headers.get_optional_str(&name.into());
    let milliseconds = |name| header(name)?.parse().ok().map(Duration::from_millis);
    milliseconds("x-ms-retry-after-ms")
        .or_else(|| milliseconds("retry-after-ms"))
        .or_else(|| header("retry-after").and_then(retry::after))
}
