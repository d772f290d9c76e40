//! Reads that fail for a moment are asked again; writes never come here.

use super::budget;
use crate::clock;
use crate::engine::RetryPolicy;
use crate::failure::{Failure, Retry};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// Some tries within some seconds; what lasts longer is the step's own retry to outlast.
const READS: RetryPolicy = RetryPolicy { max: 4, first: Duration::from_millis(250), longest: Duration::from_secs(4) };

/// Asks until there is an answer, a refusal that will not change, or no patience left.
pub(super) async fn read<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut attempt = 1;
    let mut told: Option<Failure> = None;
    loop {
        let failure = match ask().await {
            Ok(answer) => return Ok(answer),
            // What the vault said, or why it said nothing, helps more than that it was not asked again.
            Err(failure) if budget::is_left_alone(&failure) => match told {
                Some(told) => Failure { retry: failure.retry, ..told },
                None => failure,
            },
            Err(failure) => failure,
        };
        // Who asks for a longer pause than there is patience for is not asked again before it is over.
        if matches!(failure.retry, Retry::After(pause) if pause > READS.longest) {
            return Err(failure);
        }
        let Some(wait) = READS.wait(attempt, failure.retry, None, &failure.summary) else { return Err(failure) };
        tracing::info!(attempt, "asking again in {wait:?}: {}", failure.summary);
        clock::sleep(wait).await;
        attempt += 1;
        told = Some(failure);
    }
}

/// What a `Retry-After` header asks for: seconds, or a date.
pub(super) fn after(header: &str) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(header).ok()?.with_timezone(&Utc);
    Some((date - clock::now()).to_std().unwrap_or(Duration::ZERO))
}
