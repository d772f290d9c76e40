//! What a run works on: a lock for each, so that no two runs work on the same.

use super::folder::Runs;
use super::lock::{Claimant, Holder, Lock, LockError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

/// The locks that a run holds on its targets; given back when dropped.
#[derive(Debug)]
pub struct Targets {
    runs: Runs,
    run: String,
    is_drill: bool,
    claimant: Claimant,
    held: Mutex<BTreeMap<String, Lock>>,
}

impl Targets {
    /// None is held yet.
    pub fn new(runs: Runs, run: &str, is_drill: bool, claimant: Claimant) -> Self {
        Self { runs, run: run.to_owned(), is_drill, claimant, held: Mutex::default() }
    }

    /// Takes the lock on a target, unless this run holds it already.
    pub fn take(&self, target: &str) -> Result<(), LockError> {
        // A drill and a real run on secrets of one name do not meet.
        let target = if self.is_drill { format!("drill {target}") } else { target.to_owned() };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Vacant(place) = held.entry(target.to_lowercase()) {
            let lock = self.runs.lock_target(place.key(), &self.run, &self.claimant)?;
            place.insert(lock);
        }
        Ok(())
    }

    /// Who died in another run while working on one of them.
    pub fn cut_off(&self) -> Vec<Holder> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.values().filter_map(Lock::predecessor).filter(|dead| dead.run != self.run).cloned().collect()
    }
}
