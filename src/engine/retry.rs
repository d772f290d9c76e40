//! Back-off arithmetic, with an upper bound on everything.

use crate::failure::Retry;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How often, and after which waits, a step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max: u32,
    /// The first wait.
    pub first: Duration,
    /// No wait is longer, whatever the other side asks for.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    /// Enough for a throttled or restarting vault, and over within some minutes.
    fn default() -> Self {
        Self { max: 6, first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// The wait before the attempt after `attempt` (counted from 1), or nothing if there is none.
    ///
    /// All of the back-off is jitter, so that many runs that failed together do not come back together; it is drawn
    /// from `seed`, so that the same run replayed waits the same. Where the other side asks for a pause it gets it, up
    /// to the step's own `timeout`, or without one up to the longest wait of this policy.
    pub fn wait(&self, attempt: u32, retry: Retry, timeout: Option<Duration>, seed: &str) -> Option<Duration> {
        if attempt > self.max {
            return None;
        }
        let asked = match retry {
            Retry::Never => return None,
            Retry::Later => Duration::ZERO,
            Retry::After(asked) => asked.min(timeout.unwrap_or(self.longest.max(self.first))),
        };
        let doublings = attempt.saturating_sub(1).min(16);
        let wait = self.first.saturating_mul(1 << doublings).min(self.longest.max(self.first));
        Some(wait.mul_f64(fraction(seed, attempt)).max(asked))
    }
}

/// A number in [0, 1) drawn from the seed.
fn fraction(seed: &str, attempt: u32) -> f64 {
    let digest = Sha256::new().chain_update(seed).chain_update(attempt.to_be_bytes()).finalize();
    let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}
