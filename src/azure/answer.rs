//! How much of an answer is taken: bytes and parts, counted after it was unpacked, and time.
//!
//! A few kilobytes on the line can be gigabytes once unpacked, and a few bytes of an answer hundreds of bytes once read
//! into what they stand for. Whoever answers decides about neither.

use super::carried::root_cause;
use crate::failure::{Failure, Retry};
use futures::{Stream, TryStreamExt};
use memchr::memmem;
use std::error::Error;
use std::pin::pin;
use std::time::Duration;

/// No request goes without an answer for longer, whatever the other side does.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);

/// What may come in answer to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long the request may take, its answer read to the end.
    pub(super) longest: Duration,
    /// How long the answer may take once it has begun.
    pub(super) longest_body: Duration,
    /// Bytes, unpacked.
    pub(super) largest: usize,
    /// Where a part begins, and how many there may be.
    pub(super) parts: (&'static [u8], usize),
}

impl Bounds {
    /// What a vault or an identity says. A page of a vault has 25 entries of some kilobytes at most.
    pub(super) const ENTRY: Self = Self { largest: 1 << 20, parts: (b",", 16 << 10), ..Self::DOCUMENT };
    /// Any other document.
    pub(super) const DOCUMENT: Self = Self {
        longest: REQUEST_TIMEOUT,
        longest_body: Duration::from_secs(20),
        largest: 4 << 20,
        parts: (b",", 256 << 10),
    };
    /// A page of the names of blobs, a thousand of them.
    pub(super) const BLOB_NAMES: Self = Self { parts: (b"<Blob", 8 << 10), ..Self::DOCUMENT };

    /// So many bytes of a file.
    pub(super) const fn bytes(largest: usize) -> Self {
        Self { largest, parts: (b"", usize::MAX), ..Self::DOCUMENT }
    }
}

/// Why an answer is not taken.
#[derive(Debug)]
pub(super) enum Unread<E> {
    TooLarge,
    TooManyParts,
    /// It did not come to its end in time.
    TooSlow,
    BrokenOff(E),
}

/// Reads an answer, as far as it is taken.
pub(super) async fn read<B: AsRef<[u8]>, E>(
    chunks: impl Stream<Item = Result<B, E>>,
    bounds: Bounds,
) -> Result<Vec<u8>, Unread<E>> {
    let reading = async {
        let mut chunks = pin!(chunks);
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.try_next().await.map_err(Unread::BrokenOff)? {
            if bytes.len() + chunk.as_ref().len() > bounds.largest {
                return Err(Unread::TooLarge);
            }
            bytes.extend_from_slice(chunk.as_ref());
        }
        let (part, most) = bounds.parts;
        if !part.is_empty() && memmem::find_iter(&bytes, part).nth(most).is_some() {
            return Err(Unread::TooManyParts);
        }
        Ok(bytes)
    };
    tokio::time::timeout(bounds.longest_body, reading).await.unwrap_or(Err(Unread::TooSlow))
}

impl<E: Error + 'static> Unread<E> {
    /// What to say of it. The request was sent, and may have been obeyed.
    pub(super) fn failure(&self, host: &str, bounds: Bounds) -> Failure {
        let nobody = "no service of Azure answers so: find out what answers in its place, a proxy or another server";
        match self {
            Self::TooLarge => Failure::unknown(format!("the answer of `{host}` is too large"))
                .because(format!("more than {} KiB, once unpacked, is not read", bounds.largest >> 10))
                .help(nobody)
                .retry(Retry::Never),
            Self::TooManyParts => Failure::unknown(format!("the answer of `{host}` has too many entries"))
                .because(format!("more than {} are not read", bounds.parts.1))
                .help(nobody)
                .retry(Retry::Never),
            Self::TooSlow => Failure::unknown(format!("the answer of `{host}` did not come to its end"))
                .because(format!("it has {} s for that, once it has begun", bounds.longest_body.as_secs()))
                .help("try again; if it stays so, look for what is slow: the host, or a proxy on the way"),
            Self::BrokenOff(error) => Failure::unknown(format!("`{host}` did not answer")).because(root_cause(error)),
        }
    }
}
