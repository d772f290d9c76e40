//! The only way to learn the time, or to wait for it.
#![expect(clippy::disallowed_methods, reason = "this is the one home of the clock")]

use chrono::{DateTime, SubsecRound, Utc};
use std::time::Duration;

/// A point in time, always UTC.
pub type Timestamp = DateTime<Utc>;

/// The present, to the microsecond: what the journal can hold.
pub fn now() -> Timestamp {
    Utc::now().trunc_subsecs(6)
}

/// A moment as it is written for people: to the second, UTC.
pub fn second(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Waits for a while.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits until `deadline`, by the wall clock, so that a machine that slept through it wakes up late rather than
/// starting over.
pub async fn sleep_until(deadline: Timestamp) {
    loop {
        let Ok(left) = (deadline - now()).to_std() else {
            return;
        };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_secs(5))).await;
    }
}
