//! Where runs are kept, with all that is kept of them: the one seam between what a run is and where it lies.
//!
//! | name below the store | what it is | how it is written |
//! | --- | --- | --- |
//! | `runs/RUN/journal.jsonl` | the journal | lines, each batch durable before anything follows from it |
//! | `runs/RUN/runbook.yaml`, `stanch.yaml`, `fragments/SHA-256.yaml` | what is pinned | once, before the first line |
//! | `runs/RUN/lock` | who works on the run | held while a process lives; a container holds the journal itself |
//! | `runs/RUN/answers/NAME.json`, `NAME.reply` | answers of people, and what became of them | once |
//! | `runs/RUN/chat.json` | which message in a chat tells of the run | once |
//! | `runs/RUN/timestamps/HEAD.tsr` | time stamps of heads | once |
//! | `runs/RUN/upload.json` | that the run was brought from one store to another | once |
//! | `locks/SHA-256` | which runs took a target | lines, each decided on what stands before it |
//! | `watches/NAME.jsonl` | what a watch has told | lines |
//! | `fingerprint.key` | the key of the fingerprints | once |
//!
//! What a name holds, and what follows from it, is the affair of the other files of `journal/`, the same for every store.
//! A store says only how it is read, written once, appended to and held. What cannot be read is an error, never nothing:
//! whoever is told that there is no run has been told so by somebody who looked.

use super::lock::{Claimant, Holder, Life, Lock, LockError};
use super::reader::ReadError;
use super::store::Store;
use std::fmt::Debug;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// Which message in a chat is the run's.
pub(super) const CHAT_MESSAGE: &str = "chat.json";

/// An answer that somebody left for the process that works on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAnswer {
    pub name: String,
    /// The user whose file it is, where the system vouches for that.
    pub owner: Option<u32>,
    pub answer: Vec<u8>,
}

/// Whether there is a run of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing of it is there.
    Absent,
    /// A live process is just beginning it.
    Beginning,
    /// Whoever was to begin it ended before its first record was there: nothing was sent, and nothing is held.
    NeverBegan,
    /// It is there, whatever became of its journal.
    There,
}

/// Something that is pinned beside a journal: its name in the run's folder, and its text.
#[derive(Clone, Debug)]
pub struct Pinned<'a> {
    pub name: String,
    pub text: &'a str,
}

/// What tells whether a run has changed since it was looked at: its journal, and whether somebody works on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Length of the journal, and when it was written, where that is known; nothing where it cannot be seen.
    pub(super) journal: Option<(u64, Option<SystemTime>)>,
    pub(super) holder: Option<Holder>,
    pub(super) is_leased: bool,
}

/// What decides, on the lines that stand already, which line is added; none where nothing is to be added.
pub type Decide<'a> = &'a mut dyn FnMut(&str) -> io::Result<Option<Vec<u8>>>;

/// Says something to whoever looks on.
pub type Tell = Box<dyn Fn(String) + Send + Sync>;

/// A place where runs are kept. Names are those of the table above.
pub trait RunStore: Debug + Send + Sync {
    /// The folder of this machine for what is made of runs, which their journals can make again.
    fn here(&self) -> &Path;

    /// Whether other machines reach it as well, so that a lease tells who lives.
    fn is_shared(&self) -> bool {
        false
    }

    /// Tells through this what keeps it from answering, while it is asked again.
    fn announce(&self, _tell: Tell) {}

    /// Where a name lies, for people: a path or an address. The empty name is the store itself.
    fn place(&self, name: &str) -> String;

    /// The names of all runs, as they are found.
    fn runs(&self) -> io::Result<Vec<String>>;

    /// Whether there is a run of this name.
    fn presence(&self, run: &str) -> io::Result<Presence>;

    /// Whether something of this name is there.
    fn has(&self, name: &str) -> io::Result<bool>;

    /// The whole of it, no more than `most` bytes.
    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>>;

