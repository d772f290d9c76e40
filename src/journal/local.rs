//! Runs below a state directory of this machine: each a folder, for its owner's eyes only.

#![expect(clippy::disallowed_methods, reason = "this is where runs become folders")]

use super::lock::{Claimant, Holder, Life, Lock, LockError, says_everything};
use super::reader::{ReadError, open};
use super::run_store::{Decide, LeftAnswer, Mark, Pinned, Presence, RunStore, beside};
use super::store::{LocalStore, Store};
use super::time_stamps::stamps_beside;
use crate::files::{self, LARGEST_TEXT};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Claims on one target: a few hundred bytes for each run there ever was.
const LARGEST_CLAIMS: usize = 64 << 20;

/// The runs below a state directory, which need not exist yet.
#[derive(Debug)]
pub(super) struct LocalRuns {
    state: PathBuf,
}

impl LocalRuns {
    pub(super) fn new(state: PathBuf) -> Self {
        Self { state }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    fn inbox(&self, folder: &str) -> PathBuf {
        self.path(folder).join("answers")
    }

    /// Puts a file into the inbox, whole.
    fn leave(&self, folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let inbox = self.inbox(folder);
        let mut file = tempfile::NamedTempFile::new_in(&inbox)?;
        file.write_all(bytes)?;
        file.persist(inbox.join(name)).map(drop).map_err(|error| error.error)
    }
}

impl RunStore for LocalRuns {
    fn here(&self) -> &Path {
        &self.state
    }

    fn place(&self, name: &str) -> String {
        let path = if name.is_empty() { self.state.clone() } else { self.path(name) };
        path.display().to_string()
    }

