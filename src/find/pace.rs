//! How fast one vault is asked: a part of what the vault takes, so that its own readers keep the rest.

use crate::clock::{self, Timestamp};
use chrono::TimeDelta;
use std::sync::{Mutex, PoisonError};

/// The published limit is 4,000 calls in 10 s for each vault. This is half of it.
const CALLS_PER_SECOND: i32 = 200;
/// How many calls may come at once.
const BURST: i32 = 40;

/// The pace of one vault.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next call may leave, if none were saved up.
    next: Mutex<Timestamp>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { next: Mutex::new(clock::now()) }
    }

    /// Waits for the next call's turn.
    pub(super) async fn turn(&self) {
        let step = TimeDelta::seconds(1) / CALLS_PER_SECOND;
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(clock::now() - step * BURST);
            *next = turn + step;
            turn
        };
        clock::sleep_until(turn).await;
    }

    /// Nobody asks before this long: the vault said that it is too much.
    pub(super) fn rest(&self, pause: std::time::Duration) {
        let until = clock::now() + TimeDelta::from_std(pause).unwrap_or(TimeDelta::seconds(30));
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(until);
    }
}
