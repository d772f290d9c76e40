//! Where runs lie on the disk: `STATE/runs/RUN/`, for its owner's eyes only.

#![expect(clippy::disallowed_methods, reason = "this is where runs become folders")]

use super::lock::{Claimant, Holder, Lock, LockError};
use super::reader::{Journal, ReadError, first_record, open};
use super::record::Record;
use super::store::LocalStore;
use crate::clock::Timestamp;
use crate::engine::event::RunOpened;
use crate::engine::{IllegalEvent, State};
use crate::files::{self, LARGEST_TEXT};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// All runs of a state directory.
#[derive(Clone, Debug)]
pub struct Runs {
    state: PathBuf,
}

/// One run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    run: String,
    path: PathBuf,
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
        Self { state }
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// A run's folder, which need not exist.
    ///
    /// # Errors
    /// If the text cannot be the id of a run.
    pub fn folder(&self, run: &str) -> Result<RunFolder, NotARunId> {
        let run = valid_run_id(run)?;
        Ok(RunFolder { run: run.to_owned(), path: self.state.join("runs").join(run) })
    }

    /// The ids of all runs, in the order of their names, which is that of their beginning. What a folder holds is not
    /// looked at: one without a journal is a run whose journal was taken away.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let mut runs = Vec::new();
        match fs::read_dir(self.state.join("runs")) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if !name.starts_with('.') && entry.path().is_dir() {
                        runs.push(name);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        runs.sort();
        Ok(runs)
    }
}

impl RunFolder {
    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal's path.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// Where the last report lies.
    pub fn report(&self) -> PathBuf {
        self.path.join("report")
    }

    /// Where answers of people lie until the run takes them in.
    pub fn inbox(&self) -> PathBuf {
        self.path.join("answers")
    }

    /// Whether there is such a run.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// The place where a new run is made ready. It gets its name by [`publish`](Self::publish), when its first record
    /// is durable: a run is there with all that is pinned, or not at all.
    pub fn staged(&self) -> Self {
        Self { run: self.run.clone(), path: self.path.with_file_name(format!(".{}.new", self.run)) }
    }

    /// Makes a staged run's folder and pins the runbook and the configuration in it, with the fragments that the runbook
    /// includes, each by its SHA-256. What a dead process left there is taken away.
    pub fn create<'a>(
        &self,
        runbook: &str,
        configuration: Option<&str>,
        fragments: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> io::Result<()> {
        if let Some(runs) = self.path.parent() {
            files::make_folder(runs)?;
        }
        if self.path.exists() && self.holder().is_none() {
            fs::remove_dir_all(&self.path)?;
        }
        DirBuilder::new().mode(0o700).create(&self.path)?;
        pin(&self.path.join("runbook.yaml"), runbook)?;
        configuration.map(|text| pin(&self.path.join("stanch.yaml"), text)).transpose()?;
        let mut fragments = fragments.peekable();
        if fragments.peek().is_some() {
            let folder = self.path.join("fragments");
            files::make_folder(&folder)?;
            // Two paths may name the same bytes.
            let fragments: BTreeMap<&str, &str> = fragments.collect();
            for (sha256, text) in fragments {
                pin(&folder.join(format!("{sha256}.yaml")), text)?;
            }
            File::open(&folder)?.sync_all()?;
        }
        File::open(&self.path)?.sync_all()
    }

    /// Gives a staged run its name.
    pub fn publish(&self, folder: &Self) -> io::Result<()> {
        fs::rename(&self.path, &folder.path)?;
        folder.path.parent().map(|runs| File::open(runs)?.sync_all()).transpose().map(drop)
    }

    /// The pinned runbook.
    pub fn runbook(&self) -> io::Result<String> {
        files::text_own(&self.path.join("runbook.yaml"), LARGEST_TEXT)
    }

    /// The pinned configuration.
    pub fn configuration(&self) -> io::Result<String> {
        files::text_own(&self.path.join("stanch.yaml"), LARGEST_TEXT)
    }

    /// Where a pinned fragment lies, by its SHA-256.
    pub fn fragment(&self, sha256: &str) -> PathBuf {
        self.path.join("fragments").join(format!("{sha256}.yaml"))
    }

