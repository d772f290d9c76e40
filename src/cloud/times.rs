//! How a moment is written wherever the control shows one.

use crate::clock::Timestamp;
use chrono::SecondsFormat;

/// RFC 3339, to the microsecond.
pub(crate) fn shown(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
