//! An archive in a storage account, read as the files that it is.

use super::place::{Place, is_log, vault_of_path};
use super::question::Question;
use super::store::{Listing, LogFile, Store};
use crate::azure::{Blob, BlobContainer};
use crate::failure::Failure;
use chrono::{Datelike, Months, TimeDelta};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// How many blobs are read side by side: each is waited for most of the time.
const SIDE_BY_SIDE: usize = 16;
/// How much of a blob is asked for at once.
const PIECE_BYTES: u64 = 1 << 20;

/// An archive in a storage account.
#[derive(Debug)]
pub(crate) struct Blobs {
    pub(crate) container: BlobContainer,
    pub(crate) runtime: Handle,
    /// What was listed, by name.
    sizes: Mutex<BTreeMap<String, u64>>,
}

impl Blobs {
    pub(crate) fn new(container: BlobContainer, runtime: Handle) -> Self {
        Self { container, runtime, sizes: Mutex::default() }
    }

    /// The beginnings of the names that may be of the time that is asked about. Below a vault's own folder these are the
    /// months; above it, everything is listed and sorted out by name.
    fn prefixes(&self, question: &Question) -> Vec<String> {
        let prefix = self.container.prefix();
        let is_vaults =
            place_of(prefix, question).is_some_and(|place| place.vault.is_some() && place.start().is_none());
        if !is_vaults {
            return vec![prefix.to_owned()];
        }
        let mut prefixes = Vec::new();
        let last = question.until + super::coverage::LATENESS + TimeDelta::days(1);
        let mut month = question.from - TimeDelta::days(1);
        while (month.year(), month.month()) <= (last.year(), last.month()) && prefixes.len() < 1200 {
            prefixes.push(format!("{}/y={}/m={:02}/", prefix.trim_end_matches('/'), month.year(), month.month()));
            month = month.checked_add_months(Months::new(1)).unwrap_or(last + TimeDelta::days(62));
        }
        prefixes
    }
}

fn place_of(path: &str, question: &Question) -> Option<Place> {
    Place::of_path(path.split('/').filter(|name| !name.is_empty()), question)
}

/// The place of a blob that may hold entries that are asked about, and the time it stands for.
fn judge(blob: &Blob, question: &Question) -> Option<(Place, bool)> {
    let (folder, name) = blob.name.rsplit_once('/').unwrap_or(("", &blob.name));
    let place = place_of(folder, question)?;
    let meets = place.meets(question);
    (!name.starts_with(['.', '_'])).then_some((place, meets))
}

impl Store for Blobs {
    fn describe(&self) -> String {
        self.container.url().to_string()
    }

    fn list(&self, question: &Question) -> Result<Listing, Failure> {
        let mut listing = Listing::default();
        let mut sizes = BTreeMap::new();
        let mut begins = |place: &Place| {
            if place.vault.as_deref() == Some(&question.vault.name) {
                listing.log_begins = [listing.log_begins, place.start()].into_iter().flatten().min();
            }
        };
        let (mut found, mut passed_over, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        let (mut has_other_times, mut other_vaults) = (false, BTreeSet::new());
        for prefix in self.prefixes(question) {
            let listed = self.container.list(&prefix, |blob| {
                if let Some((place, meets)) = judge(&blob, question) {
                    begins(&place);
                    let file = LogFile::new(blob.name.clone(), &place);
                    if !meets && is_log(&blob.name) && place.is_beside(question) {
                        beside.push((file, blob.size));
                        sizes.insert(blob.name, blob.size);
                    } else if !meets {
                        has_other_times = true;
                    } else if is_log(&blob.name) {
                        found.push(file);
                        sizes.insert(blob.name, blob.size);
                    } else if blob.size > 0 {
                        passed_over.push(file);
                    }
                } else {
                    other_vaults.extend(vault_of_path(&blob.name));
                }
                true
            });
            self.runtime.block_on(listed)?;
        }
        // Names come in their order, so the vault's first is its oldest.
        let first = self.container.list(self.container.prefix(), |blob| {
            let Some((place, _)) = judge(&blob, question) else { return true };
            begins(&place);
            false
        });
        self.runtime.block_on(first)?;
        let names: BTreeSet<&String> = sizes.keys().collect();
        found.retain(|file| file.name.strip_suffix(".gz").is_none_or(|plain| !names.contains(&plain.to_owned())));
        listing.files = found;
        (listing.beside, listing.has_other_times, listing.other_vaults) = (beside, has_other_times, other_vaults);
        listing.other_vaults.retain(|name| question.vaults().all(|vault| vault.name != *name));
        listing.passed_over = passed_over;
        listing.files.sort_by(|one, other| one.name.cmp(&other.name));
        *self.sizes.lock().unwrap_or_else(PoisonError::into_inner) = sizes;
        Ok(listing)
    }

    fn open<'s>(&'s self, file: &LogFile) -> io::Result<Box<dyn Read + 's>> {
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let size = sizes.get(&file.name).copied().unwrap_or_default();
        Ok(Box::new(Pieces { blobs: self, name: file.name.clone(), size, offset: 0, piece: io::Cursor::default() }))
    }

    fn side_by_side(&self) -> Option<usize> {
        Some(SIDE_BY_SIDE)
    }
}

/// A blob, piece by piece, up to the size it had when it was listed.
struct Pieces<'s> {
    blobs: &'s Blobs,
    name: String,
    size: u64,
    offset: u64,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.read(buffer)?;
        if count > 0 || buffer.is_empty() || self.offset >= self.size {
            return Ok(count);
        }
        let length = PIECE_BYTES.min(self.size - self.offset);
        let read = self.blobs.container.read(&self.name, self.offset, length);
        let piece = self.blobs.runtime.block_on(read).map_err(|failure| {
            io::Error::other(
                failure.reasons.first().map_or(failure.summary.clone(), |why| format!("{}: {why}", failure.summary)),
            )
        })?;
        if piece.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob became shorter while it was read"));
        }
        self.offset += piece.len() as u64;
        self.piece = io::Cursor::new(piece);
        self.piece.read(buffer)
    }
}
