//! Every call to a vault → one line in the archive, where a real vault's diagnostic setting would put it.
//!
//! Main type: [`AuditTrail`]. A line is complete on disk before the caller has its answer, unless a lag is asked
//! for, as real logs arrive minutes later.
#![expect(clippy::disallowed_methods, reason = "the archive is a tree of files")]

use crate::clock::{self, Timestamp};
use crate::cloud::lock::lock;
use crate::files;
use serde_json::Value;
use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const SUBSCRIPTION: &str = "5F0D1C2B-7A34-4E6B-9C58-1D2E3F405162";
pub(super) const RESOURCE_GROUP: &str = "RG-DRILL";

/// A vault's address in the resource manager, in upper case as the logs write it.
pub(crate) fn resource_id(vault: &str) -> String {
    format!(
        "/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/{RESOURCE_GROUP}/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{}",
        vault.to_ascii_uppercase()
    )
}

/// A point in time with seven digits, as the logs write it.
pub(crate) fn log_time(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f0Z").to_string()
}

struct Pending {
    due: Timestamp,
    file: PathBuf,
    line: String,
}

/// The archive.
pub(crate) struct AuditTrail {
    root: PathBuf,
    lag: Duration,
    /// Lines that are not due yet, oldest first. Held while writing, so lines never mix.
    pending: Mutex<VecDeque<Pending>>,
}

impl AuditTrail {
    /// An archive below `root`, whose lines appear `lag` after their calls.
    pub(crate) fn create(root: PathBuf, lag: Duration) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { root, lag, pending: Mutex::default() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Adds an event of a vault.
    pub(crate) fn record(self: &Arc<Self>, vault: &str, at: Timestamp, event: &Value) -> io::Result<()> {
        let file = self
            .root
            .join(format!("resourceId={}", resource_id(vault)))
            .join(at.format("y=%Y/m=%m/d=%d/h=%H/m=00/PT1H.json").to_string());
        let lag = chrono::TimeDelta::from_std(self.lag).unwrap_or_default();
        let due = at + lag;
        let mut pending = lock(&self.pending);
        pending.push_back(Pending { due, file, line: format!("{event}\n") });
        if self.lag.is_zero() {
            return write_due(&mut pending, None);
        }
        drop(pending);
        let trail = Arc::clone(self);
        tokio::spawn(async move {
            clock::sleep_until(due).await;
            if let Err(error) = trail.write_until(Some(clock::now())) {
                tracing::warn!(%error, "could not write the audit trail");
            }
        });
        Ok(())
    }

    /// Writes what is due by `now`, or everything.
    pub(crate) fn write_until(&self, now: Option<Timestamp>) -> io::Result<()> {
        write_due(&mut lock(&self.pending), now)
    }
}

fn write_due(pending: &mut VecDeque<Pending>, now: Option<Timestamp>) -> io::Result<()> {
    while let Some(next) = pending.front() {
        if now.is_some_and(|now| next.due > now) {
            break;
        }
        if let Some(folder) = next.file.parent() {
            fs::create_dir_all(folder)?;
        }
        files::open_own(&next.file, OpenOptions::new().create(true).append(true))?.write_all(next.line.as_bytes())?;
        pending.pop_front();
    }
    Ok(())
}
