//! Blobs of storage accounts: written once or appended to, and held by leases.

use crate::clock::Timestamp;
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// As many blocks an append blob takes.
const MOST_BLOCKS: usize = 50_000;

/// All blobs, by account, container and name, as a path.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    blobs: BTreeMap<String, Blob>,
    /// Containers, as `ACCOUNT/CONTAINER`, with time-based retention and protected appends to append blobs.
    retained: BTreeSet<String>,
}

/// One blob.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_appendable: bool,
    /// How often it was written to.
    pub(crate) writes: usize,
    pub(crate) written_at: Timestamp,
    lease: Option<Lease>,
}

#[derive(Debug)]
struct Lease {
    id: String,
    lasts: TimeDelta,
    until: Timestamp,
}

/// What keeps a request from being carried out: a status and the service's word for it.
pub(crate) type Refused = (u16, &'static str);

const IMMUTABLE: Refused = (409, "BlobImmutableDueToPolicy");

impl Blobs {
    /// Keeps what is in a container, and what will be, as it is; lines can be appended to append blobs.
    pub(crate) fn retain(&mut self, container: &str) {
        self.retained.insert(container.to_owned());
    }

    fn is_retained(&self, path: &str) -> bool {
        let container = path.match_indices('/').nth(1).and_then(|(end, _)| path.get(..end));
        container.is_some_and(|container| self.retained.contains(container))
    }

    /// Takes a blob away.
    pub(crate) fn delete(&mut self, path: &str) -> Result<(), Refused> {
        if self.get(path).is_ok() && self.is_retained(path) {
            return Err(IMMUTABLE);
        }
        self.blobs.remove(path).map(drop).ok_or((404, "BlobNotFound"))
    }

    /// Makes a blob; `once` refuses where there is one.
    pub(crate) fn put(
        &mut self,
        path: &str,
        bytes: Vec<u8>,
        is_appendable: bool,
        (once, now): (bool, Timestamp),
    ) -> Result<(), Refused> {
        if self.blobs.contains_key(path) && self.is_retained(path) {
            return Err(IMMUTABLE);
        }
        if once && self.blobs.contains_key(path) {
            return Err((409, "BlobAlreadyExists"));
        }
        self.blobs.insert(path.to_owned(), Blob { bytes, is_appendable, writes: 0, written_at: now, lease: None });
        Ok(())
    }

    pub(crate) fn get(&self, path: &str) -> Result<&Blob, Refused> {
        self.blobs.get(path).ok_or((404, "BlobNotFound"))
    }

    /// Appends a block, where the blob has this length if one is given, under the lease that it has. Gives where it begins,
    /// and how many there are.
    pub(crate) fn append(
        &mut self,
        path: &str,
        block: &[u8],
        at: Option<u64>,
        (lease, now): (Option<&str>, Timestamp),
    ) -> Result<(u64, usize), Refused> {
        let is_retained = self.is_retained(path);
        let blob = self.blobs.get_mut(path).ok_or((404, "BlobNotFound"))?;
        blob.admits(lease, now)?;
        let length = blob.bytes.len() as u64;
        if !blob.is_appendable && is_retained {
            return Err(IMMUTABLE);
        }
        if !blob.is_appendable {
            return Err((409, "InvalidBlobType"));
        }
        if at.is_some_and(|at| at != length) {
            return Err((412, "AppendPositionConditionNotMet"));
        }
        if blob.writes >= MOST_BLOCKS {
            return Err((409, "BlockCountExceedsLimit"));
        }
        blob.bytes.extend_from_slice(block);
        blob.writes += 1;
        blob.written_at = now;
        Ok((length, blob.writes))
    }

    /// The blobs whose paths begin so, after a marker, no more than this many, in the order of their names.
    pub(crate) fn list(&self, begin: &str, after: &str, most: usize) -> Vec<(&str, &Blob)> {
        let from = begin.max(after).to_owned();
        let found = self.blobs.range(from..).take_while(|(path, _)| path.starts_with(begin) || path.as_str() < begin);
        found.filter(|(path, _)| path.as_str() > after).take(most).map(|(path, blob)| (path.as_str(), blob)).collect()
    }

    /// Begins a lease, or goes on with one of the same id.
    pub(crate) fn acquire(&mut self, path: &str, id: &str, seconds: i64, now: Timestamp) -> Result<(), Refused> {
        let blob = self.blobs.get_mut(path).ok_or((404, "BlobNotFound"))?;
        if blob.lease(now).is_some_and(|lease| lease.id != id) {
            return Err((409, "LeaseAlreadyPresent"));
        }
        let lasts = TimeDelta::seconds(seconds);
        blob.lease = Some(Lease { id: id.to_owned(), lasts, until: now + lasts });
        Ok(())
    }

    /// One that has run out goes on as well, as long as nobody else began one.
    pub(crate) fn renew(&mut self, path: &str, id: &str, now: Timestamp) -> Result<(), Refused> {
        let blob = self.blobs.get_mut(path).ok_or((404, "BlobNotFound"))?;
        let lease = blob.lease.as_mut().filter(|lease| lease.id == id);
        let lease = lease.ok_or((409, "LeaseIdMismatchWithLeaseOperation"))?;
        lease.until = now + lease.lasts;
        Ok(())
    }

    /// Ends a lease: one's own, or at once whosesoever.
    pub(crate) fn end_lease(&mut self, path: &str, own: Option<&str>) -> Result<(), Refused> {
        let blob = self.blobs.get_mut(path).ok_or((404, "BlobNotFound"))?;
        match (&blob.lease, own) {
            (Some(lease), Some(id)) if lease.id != id => Err((409, "LeaseIdMismatchWithLeaseOperation")),
            (None, _) => Err((409, "LeaseNotPresentWithLeaseOperation")),
            _ => {
                blob.lease = None;
                Ok(())
            }
        }
    }
}

impl Blob {
    /// Whether a write under this lease, or under none, is taken.
    fn admits(&self, own: Option<&str>, now: Timestamp) -> Result<(), Refused> {
        match (self.lease(now), own) {
            (None, None) => Ok(()),
            (Some(lease), Some(own)) if lease.id == own => Ok(()),
            (Some(_), None) => Err((412, "LeaseIdMissing")),
            (Some(_), Some(_)) => Err((409, "LeaseIdMismatchWithBlobOperation")),
            (None, Some(_)) if self.lease.is_some() => Err((412, "LeaseLost")),
            (None, Some(_)) => Err((412, "LeaseNotPresentWithBlobOperation")),
        }
    }

    fn lease(&self, now: Timestamp) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.until > now)
    }

    pub(crate) fn is_leased(&self, now: Timestamp) -> bool {
        self.lease(now).is_some()
    }
}
