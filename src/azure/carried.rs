//! A failure on its way through the Azure crates, which hand on nothing but their own errors.

use crate::failure::Failure;
use crate::told::told;
use azure_core::error::ErrorKind;
use std::fmt;

/// A failure on its way through the Azure crates, which hand on nothing but their own errors.
#[derive(Debug)]
struct Carried(Failure);

impl fmt::Display for Carried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.summary)
    }
}

impl std::error::Error for Carried {}

/// Wraps a failure for the way through the Azure crates; [`failed`] takes it out again.
pub(super) fn carry(kind: ErrorKind, failure: Failure) -> azure_core::Error {
    azure_core::Error::new(kind, Carried(failure))
}

pub(super) fn carried(error: &azure_core::Error) -> Option<&Failure> {
    chain(error).find_map(|cause| cause.downcast_ref::<Carried>()).map(|carried| &carried.0)
}

/// The failure that an error carries, else another.
pub(super) fn carried_or(error: &azure_core::Error, other: impl FnOnce() -> Failure) -> Failure {
    carried(error).cloned().unwrap_or_else(other)
}

/// An error and everything behind it.
pub(super) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |cause| cause.source())
}

/// The innermost reason, as far as it may be repeated: the outer ones repeat the URL.
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if let Some(unreadable) = cause.downcast_ref::<serde_json::Error>() {
        return misshapen(unreadable);
    }
    let why = cause.to_string();
    let is_form = |error: &azure_core::Error| matches!(error.kind(), ErrorKind::DataConversion);
    let is_misshapen = chain(error).filter_map(|cause| cause.downcast_ref()).any(is_form)
        || ["invalid type", "invalid value", "invalid length", "unknown "].iter().any(|words| why.starts_with(words));
    if is_misshapen { MISSHAPEN.to_owned() } else { told(&why) }
}

const MISSHAPEN: &str = "it is not of the form that is documented";

/// Where an answer stops to be what it should be. The reader's own words quote what stands there, and in an answer that
/// tells a key that is the key.
pub(super) fn misshapen(error: &serde_json::Error) -> String {
    format!("{MISSHAPEN}, at line {}, column {}", error.line(), error.column())
}