    /// What a folder holds is not looked at: one without a journal is a run whose journal was taken away.
    fn runs(&self) -> io::Result<Vec<String>> {
        let mut runs = Vec::new();
        match fs::read_dir(self.path("runs")) {
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
        Ok(runs)
    }

    fn presence(&self, run: &str) -> io::Result<Presence> {
        let staged = staged(run);
        Ok(match (self.path(&format!("runs/{run}")).exists(), self.path(&staged).exists()) {
            (true, _) => Presence::There,
            (false, false) => Presence::Absent,
            (false, true) if self.holder(&format!("{staged}/lock")).is_some() => Presence::Beginning,
            (false, true) => Presence::NeverBegan,
        })
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.path(name).exists())
    }

    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        files::read_own(&self.path(name), most)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::symlink_metadata(self.path(name))?.len())
    }

    fn files(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for below in ["", "fragments/", "answers/", "timestamps/"] {
            let entries = match fs::read_dir(self.path(folder).join(below)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                files.push(format!("{below}{}", entry?.file_name().to_string_lossy()));
            }
        }
        Ok(beside(files))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.state);
        files::make_folder(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(&path).map(drop).map_err(|error| error.error)
    }

    fn lines(&self, name: &str) -> Result<Box<dyn Read + Send>, ReadError> {
        Ok(Box::new(open(&self.path(name))?))
    }

    fn begin_lines(&self, name: &str) -> io::Result<Box<dyn Store>> {
        Ok(Box::new(LocalStore::create(&self.path(name))?))
    }

    fn open_lines(&self, name: &str) -> io::Result<Box<dyn Store>> {
        Ok(Box::new(LocalStore::open(&self.path(name))?))
    }

    fn reserve(&self, run: &str, claimant: &Claimant) -> Result<Lock, LockError> {
        let staged = staged(run);
        files::make_folder(&self.path(&staged))?;
        self.lock(&format!("{staged}/lock"), run, claimant)
    }

    fn stage(&self, run: &str, pins: &[Pinned<'_>]) -> io::Result<Box<dyn Store>> {
        let path = self.path(&staged(run));
        // What a dead process left there.
        for left in fs::read_dir(&path)? {
            let left = left?;
            match left.file_type()?.is_dir() {
                true => fs::remove_dir_all(left.path())?,
                false if left.file_name() != "lock" => fs::remove_file(left.path())?,
                false => {}
            }
        }
        let mut below = None;
        for Pinned { name, text } in pins {
            let file = path.join(name);
            if let Some(folder) = file.parent().filter(|folder| *folder != path) {
                files::make_folder(folder)?;
                below = Some(folder.to_owned());
            }
            pin(&file, text)?;
        }
        below.map(|folder| File::open(folder)?.sync_all()).transpose()?;
        Ok(Box::new(LocalStore::create(&path.join("journal.jsonl"))?))
    }

    fn publish(&self, run: &str) -> io::Result<()> {
        fs::rename(self.path(&staged(run)), self.path(&format!("runs/{run}")))?;
        File::open(self.path("runs"))?.sync_all()
    }

    fn forget(&self, run: &str) {
        // Where it fails, whoever begins the run later does it.
        drop(fs::remove_dir_all(self.path(&staged(run))));
    }

    /// The system says who is dead, and they stay so.
    fn keep_from_beginning(&self, _: &str) -> io::Result<bool> {
        Ok(true)
    }

    fn lock(&self, name: &str, run: &str, claimant: &Claimant) -> Result<Lock, LockError> {
        let path = self.path(name);
        // A run has its folder; a watch gets one with its first lock.
        if let Some(folder) = path.parent().filter(|_| !name.starts_with("runs/")) {
            files::make_folder(folder)?;
        }
        Lock::take(&path, run, claimant)
    }

    fn mark(&self, folder: &str) -> Mark {
        let file = fs::symlink_metadata(self.path(folder).join("journal.jsonl")).ok();
        let journal = file.map(|file| (file.len(), file.modified().ok()));
        Mark { journal, holder: self.holder(&format!("{folder}/lock")), is_leased: false }
    }

    fn holder(&self, name: &str) -> Option<Holder> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Lock::holder(&self.path(name), &host)
    }

    fn leave_answer(&self, folder: &str, name: &str, answer: &[u8]) -> io::Result<()> {
        files::make_folder(&self.inbox(folder))?;
        self.leave(folder, &format!("{name}.json"), answer)
    }

    fn withdraw_answer(&self, folder: &str, name: &str) -> bool {
        fs::remove_file(self.inbox(folder).join(format!("{name}.json"))).is_ok()
    }

    /// One that somebody else left is nobody's: only who may go on with the run, and root, answer for it.
    fn take_answer(&self, folder: &str) -> Option<LeftAnswer> {
        let inbox = self.inbox(folder);
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
            let name = path.file_stem()?.to_string_lossy().into_owned();
            Some(LeftAnswer { name, owner: Some(owner?), answer: answer? })
        })
    }

    fn reply(&self, folder: &str, name: &str, refused: &str) -> io::Result<()> {
        self.leave(folder, &format!("{name}.reply"), refused.as_bytes())
    }

    fn take_reply(&self, folder: &str, name: &str) -> Option<String> {
        let path = self.inbox(folder).join(format!("{name}.reply"));
        let reply = files::text_own(&path, LARGEST_TEXT).ok()?;
        drop(fs::remove_file(path));
        Some(reply)
    }

    fn claims(&self, name: &str) -> io::Result<Option<String>> {
        let mut file = match files::open_own(&self.path(name), OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        file.lock_shared()?;
        claims(&mut file).map(Some)
    }

    fn claim(&self, name: &str, decide: Decide<'_>) -> io::Result<()> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = files::open_own(&path, &mut options)?;
        file.lock()?;
        let text = claims(&mut file)?;
        if let Some(mut line) = decide(&text)? {
            if !text.is_empty() && !text.ends_with('\n') {
                line.insert(0, b'\n');
            }
            file.write_all(&line)?;
        }
        // Also what a process wrote that died before it was durable.
        file.sync_all()?;
        path.parent().map(|folder| File::open(folder)?.sync_all()).transpose().map(drop)
    }

    fn stamps(&self, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
        stamps_beside(&self.path(folder).join("journal.jsonl"))
    }

    fn life(&self, name: &str, claim: &Holder, host: &str) -> Life {
        let file = files::open_own(&self.path(name), OpenOptions::new().read(true));
        claim.life(host, file.is_ok_and(|file| says_everything(&file)))
    }
}

/// A new run is made ready in a folder that nobody takes for a run.
fn staged(run: &str) -> String {
    format!("runs/.{run}.new")
}

fn claims(file: &mut File) -> io::Result<String> {
    let bytes = files::rest(file, LARGEST_CLAIMS)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn pin(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}
