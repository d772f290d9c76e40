//! Runs by their names, wherever they are kept: what lies in a run's folder, and what may be done with it.

use super::local::LocalRuns;
use super::lock::{Claimant, Holder, Lock, LockError};
use super::reader::{Journal, ReadError, first_record};
use super::record::Record;
use super::run_store::{CHAT_MESSAGE, LeftAnswer, Mark, Pinned, Presence, RunStore};
use super::store::Store;
use crate::clock::Timestamp;
use crate::engine::event::RunOpened;
use crate::engine::{IllegalEvent, State};
use crate::files::LARGEST_TEXT;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many journals that lie elsewhere are asked for at a time.
const SIDE_BY_SIDE: usize = 16;

/// All runs of a store.
#[derive(Clone, Debug)]
pub struct Runs {
    store: Arc<dyn RunStore>,
}

/// One run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    run: String,
    /// Its name below the store.
    pub(super) name: String,
    pub(super) store: Arc<dyn RunStore>,
}

/// A text that no run can have for its id.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot be the id of a run")]
pub struct NotARunId(String);

/// Letters, digits, `-`, `_` and `.`, at most 100, the first a letter or a digit: a run's id is the name of its folder,
/// and a word on a command line.
pub fn valid_run_id(run: &str) -> Result<&str, NotARunId> {
    let valid = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let is_one =
        run.len() <= 100 && run.chars().all(valid) && run.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_one { Ok(run) } else { Err(NotARunId(run.to_owned())) }
}

impl Runs {
    /// The runs below a state directory, which need not exist yet.
    pub fn new(state: PathBuf) -> Self {
        Self::kept_in(Arc::new(LocalRuns::new(state)))
    }

    /// The runs of a store.
    pub fn kept_in(store: Arc<dyn RunStore>) -> Self {
        Self { store }
    }

    /// Where they are kept.
    pub(super) fn store(&self) -> &dyn RunStore {
        self.store.as_ref()
    }

    /// Whether other machines reach it as well.
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// The folder of this machine for what is made of runs: the state directory.
    pub fn state(&self) -> &Path {
        self.store.here()
    }

    /// Where they are kept, for people.
    pub fn place(&self) -> String {
        self.store.place("")
    }

    /// A run's folder, which need not exist.
    ///
    /// # Errors
    /// If the text cannot be the id of a run.
    pub fn folder(&self, run: &str) -> Result<RunFolder, NotARunId> {
        let run = valid_run_id(run)?;
        Ok(RunFolder { run: run.to_owned(), name: format!("runs/{run}"), store: Arc::clone(&self.store) })
    }

    /// The ids of all runs, in the order of their names, which is that of their beginning.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let mut runs = self.store.runs()?;
        runs.sort();
        Ok(runs)
    }

    /// With what each run began that can be read, in the order of their names.
    pub fn openings(&self) -> Vec<RunOpened> {
        let ids = self.list().unwrap_or_default();
        let opened = |run: &String| Some(self.folder(run).ok()?.opened().ok()?.1);
        if !self.store.is_shared() {
            return ids.iter().filter_map(opened).collect();
        }
        // Each is waited for most of the time.
        std::thread::scope(|scope| {
            let shares = ids.chunks(ids.len().div_ceil(SIDE_BY_SIDE).max(1));
            let reading = |share| scope.spawn(move || Vec::from_iter(<[String]>::iter(share).filter_map(opened)));
            let reading: Vec<_> = shares.map(reading).collect();
            reading.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
        })
    }
}

impl RunFolder {
    /// All runs of the store that it lies in.
    pub fn runs(&self) -> Runs {
        Runs { store: Arc::clone(&self.store) }
    }

    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The folder of this machine for what is made of the run.
    pub fn path(&self) -> PathBuf {
        self.store.here().join(&self.name)
    }

