//! Locks that a live process holds, and that its end, however sudden, gives back.

use crate::clock::{self, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Who holds a lock.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Holder {
    pub run: String,
    pub operator: String,
    pub host: String,
    pub process: u32,
    pub since: Timestamp,
}

/// A held lock; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("it is held")]
    Held(Option<Holder>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock or says who has it. It never waits.
    pub fn take(path: &Path, run: &str, operator: &str, host: &str) -> Result<Self, LockError> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let holder = Holder {
            run: run.to_owned(),
            operator: operator.to_owned(),
            host: host.to_owned(),
            process: std::process::id(),
            since: clock::now(),
        };
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&serde_json::to_vec(&holder).unwrap_or_default())?;
        Ok(Self { _file: file })
    }

    /// Whether a live process holds the lock, and who.
    pub fn holder(path: &Path) -> Option<Holder> {
        let mut file = OpenOptions::new().read(true).open(path).ok()?;
        match file.try_lock_shared() {
            Ok(()) => None,
            Err(_) => holder(&mut file),
        }
    }
}

/// Who wrote its name into the lock; nothing if it is being written just now.
fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
