//! A log that lies in files, wherever they are: listed, pruned by the hours in their names, read side by side.

use super::coverage::LATENESS;
use super::event::Event;
use super::groups::{Groups, Key};
use super::place::Place;
use super::question::Question;
use super::reading::{Reading, hour_start};
use super::scan::{Collect, Look, scan};
use super::search::Needle;
use super::trail::{Reach, Sighting, Trail};
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use flate2::read::MultiGzDecoder;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Where files lie.
pub(crate) trait Store: Sync {
    /// The place, for people.
    fn describe(&self) -> String;
    /// The files of the vaults and the time that are asked about, in the order of their names.
    ///
    /// # Errors
    /// If a part cannot be listed: an answer from a part of the log would look whole.
    fn list(&self, question: &Question) -> Result<Listing, Failure>;
    /// Opens a file, as it lies there.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open<'s>(&'s self, file: &LogFile) -> io::Result<Box<dyn Read + 's>>;
    /// How many files to read side by side, where that is not the number of cores: more where answers are waited for.
    fn side_by_side(&self) -> Option<usize> {
        None
    }
}

/// What a store holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<LogFile>,
    /// Since when there is any file of the secret's vault.
    pub(crate) log_begins: Option<Timestamp>,
}

impl Listing {
    pub(crate) fn merge(&mut self, other: Self) {
        self.files.extend(other.files);
        self.log_begins = [self.log_begins, other.log_begins].into_iter().flatten().min();
    }
}

/// One file of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) name: String,
    /// The hour its folder stands for, counted from 1970; none outside of the tree.
    pub(crate) hour: Option<i64>,
    /// The vault its folder stands for, in lower case; none outside of the tree.
    pub(crate) vault: Option<String>,
    /// Whether it may still be written to: its hour is not long over.
    pub(crate) may_grow: bool,
    /// Whether it was read before and held lines alone, no lists.
    pub(crate) only_lines: bool,
}

impl LogFile {
    pub(crate) fn new(name: String, place: &Place) -> Self {
        let hour = place.hour();
        let ends = hour.and_then(|hour| hour_start(hour + 1));
        let may_grow = ends.is_some_and(|ends| clock::now() - ends < LATENESS);
        Self { name, hour, vault: place.vault.clone(), may_grow, only_lines: false }
    }

    /// Tells it from others, in little room.
    pub(crate) fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.name.hash(&mut hasher);
        hasher.finish()
    }
}

/// Decompresses what is compressed, whatever its name.
///
/// # Errors
/// If its first bytes cannot be read.
pub(crate) fn decompress<'s>(mut source: Box<dyn Read + 's>) -> io::Result<Box<dyn Read + 's>> {
    let mut beginning = Vec::with_capacity(GZIP_MAGIC.len());
    source.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut beginning)?;
    let compressed = beginning == GZIP_MAGIC;
    let whole = io::Cursor::new(beginning).chain(source);
    Ok(if compressed { Box::new(MultiGzDecoder::new(io::BufReader::new(whole))) } else { Box::new(whole) })
}

/// A log that lies in files.
#[derive(Debug)]
pub(crate) struct Files<S> {
    store: S,
    /// What the first question learned for the second.
    only_lines: Mutex<HashSet<u64>>,
}

impl<S: Store> Files<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store, only_lines: Mutex::default() }
    }

    fn scan<C: Collect>(
        &self,
        files: &[&LogFile],
        needle: &Needle,
        look: Look,
        new: impl Fn() -> C + Sync + Send,
    ) -> Result<(C, Reading), Failure> {
        let Some(threads) = self.store.side_by_side() else { return Ok(scan(&self.store, files, needle, look, new)) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool =
            pool.map_err(|error| Failure::refused("the log cannot be read side by side").because(error.to_string()))?;
        Ok(pool.install(|| scan(&self.store, files, needle, look, new)))
    }
}