    /// How many bytes it has.
    fn length(&self, name: &str) -> io::Result<u64>;

    /// What lies in this folder beside the journal and belongs to the run: what is pinned, answers, time stamps.
    fn files(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Writes it whole, once, durably: [`io::ErrorKind::AlreadyExists`] where there is one.
    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// The lines of it, from the first one on.
    fn lines(&self, name: &str) -> Result<Box<dyn Read + Send>, ReadError>;

    /// Begins lines that must not exist yet.
    fn begin_lines(&self, name: &str) -> io::Result<Box<dyn Store>>;

    /// Opens lines to append to them.
    fn open_lines(&self, name: &str) -> io::Result<Box<dyn Store>>;

    /// Holds the name of a run that is not there yet, before anything else of it is written.
    fn reserve(&self, run: &str, claimant: &Claimant) -> Result<Lock, LockError>;

    /// Pins what a new run is pinned to, and gives its journal, which is empty: for whoever holds the name.
    fn stage(&self, run: &str, pins: &[Pinned<'_>]) -> io::Result<Box<dyn Store>>;

    /// Gives a run its place when its first record is durable: it is there with all that is pinned, or not at all.
    fn publish(&self, run: &str) -> io::Result<()>;

    /// Takes away, where that can be, what was written of a run that does not begin: for whoever holds its name.
    fn forget(&self, run: &str);

    /// Keeps whoever was to begin this run, and was found dead, from beginning it after all. Gives whether that is so:
    /// not where it lives.
    fn keep_from_beginning(&self, run: &str) -> io::Result<bool>;

    /// Holds a name for a run, as long as this process lives, or says who does.
    fn lock(&self, name: &str, run: &str, claimant: &Claimant) -> Result<Lock, LockError>;

    /// What tells whether the run of this folder has changed.
    fn mark(&self, folder: &str) -> Mark;

    /// The live process that holds a name, if there is one.
    fn holder(&self, name: &str) -> Option<Holder>;

    /// Leaves an answer for the process that works on the run in this folder.
    fn leave_answer(&self, folder: &str, name: &str, answer: &[u8]) -> io::Result<()>;

    /// Takes back an answer that was left. Gives whether nobody had taken it.
    fn withdraw_answer(&self, folder: &str, name: &str) -> bool;

    /// Takes the oldest answer that was left. It never waits.
    fn take_answer(&self, folder: &str) -> Option<LeftAnswer>;

    /// Tells whoever left an answer why it was not taken; nothing if it was.
    fn reply(&self, folder: &str, name: &str, refused: &str) -> io::Result<()>;

    /// The reply to an answer that was left, once there is one.
    fn take_reply(&self, folder: &str, name: &str) -> Option<String>;

    /// Lines that others add to as well; nothing where there are none.
    fn claims(&self, name: &str) -> io::Result<Option<String>>;

    /// Adds the line that is decided on, with nobody adding another one in between. Durable when it returns.
    fn claim(&self, name: &str, decide: Decide<'_>) -> io::Result<()>;

    /// The time stamps in the folder of a run, in the order of their names, each with its place.
    fn stamps(&self, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>>;

    /// Whether the process lives that made a claim in the lines of this name, and whose run is not there.
    fn life(&self, name: &str, claim: &Holder, host: &str) -> Life;
}

/// Those of the names in a run's folder that belong to the run beside its journal, in their order.
pub(super) fn beside(mut names: Vec<String>) -> Vec<String> {
    let belongs = |name: &String| match name.split_once('/') {
        None => ["runbook.yaml", "stanch.yaml", CHAT_MESSAGE].contains(&name.as_str()),
        Some(("fragments", name)) => name.ends_with(".yaml"),
        Some(("answers", name)) => name.ends_with(".json") || name.ends_with(".reply"),
        Some(("timestamps", name)) => name.ends_with(".tsr"),
        Some(_) => false,
    };
    names.retain(belongs);
    names.sort();
    names
}
