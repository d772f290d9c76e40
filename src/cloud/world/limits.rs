//! Service limits: how many calls a vault takes in a window before it answers 429.
//!
//! A refused call does not count, so a client that keeps hammering gets its share as the window moves on.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// How many calls a vault takes in any window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Secrets created.
    pub creates: usize,
    /// All other calls.
    pub others: usize,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

impl Limits {
    /// What Azure publishes: 300 creations and 4,000 other calls in 10 seconds.
    pub const PUBLISHED: Self = Self { creates: 300, others: 4_000, window_ms: 10_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::PUBLISHED
    }
}

/// Which of a vault's two limits a call counts towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Quota {
    Creates,
    Others,
}

/// The calls each vault took lately.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    limits: Option<Limits>,
    taken: HashMap<(String, Quota), VecDeque<Timestamp>>,
}

impl Meter {
    pub(crate) fn new(limits: Option<Limits>) -> Self {
        Self { limits, taken: HashMap::new() }
    }

    /// Other limits, or none; what was counted is forgotten.
    pub(crate) fn set(&mut self, limits: Option<Limits>) {
        *self = Self::new(limits);
    }

    /// Counts a call, unless it is one too many.
    pub(crate) fn take(&mut self, vault: &str, quota: Quota, now: Timestamp) -> bool {
        let Some(limits) = self.limits else { return true };
        let most = match quota {
            Quota::Creates => limits.creates,
            Quota::Others => limits.others,
        };
        let taken = self.taken.entry((vault.to_owned(), quota)).or_default();
        let window = i64::try_from(limits.window_ms).unwrap_or(i64::MAX);
        while taken.front().is_some_and(|at| (now - *at).num_milliseconds() >= window) {
            taken.pop_front();
        }
        let allowed = taken.len() < most;
        if allowed {
            taken.push_back(now);
        }
        allowed
    }
}
