//! Locks that a live process holds, and that its end, however sudden, gives back. What a run holds, whether a process
//! works on it or not, are its [`Targets`](super::Targets).
//!
//! The system's own lock ends with its process, so on this machine it says everything. A folder that several machines
//! share may not carry it from one to the other; there the holder's name in the file is what is left to go by: it is
//! wiped when a lock is given back in good order, and else it is asked whether that process still lives.

#![expect(clippy::disallowed_methods, reason = "the system tells about its processes in files")]

use super::reader::ReadError;
use super::uploaded::Upload;
use crate::clock::{self, Timestamp};
use crate::files;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Filesystems of this machine alone, by the number that `statfs` gives them: ext4, XFS, Btrfs, tmpfs, overlay, ZFS,
/// F2FS. On any other one another machine may be at work.
const OF_THIS_MACHINE: [u64; 7] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1, 0xf2f5_2010];

/// More does not stand in a lock: one name, with where and when.
const LARGEST: usize = 64 << 10;

/// Who wants a lock.
#[derive(Clone, Debug)]
pub struct Claimant {
    pub operator: String,
    pub host: String,
    /// A person says that a holder on another machine, whose life cannot be seen from here, is dead.
    pub takes_over: bool,
}

/// Who holds a lock.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Holder {
    pub run: String,
    pub operator: String,
    pub host: String,
    pub process: u32,
    /// When the process began, in the system's ticks: another process may get the same number. 0 is not known.
    #[serde(default)]
    pub process_started: u64,
    /// Which start of the machine it belongs to. Empty is not known.
    #[serde(default)]
    pub boot: String,
    pub since: Timestamp,
}

/// What is known of a holder that the system's lock does not speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Alive,
    Dead,
    /// It belongs to another machine.
    NotKnown,
}

/// A held lock; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    held: Held,
    predecessor: Option<Holder>,
    /// Whether a dead holder's name is put back at the end.
    borrowed: bool,
    from_the_living: bool,
}

/// What is given back when a lock is dropped.
#[derive(Debug)]
enum Held {
    File(File),
    /// It gives itself back, and names nobody: who held it stands elsewhere.
    Elsewhere {
        _held: Box<dyn Debug + Send + Sync>,
    },
}

/// Why a lock was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("it is held")]
    Held(Option<Holder>),
    #[error("whether it is held cannot be seen from here")]
    NotKnown(Holder),
    /// The run was uploaded, and goes on there. Says where that stands here.
    #[error("it was uploaded to `{}`", .0.to)]
    Uploaded(Box<Upload>, String),
    /// It is being uploaded to where it was asked for, and is not whole there.
    #[error("its upload from {} broke off", .0.host)]
    BrokenOff(Box<Upload>),
    /// Its journal, which lies there, cannot be read, so that there is nothing to hold.
    #[error("{1}")]
    Unreadable(String, ReadError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock or says who has it. It never waits.
    pub fn take(path: &Path, run: &str, claimant: &Claimant) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = files::open_own(path, &mut options)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let predecessor = holder(&mut file);
        match predecessor.as_ref().map(|left| (left.life(&claimant.host, says_everything(&file)), left.clone())) {
            Some((Life::Alive, left)) => return Err(LockError::Held(Some(left))),
            Some((Life::NotKnown, left)) if !claimant.takes_over => return Err(LockError::NotKnown(left)),
            Some(_) | None => {}
        }
        write(&mut file, &Holder::new(run, claimant))?;
        Ok(Self { held: Held::File(file), predecessor, borrowed: false, from_the_living: false })
    }

    /// A lock that is held elsewhere than in a file, and gives itself back when it is dropped.
    pub(super) fn elsewhere(
        held: impl Debug + Send + Sync + 'static,
        predecessor: Option<Holder>,
        from_the_living: bool,
    ) -> Self {
        Self { held: Held::Elsewhere { _held: Box::new(held) }, predecessor, borrowed: false, from_the_living }
    }

    /// Whether it was taken from a process that still lived.
    pub fn is_from_the_living(&self) -> bool {
        self.from_the_living
    }

    /// The lock for a moment, without taking over what it guards: whoever died while holding it is still named in it
    /// afterwards.
    #[must_use]
    pub fn borrowed(mut self) -> Self {
        self.borrowed = true;
        self
    }

    /// Who died, or was declared dead, while holding it.
    pub fn predecessor(&self) -> Option<&Holder> {
        self.predecessor.as_ref()
    }

    /// Whether a live process holds the lock, and who. One on another machine, of which nothing is known, counts as
    /// dead: whoever tries to take the lock is told.
    pub fn holder(path: &Path, host: &str) -> Option<Holder> {
        let mut file = files::open_own(path, OpenOptions::new().read(true)).ok()?;
        let left = |file: &mut File| holder(file).map(|left| (left.life(host, says_everything(file)), left));
        match file.try_lock_shared() {
            Ok(()) => left(&mut file).filter(|(life, _)| *life == Life::Alive).map(|(_, left)| left),
            Err(_) => holder(&mut file),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let Held::File(file) = &mut self.held else { return };
        // Where it fails, the next one finds a dead holder.
        match self.predecessor.as_ref().filter(|_| self.borrowed) {
            Some(dead) => drop(write(file, dead)),
            None => drop(file.set_len(0)),
        }
    }
}