    /// A pinned fragment, by its SHA-256.
    pub fn read_fragment(&self, sha256: &str) -> io::Result<String> {
        files::text_own(&self.fragment(sha256), LARGEST_TEXT)
    }

    /// Takes the run: one live process works on it.
    pub fn lock(&self, claimant: &Claimant) -> Result<Lock, LockError> {
        Lock::take(&self.path.join("lock"), &self.run, claimant)
    }

    /// Takes the run for as long as it takes to add an answer to its journal.
    pub fn lock_to_answer(&self, claimant: &Claimant) -> Result<Lock, LockError> {
        Lock::borrow(&self.path.join("lock"), &self.run, claimant)
    }

    /// The live process that works on the run, if there is one.
    pub fn holder(&self) -> Option<Holder> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Lock::holder(&self.path.join("lock"), &host)
    }

    /// Reads and verifies the journal, which must be this run's.
    pub fn fold(&self, take: impl FnMut(&Record, &str) -> Result<(), IllegalEvent>) -> Result<Journal, ReadError> {
        Journal::fold_file(&self.journal(), Some(&self.run), take)
    }

    /// Where the run stands, in outline, and where its journal ends.
    pub fn state(&self) -> Result<(Journal, State), ReadError> {
        Journal::state(open(&self.journal())?, Some(&self.run))
    }

    /// With what the run began, and when; the rest of the journal is not looked at.
    pub fn opened(&self) -> Result<(Timestamp, RunOpened), ReadError> {
        first_record(open(&self.journal())?, &self.run)
    }

    /// Begins the journal.
    pub fn create_journal(&self) -> io::Result<LocalStore> {
        LocalStore::create(&self.journal())
    }

    /// Opens the journal to go on with it.
    pub fn open_journal(&self) -> io::Result<LocalStore> {
        LocalStore::open(&self.journal())
    }

    /// Leaves an answer for the process that works on the run.
    pub fn leave_answer(&self, name: &str, answer: &[u8]) -> io::Result<()> {
        let inbox = self.inbox();
        files::make_folder(&inbox)?;
        let mut file = tempfile::NamedTempFile::new_in(&inbox)?;
        file.write_all(answer)?;
        file.persist(inbox.join(format!("{name}.json"))).map(drop).map_err(|error| error.error)
    }

    /// Takes back an answer that was left. Gives whether it was still there.
    pub fn withdraw_answer(&self, name: &str) -> bool {
        fs::remove_file(self.inbox().join(format!("{name}.json"))).is_ok()
    }

    /// Takes the oldest answer that was left, with its name, and the user whose file it is. One that somebody else left is
    /// nobody's: only who may go on with the run, and root, answer for it.
    pub fn take_answer(&self) -> Option<(String, u32, Vec<u8>)> {
        let inbox = self.inbox();
        let left = fs::read_dir(&inbox).ok()?.flatten().map(|entry| entry.path());
        let mut left: Vec<PathBuf> = left.filter(|path| is_json(path)).collect();
        if left.is_empty() || files::check_place(&inbox).is_err() {
            return None;
        }
        left.sort();
        left.iter().find_map(|path| {
            let owner = fs::symlink_metadata(path).map(|seen| seen.uid()).ok();
            let answer = files::read_own(path, LARGEST_TEXT).ok();
            // Taken or not, it must not be met again.
            drop(fs::remove_file(path));
            Some((path.file_stem()?.to_string_lossy().into_owned(), owner?, answer?))
        })
    }

    /// Tells whoever left an answer why it was not taken; nothing if it was.
    pub fn reply(&self, name: &str, refused: Option<&str>) -> io::Result<()> {
        let inbox = self.inbox();
        let mut file = tempfile::NamedTempFile::new_in(&inbox)?;
        file.write_all(refused.unwrap_or_default().as_bytes())?;
        file.persist(inbox.join(format!("{name}.reply"))).map(drop).map_err(|error| error.error)
    }

    /// The reply to an answer that was left, once there is one. Empty if it was taken.
    pub fn take_reply(&self, name: &str) -> Option<String> {
        let path = self.inbox().join(format!("{name}.reply"));
        let reply = files::text_own(&path, LARGEST_TEXT).ok()?;
        drop(fs::remove_file(path));
        Some(reply)
    }
}

fn pin(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}
