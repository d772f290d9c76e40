//! Deadlines that outlive the process, and what is put off until after the end of a step.

use super::attempt::{Attempt, Stop};
use crate::clock::{self, Timestamp};
use crate::engine::TimerState;
use crate::engine::event::Event;
use std::time::Duration;

impl Attempt {
    /// A deadline that outlives the process. Set once; met again, it is the same.
    pub async fn deadline(&self, timer: &str, after: Duration) -> Result<Timestamp, Stop> {
        let after = chrono::Duration::from_std(after).unwrap_or(chrono::Duration::MAX);
        let until = clock::now().checked_add_signed(after).unwrap_or(Timestamp::MAX_UTC);
        if let Some(timer) = self.ledger.step(&self.step).timers.get(timer) {
            // A clock that was put back since must not make the wait longer.
            return Ok(timer.until.min(until));
        }
        let event = Event::TimerSet { step: self.step.clone(), timer: timer.to_owned(), until, follow_up: false };
        self.ledger.record(event).await?;
        Ok(until)
    }

    /// Puts something off until a point in time after the end of the step, which begins once more when the run is gone on
    /// with after it. Set once; met again, it is the same.
    pub async fn follow_up(&self, timer: &str, until: Timestamp) -> Result<(), Stop> {
        if self.ledger.step(&self.step).timers.contains_key(timer) {
            return Ok(());
        }
        let (step, timer) = (self.step.clone(), timer.to_owned());
        self.ledger.record(Event::TimerSet { step, timer, until, follow_up: true }).await?;
        Ok(())
    }

    /// What was put off, in the order of time.
    pub fn follow_ups(&self) -> Vec<(String, TimerState)> {
        let timers = self.ledger.step(&self.step).timers;
        let mut timers: Vec<_> = timers.into_iter().filter(|(_, timer)| timer.follow_up).collect();
        timers.sort_by_key(|(_, timer)| timer.until);
        timers
    }

    /// Records that a deadline has come, or is no longer waited for.
    pub async fn end_timer(&self, timer: &str) -> Result<(), Stop> {
        if self.ledger.step(&self.step).timers.get(timer).is_some_and(|timer| !timer.fired) {
            self.ledger.record(Event::TimerFired { step: self.step.clone(), timer: timer.to_owned() }).await?;
        }
        Ok(())
    }
}