impl<S: Store> Trail for Files<S> {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn sight(&self, question: &Question) -> Result<Sighting, Failure> {
        let question = question.of_own_vault();
        let listing = self.store.list(&question)?;
        let new = || Accesses { question: &question, sighting: Sighting::default() };
        let files: Vec<&LogFile> = listing.files.iter().collect();
        let (accesses, seen) = self.scan(&files, &Needle::secret(&question.secret), Look::AtAll, new)?;
        let mut sighting = accesses.sighting;
        sighting.seen = seen.finished();
        self.only_lines.lock().unwrap_or_else(PoisonError::into_inner).extend(sighting.seen.only_lines.drain(..));
        sighting.seen.files = files.len() as u64;
        sighting.seen.log_begins = listing.log_begins;
        sighting.seen.vaults = files.iter().filter_map(|file| file.vault.clone()).collect();
        // Files outside of the tree do not say whose they are; their entries do.
        if sighting.seen.events > 0 {
            sighting.seen.vaults.insert(question.vault.name.clone());
        }
        Ok(sighting)
    }

    fn reach(&self, question: &Question, callers: &BTreeSet<String>) -> Result<Reach, Failure> {
        let question = question.without_baseline();
        let mut listing = self.store.list(&question)?;
        let only_lines = self.only_lines.lock().unwrap_or_else(PoisonError::into_inner);
        listing.files.iter_mut().for_each(|file| file.only_lines = only_lines.contains(&file.mark()));
        drop(only_lines);
        let files: Vec<&LogFile> = listing.files.iter().collect();
        let new = || ReachOf { question: &question, callers, groups: Groups::default() };
        let (reach, seen) = self.scan(&files, &Needle::callers(callers.iter()), Look::AtCandidates, new)?;
        let mut vaults: BTreeSet<String> = files.iter().filter_map(|file| file.vault.clone()).collect();
        if seen.bytes > 0 && files.iter().any(|file| file.vault.is_none()) {
            vaults.extend(question.vaults().map(|vault| vault.name.clone()));
        }
        Ok(Reach { groups: reach.groups, vaults, truncations: Vec::new() })
    }

    fn events(&self, question: &Question, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        let question = question.of_own_vault();
        let listing = self.store.list(&question)?;
        for file in &listing.files {
            let new = || Single { question: &question, found: Vec::new() };
            let (single, _) = scan(&self.store, &[file], &Needle::secret(&question.secret), Look::AtAll, new);
            single.found.iter().for_each(&mut *take);
        }
        Ok(())
    }
}

/// The first pass: what names the secret, and what changed the vault.
struct Accesses<'q> {
    question: &'q Question,
    sighting: Sighting,
}

impl Collect for Accesses<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.sighting.take(self.question, event);
    }

    fn merge(&mut self, later: Self) {
        self.sighting.merge(later.sighting);
    }
}

/// The second pass: what else the unknown callers did.
struct ReachOf<'q> {
    question: &'q Question,
    callers: &'q BTreeSet<String>,
    groups: Groups,
}

impl Collect for ReachOf<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if self.callers.contains(&event.oid)
            && let Some(key) = reach_key(self.question, event)
        {
            self.groups.add(key, event);
        }
    }

    fn merge(&mut self, later: Self) {
        self.groups.merge(later.groups);
    }
}

/// Under which key an event counts as something else that a caller did, if it does.
pub(crate) fn reach_key(question: &Question, event: &Event<'_>) -> Option<Key> {
    let vault = question.vault_of(event)?;
    let is_the_secret = vault == question.vault.name && event.names(&question.secret);
    if is_the_secret || !question.is_in_window(event.at) || question.is_own(event) {
        return None;
    }
    let named = event.returned.as_ref().or(event.asked.as_ref());
    let secret = named.map_or("", |named| named.secret.as_str());
    Some(Key::new(event, vault, secret, "", false))
}

/// Events one by one, where there are few.
struct Single<'q> {
    question: &'q Question,
    found: Vec<Event<'static>>,
}

impl Collect for Single<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let question = self.question;
        if event.names(&question.secret) && question.is_of_own_vault(event) && question.is_in_window(event.at) {
            self.found.push(event.to_owned_event());
        }
    }

    fn merge(&mut self, later: Self) {
        self.found.extend(later.found);
    }
}