impl Holder {
    /// This process, on behalf of a run.
    pub(super) fn new(run: &str, claimant: &Claimant) -> Self {
        let process = std::process::id();
        Self {
            run: run.to_owned(),
            operator: claimant.operator.clone(),
            host: claimant.host.clone(),
            process,
            process_started: process_started(process).unwrap_or_default(),
            boot: boot(),
            since: clock::now(),
        }
    }

    /// Whoever a journal names: which process it was does not stand there.
    pub(super) fn elsewhere(run: String, operator: String, host: String, since: Timestamp) -> Self {
        Self { run, operator, host, process: 0, process_started: 0, boot: String::new(), since }
    }

    /// Who it is, where and since when.
    pub fn who(&self) -> String {
        let Self { run, operator, host, .. } = self;
        let process = if self.process == 0 { String::new() } else { format!(", process {}", self.process) };
        format!("run `{run}` by {operator} on {host}{process}, since {}", clock::second(self.since))
    }

    /// Whether a holder still lives whose lock the system gave away. `says_everything` means that the system's lock
    /// holds for everyone who can reach the file.
    pub fn life(&self, host: &str, says_everything: bool) -> Life {
        if self.host != host {
            return if says_everything { Life::Dead } else { Life::NotKnown };
        }
        let other_boot = !self.boot.is_empty() && self.boot != boot();
        let exists = i32::try_from(self.process).ok().and_then(Pid::from_raw).is_some_and(|process| {
            // A process of somebody else exists as well.
            test_kill_process(process) != Err(rustix::io::Errno::SRCH)
        });
        let same = match process_started(self.process) {
            Some(started) if self.process_started != 0 => started == self.process_started,
            _ => !says_everything,
        };
        if !other_boot && exists && same { Life::Alive } else { Life::Dead }
    }
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(holder).unwrap_or_default())
}

/// Who wrote its name into the lock; nothing if nobody did, or if it is being written just now.
fn holder(file: &mut File) -> Option<Holder> {
    file.rewind().ok()?;
    let text = files::rest(file, LARGEST).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether everyone who can reach the file is on this machine.
pub(super) fn says_everything(file: &File) -> bool {
    rustix::fs::fstatfs(file)
        .is_ok_and(|filesystem| u64::try_from(filesystem.f_type).is_ok_and(|kind| OF_THIS_MACHINE.contains(&kind)))
}

/// When a process began, in ticks since the machine did.
fn process_started(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
