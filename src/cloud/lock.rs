//! Locks that outlive the thread that held them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a thread that died while holding it leaves whole values behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