    pub(super) fn name_of(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// Where something in it lies, for people.
    pub fn place_of(&self, name: &str) -> String {
        self.store.place(&self.name_of(name))
    }

    /// Where it lies, for people.
    pub fn place(&self) -> String {
        self.store.place(&self.name)
    }

    /// Where the journal lies, for people.
    pub fn journal(&self) -> String {
        self.place_of("journal.jsonl")
    }

    /// Where the last report lies, on this machine.
    pub fn report(&self) -> PathBuf {
        self.path().join("report")
    }

    /// Whether other machines reach it as well.
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// Tells through this what keeps the store from answering, while it is asked again.
    pub fn announce(&self, tell: impl Fn(String) + Send + Sync + 'static) {
        self.store.announce(Box::new(tell));
    }

    /// Whether there is such a run.
    ///
    /// # Errors
    /// If that cannot be seen.
    pub fn presence(&self) -> io::Result<Presence> {
        self.store.presence(&self.run)
    }

    /// Takes the name of a run that is not there yet: the first that is written of it. It gets its place by
    /// [`publish`](Self::publish), when its first record is durable: a run is there with all that is pinned, or not at all.
    pub fn reserve(&self, claimant: &Claimant) -> Result<Lock, LockError> {
        self.store.reserve(&self.run, claimant)
    }

    /// Pins the runbook and the configuration of a run whose name is held, with the fragments that the runbook includes, each
    /// by its SHA-256, and gives its journal.
    pub fn create<'a>(
        &self,
        runbook: &str,
        configuration: Option<&str>,
        fragments: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> io::Result<Box<dyn Store>> {
        let mut pins = vec![Pinned { name: "runbook.yaml".to_owned(), text: runbook }];
        pins.extend(configuration.map(|text| Pinned { name: "stanch.yaml".to_owned(), text }));
        // Two paths may name the same bytes.
        let fragments: BTreeMap<&str, &str> = fragments.collect();
        pins.extend(fragments.into_iter().map(|(sha256, text)| Pinned { name: fragment(sha256), text }));
        self.store.stage(&self.run, &pins)
    }

    /// Gives a new run its place.
    pub fn publish(&self) -> io::Result<()> {
        self.store.publish(&self.run)
    }

    /// Takes away, where that can be, what was written of a run that does not begin.
    pub fn forget(&self) {
        self.store.forget(&self.run);
    }

    /// The pinned runbook.
    pub fn runbook(&self) -> io::Result<String> {
        self.text("runbook.yaml")
    }

    /// The pinned configuration.
    pub fn configuration(&self) -> io::Result<String> {
        self.text("stanch.yaml")
    }

    /// Where a pinned fragment lies, by its SHA-256, for people.
    pub fn fragment(&self, sha256: &str) -> String {
        self.place_of(&fragment(sha256))
    }

    /// A pinned fragment, by its SHA-256.
    pub fn read_fragment(&self, sha256: &str) -> io::Result<String> {
        self.text(&fragment(sha256))
    }

    fn text(&self, name: &str) -> io::Result<String> {
        let bytes = self.store.read(&self.name_of(name), LARGEST_TEXT)?;
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    }

    /// Takes the run: one live process works on it, at the one place where it goes on.
    pub fn lock(&self, claimant: &Claimant) -> Result<Lock, LockError> {
        let lock = self.store.lock(&self.name_of("lock"), &self.run, claimant)?;
        // What it was left by stays as it was where it may not be gone on with.
        match self.goes_on_here() {
            Ok(()) => Ok(lock),
            Err(error) => {
                drop(lock.borrowed());
                Err(error)
            }
        }
    }

    /// Takes the run for as long as it takes to add an answer to its journal: whoever died while working on it is still
    /// named afterwards.
    pub fn lock_to_answer(&self, claimant: &Claimant) -> Result<Lock, LockError> {
        self.lock(claimant).map(Lock::borrowed)
    }

    /// The live process that works on the run, if there is one.
    pub fn holder(&self) -> Option<Holder> {
        self.store.holder(&self.name_of("lock"))
    }

    /// What tells whether the run has changed since: compared, and cheap to ask for.
    pub fn mark(&self) -> Mark {
        self.store.mark(&self.name)
    }

    /// The journal's lines, from the first one on.
    pub fn lines(&self) -> Result<Box<dyn Read + Send>, ReadError> {
        self.store.lines(&self.name_of("journal.jsonl"))
    }

    /// Reads and verifies the journal, which must be this run's.
    pub fn fold(&self, take: impl FnMut(&Record, &str) -> Result<(), IllegalEvent>) -> Result<Journal, ReadError> {
        Journal::fold(self.lines()?, Some(&self.run), take)
    }

    /// Where the run stands, in outline, and where its journal ends.
    pub fn state(&self) -> Result<(Journal, State), ReadError> {
        Journal::state(self.lines()?, Some(&self.run))
    }

    /// With what the run began, and when; the rest of the journal is not looked at.
    pub fn opened(&self) -> Result<(Timestamp, RunOpened), ReadError> {
        first_record(self.lines()?, &self.run)
    }

    /// Opens the journal to go on with it.
    pub fn open_journal(&self) -> io::Result<Box<dyn Store>> {
        self.store.open_lines(&self.name_of("journal.jsonl"))
    }

    /// Leaves an answer for the process that works on the run.
    pub fn leave_answer(&self, name: &str, answer: &[u8]) -> io::Result<()> {
        self.store.leave_answer(&self.name, name, answer)
    }

    /// Takes back an answer that was left. Gives whether nobody had taken it.
    pub fn withdraw_answer(&self, name: &str) -> bool {
        self.store.withdraw_answer(&self.name, name)
    }

    /// Takes the oldest answer that was left.
    pub fn take_answer(&self) -> Option<LeftAnswer> {
        self.store.take_answer(&self.name)
    }

    /// Tells whoever left an answer why it was not taken; nothing if it was.
    pub fn reply(&self, name: &str, refused: Option<&str>) -> io::Result<()> {
        self.store.reply(&self.name, name, refused.unwrap_or_default())
    }

    /// The reply to an answer that was left, once there is one. Empty if it was taken.
    pub fn take_reply(&self, name: &str) -> Option<String> {
        self.store.take_reply(&self.name, name)
    }

    /// The message in a chat that is kept up to date, once there is one.
    ///
    /// # Errors
    /// If that cannot be seen.
    pub fn chat_message<Message: DeserializeOwned>(&self) -> io::Result<Option<Message>> {
        match self.store.read(&self.name_of(CHAT_MESSAGE), LARGEST_TEXT) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps which message that is. Who was first stays.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub fn keep_chat_message(&self, message: &impl Serialize) -> io::Result<()> {
        let bytes = serde_json::to_vec(message).map_err(io::Error::from)?;
        match self.store.create(&self.name_of(CHAT_MESSAGE), &bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        }
    }

    /// Whether this head was stamped before, by an earlier life of the run that ended there.
    pub fn is_stamped(&self, head: &str) -> bool {
        self.store.has(&self.name_of(&stamp(head))).unwrap_or(false)
    }

    /// The time stamps of its heads, in the order of their names, each with its place.
    pub fn stamps(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        self.store.stamps(&self.name)
    }

    /// Keeps the stamp of a head.
    pub fn keep_stamp(&self, head: &str, answer: &[u8]) -> io::Result<()> {
        self.store.create(&self.name_of(&stamp(head)), answer)
    }
}

fn fragment(sha256: &str) -> String {
    format!("fragments/{sha256}.yaml")
}

fn stamp(head: &str) -> String {
    format!("timestamps/{head}.tsr")
}
