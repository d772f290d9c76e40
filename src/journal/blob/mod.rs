//! Runs in a container of a storage account, so that another machine can go on with them.
//!
//! # The protocol
//!
//! *The end of the journal is what two writers are told apart by.* `runs/RUN/journal.jsonl` is an append blob with the bytes
//! that a file would have. A batch of lines is one block, appended on the condition that the blob has the length that the
//! writer knows (`appendpos`). Where it has another, or no answer came, the writer reads what stands behind its lines:
//! its own block, and it goes on; nothing, and it appends again, which cannot double it, because the length decides;
//! anything else, and it is fenced: it appends nothing more, sends nothing more, and says who took the run over. So a
//! lost answer is settled by looking, as everywhere here, and no retry of a client's own may come in between.
//!
//! *An epoch is a record.* Whoever goes on with a run appends `run_resumed` at the length that was read. From then on the
//! append of every earlier life fails, however late that process wakes up.
//!
//! *A lease says whether the holder lives.* It is held on the journal for 15 s and renewed every 4, and a line is appended under
//! it alone: from the moment that somebody else has it, whoever had it before appends nothing, and what was read is all there
//! is. It can be broken by anybody who may write, so nobody takes a run from a living process without saying so
//! (`--take-over`), and no request that changes something leaves a process that has not renewed it within the last 10 s
//! ([`Hold`](super::store::Hold)).
//!
//! *What is left open.* A process can be stopped between its look at the clock and its request's way to the network: some
//! instructions. And a request that was sent just before a run was taken over may be carried out after. So whoever takes over
//! an effect without an outcome waits as long as such a request can be under way, and only then asks the other side
//! whether it happened. What arrives later still, the closing check of the runbook looks for.
//!
//! *What never began.* The empty journal, what is pinned and the first line cannot be made in one request, so the empty journal
//! comes first, with its lease, and the first line last. A run whose journal is empty has sent nothing and holds nothing, whenever
//! its process died; one without a journal, or whose empty journal is younger than what stands beside it, was robbed of it, which
//! is damage. Whoever takes a target
//! from a run that never began takes its lease before, so that it cannot begin any more, should its process only have slept.
//!
//! *Everything else is written once*: pins, answers, replies, time stamps, the key. Two answers mean that something is there
//! (409 and 412). Nothing is ever changed or deleted, so that a container with time-based immutability and protected appends
//! serves as well; what claims a target is a line of another append blob.
//!
//! *Where the store is slow or away.* It is asked again for a minute, and whoever looks on is told; nothing is sent meanwhile.
//! Then the process stops where it stands: every line that anything was sent on is there, and whoever resumes the run asks what
//! became of the rest. Nobody goes on elsewhere by itself.
//!
//! *Limits.* A block holds 4 MiB of lines or one longer line; an append blob takes 50,000 blocks, and says so when it is full.

mod inbox;
mod lease;
mod lines;
mod reach;

use super::lock::{Claimant, Holder, Life, Lock, LockError};
use super::reader::{Damage, DamageKind, Journal, ReadError};
use super::run_store::{Decide, LeftAnswer, Mark, Pinned, Presence, RunStore, Tell, beside};
use super::store::{Fenced, Store};
use crate::azure::{BlobHead, WritableContainer};
use crate::engine::event::Event;
use crate::failure::Failure;
use crate::files::LARGEST_TEXT;
use inbox::Inbox;
pub use lease::LEASE;
use lease::{Keeper, Lease};
use lines::{BlobLines, BlobReader};
pub use reach::store_failure;
use reach::{Reach, Written, failed};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// No stamp, key or list of claims is larger.
const LARGEST: usize = 64 << 20;

/// Runs in a container, or below a folder of it.
#[derive(Debug)]
pub struct BlobRuns {
    reach: Arc<Reach>,
    here: PathBuf,
    /// What this process holds, by the name that is leased.
    leases: Mutex<BTreeMap<String, Weak<Lease>>>,
    inboxes: Mutex<BTreeMap<String, Inbox>>,
}

const JOURNAL: &str = "journal.jsonl";

fn journal_of(run: &str) -> String {
    format!("runs/{run}/{JOURNAL}")
}

/// What is leased where a lock of this name is taken: of a run its journal, so that only its holder appends to it.
fn leased(lock: &str) -> String {
    let run = lock.strip_prefix("runs/").and_then(|name| name.strip_suffix("/lock"));
    run.map_or_else(|| lock.to_owned(), journal_of)
}

/// Whether these blobs are a run's that never began: its journal is empty, and is the first that was written of it. One that was
/// written behind what stands beside it was emptied.
fn is_unbegun(blobs: &[(&str, BlobHead)]) -> bool {
    let journal = blobs.iter().find(|(name, head)| *name == JOURNAL && head.length == 0);
    journal.is_some_and(|(_, journal)| {
        let before = |head: &BlobHead| head.written_at.zip(journal.written_at).is_some_and(|(at, then)| at < then);
        !blobs.iter().any(|(_, head)| before(head))
    })
}

/// How the last life of a run was begun, and whether it ended in good order.
struct LastLife {
    holder: Holder,
    is_over: bool,
}

impl BlobRuns {
    /// The runs in a container; what is made of them goes below a folder of this machine.
    pub fn new(container: WritableContainer, here: PathBuf) -> io::Result<Self> {
        let reach = Arc::new(Reach::new(container)?);
        Ok(Self { reach, here, leases: Mutex::default(), inboxes: Mutex::default() })
    }

    fn blobs(&self, begin: &str) -> io::Result<Vec<(String, BlobHead)>> {
        self.reach.ask(begin, |container, begin| async move { container.list(&begin).await })
    }

    fn names(&self, begin: &str) -> io::Result<Vec<String>> {
        Ok(self.blobs(begin)?.into_iter().map(|(name, _)| name).collect())
    }

    fn head(&self, name: &str) -> io::Result<Option<BlobHead>> {
        self.reach.ask(name, |container, name| async move { container.head(&name).await })
    }

    fn is_leased(&self, name: &str) -> io::Result<bool> {
        Ok(self.head(name)?.is_some_and(|head| head.is_leased))
    }

    /// Writes something once. What stands there already is ours if it is the same and an answer of ours was lost.
    fn once(&self, name: &str, bytes: &[u8], or_the_same: bool) -> io::Result<()> {
        let of_blob: Arc<[u8]> = bytes.into();
        let written = self.reach.write(name, |container, name| {
            let bytes = Arc::clone(&of_blob);
            async move { container.create(&name, &bytes).await }
        })?;
        match written {
            Written::Done => Ok(()),
            Written::Conflict { perhaps_ours } if perhaps_ours || or_the_same => {
                match self.read(name, bytes.len().saturating_add(1))? == bytes {
                    true => Ok(()),
                    false => Err(io::ErrorKind::AlreadyExists.into()),
                }
            }
            Written::Conflict { .. } => Err(io::ErrorKind::AlreadyExists.into()),
            Written::Missing => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Begins lines; gives whether there were none before.
    fn begin(&self, name: &str) -> io::Result<bool> {
        let create =
            |container: WritableContainer, name: String| async move { container.create_appendable(&name).await };
        let written = self.reach.write(name, create)?;
        match written {
            Written::Done => Ok(true),
            Written::Conflict { perhaps_ours: true } => Ok(self.read(name, 1)?.is_empty()),
            Written::Conflict { perhaps_ours: false } => Ok(false),
            Written::Missing => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn lines_at(&self, name: &str, length: u64) -> Box<dyn Store> {
        Box::new(BlobLines::new(&self.reach, name, length, self.lease_of(name)))
    }

    /// Lines of this name are appended under this lease.
    fn keep(&self, name: &str, keeper: Keeper) -> Keeper {
        self.held().insert(name.to_owned(), Arc::downgrade(keeper.lease()));
        keeper
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Lease>>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease on these lines, where this process holds it.
    fn lease_of(&self, lines: &str) -> Option<Arc<Lease>> {
        self.held().get(lines).and_then(Weak::upgrade)
    }

    /// Begins a lease. A run's journal that is not there was taken away: making another would hide that.
    fn lease(&self, name: &str) -> Result<Option<Keeper>, LockError> {
        match Lease::begin(&self.reach, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && name.starts_with("runs/") => {
                let damage = Damage { line: 1, kind: DamageKind::Missing };
                Err(LockError::Unreadable(self.place(name), damage.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.begin(name)?;
                Ok(Lease::begin(&self.reach, name)?)
            }
            begun => Ok(begun?),
        }
    }

    /// How the last life of the run began whose journal this is, as far as that tells.
    fn last_life(&self, journal: &str) -> Option<LastLife> {
        let run = journal.strip_prefix("runs/")?.strip_suffix("/journal.jsonl")?;
        let mut last: Option<LastLife> = None;
        let lines = self.lines(journal).ok()?;
        // What a damaged one tells up to there is better than nothing.
        drop(Journal::fold(lines, Some(run), |record, _| {
            let (operator, host) = match &record.event {
                Event::RunOpened(opened) => (&opened.operator, &opened.host),
                Event::RunResumed { operator, host, .. } => (operator, host),
                Event::RunPaused { .. } | Event::RunFinished { .. } | Event::RunAbandoned { .. } => {
                    if let Some(last) = &mut last {
                        last.is_over = true;
                    }
                    return Ok(());
                }
                _ => return Ok(()),
            };
            let (run, operator, host) = (run.to_owned(), operator.clone(), host.clone());
            let holder = Holder::elsewhere(run, operator, host, record.at);
            last = Some(LastLife { holder, is_over: false });
            Ok(())
        }));
        last
    }
}

impl RunStore for BlobRuns {
    fn here(&self) -> &Path {
        &self.here
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn announce(&self, tell: Tell) {
        self.reach.announce(tell);
    }

    fn place(&self, name: &str) -> String {
        self.reach.container.address(name)
    }

    fn runs(&self) -> io::Result<Vec<String>> {
        let blobs = self.blobs("runs/")?;
        let mut runs: BTreeMap<&str, Vec<(&str, BlobHead)>> = BTreeMap::new();
        for (name, head) in &blobs {
            if let Some((run, name)) = name.strip_prefix("runs/").and_then(|name| name.split_once('/')) {
                runs.entry(run).or_default().push((name, *head));
            }
        }
        Ok(runs.into_iter().filter(|(_, blobs)| !is_unbegun(blobs)).map(|(run, _)| run.to_owned()).collect())
    }

    /// Where there is no journal, but something else, it was taken away.
    fn presence(&self, run: &str) -> io::Result<Presence> {
        let folder = format!("runs/{run}/");
        let blobs = self.blobs(&folder)?;
        let blobs: Vec<(&str, BlobHead)> =
            blobs.iter().filter_map(|(name, head)| Some((name.strip_prefix(&folder)?, *head))).collect();
        let is_leased = blobs.iter().any(|(name, head)| *name == JOURNAL && head.is_leased);
        Ok(match blobs.is_empty() {
            true => Presence::Absent,
            false if is_unbegun(&blobs) && is_leased => Presence::Beginning,
            false if is_unbegun(&blobs) => Presence::NeverBegan,
            false => Presence::There,
        })
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.head(name)?.is_some())
    }

    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let reader = BlobReader::new(&self.reach, name, None).open()?.ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = Vec::new();
        reader.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            let place = self.place(name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{place}` has more than {most} bytes")));
        }
        Ok(bytes)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(self.head(name)?.map(|head| head.length).unwrap_or_default())
    }

    fn files(&self, folder: &str) -> io::Result<Vec<String>> {
        let folder = format!("{folder}/");
        let names = self.names(&folder)?;
        Ok(beside(names.iter().filter_map(|name| name.strip_prefix(&folder)).map(str::to_owned).collect()))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.once(name, bytes, false)
    }

    fn lines(&self, name: &str) -> Result<Box<dyn Read + Send>, ReadError> {
        match BlobReader::new(&self.reach, name, None).open()? {
            Some(reader) => Ok(Box::new(reader)),
            None => Err(Damage { line: 1, kind: DamageKind::Missing }.into()),
        }
    }

    fn begin_lines(&self, name: &str) -> io::Result<Box<dyn Store>> {
        match self.begin(name)? {
            true => Ok(self.lines_at(name, 0)),
            false => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn open_lines(&self, name: &str) -> io::Result<Box<dyn Store>> {
        let head = self.head(name)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(self.lines_at(name, head.length))
    }

    /// The empty journal is the first that is written of a run: by it, one that never began is known from one whose journal
    /// was taken away, and whoever holds its lease is the only one who can begin.
    fn reserve(&self, run: &str, claimant: &Claimant) -> Result<Lock, LockError> {
        let journal = journal_of(run);
        match self.begin(&journal)?.then(|| self.lease(&journal)).transpose()?.flatten() {
            Some(keeper) => Ok(Lock::elsewhere(self.keep(&journal, keeper), None, false)),
            None => self.lock(&format!("runs/{run}/lock"), run, claimant),
        }
    }

    fn stage(&self, run: &str, pins: &[Pinned<'_>]) -> io::Result<Box<dyn Store>> {
        let pin = |Pinned { name, text }: &Pinned<'_>| {
            let name = format!("runs/{run}/{name}");
            self.once(&name, text.as_bytes(), true).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => failed(
                    Failure::refused(format!("`{}` is there with another content", self.place(&name)))
                        .because(format!("a run `{run}` was to begin here before, and never did"))
                        .help("begin this one under another name"),
                ),
                _ => error,
            })
        };
        // Each is waited for most of the time.
        std::thread::scope(|scope| {
            let pinning: Vec<_> = pins.iter().map(|pinned| scope.spawn(move || pin(pinned))).collect();
            let died = |_| Err(io::Error::other("what is pinned was not written"));
            pinning.into_iter().try_for_each(|pinned| pinned.join().unwrap_or_else(died))
        })?;
        Ok(self.lines_at(&journal_of(run), 0))
    }

    /// It is there with its first record.
    fn publish(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    /// Nothing is taken away from a container.
    fn forget(&self, _: &str) {}

    /// A lease of one's own ends the other one, with which alone the run could be begun.
    fn keep_from_beginning(&self, run: &str) -> io::Result<bool> {
        match Lease::begin(&self.reach, &journal_of(run)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            held => Ok(held?.is_some()),
        }
    }

    fn lock(&self, name: &str, run: &str, claimant: &Claimant) -> Result<Lock, LockError> {
        let name = &leased(name);
        let held = || self.last_life(name).map(|last| last.holder);
        let mut from_the_living = false;
        let keeper = match self.lease(name)? {
            Some(keeper) => keeper,
            None if !claimant.takes_over => return Err(LockError::Held(held())),
            None => {
                // One that ended in between need not be broken.
                self.reach.write(name, |container, name| async move { container.break_lease(&name).await })?;
                from_the_living = true;
                self.lease(name)?.ok_or_else(|| LockError::Held(held()))?
            }
        };
        let keeper = self.keep(name, keeper);
        let last = self.last_life(name).filter(|last| !last.is_over && last.holder.run == run);
        Ok(Lock::elsewhere(keeper, last.map(|last| last.holder), from_the_living))
    }

    fn mark(&self, folder: &str) -> Mark {
        let head = self.head(&format!("{folder}/{JOURNAL}")).ok().flatten();
        let is_leased = head.is_some_and(|head| head.is_leased);
        Mark { journal: head.map(|head| (head.length, None)), holder: None, is_leased }
    }

    fn holder(&self, name: &str) -> Option<Holder> {
        let name = &leased(name);
        if !self.is_leased(name).unwrap_or(false) {
            return None;
        }
        self.last_life(name).map(|last| last.holder)
    }

    fn leave_answer(&self, folder: &str, name: &str, answer: &[u8]) -> io::Result<()> {
        self.once(&format!("{folder}/answers/{name}.json"), answer, false)
    }

    /// An answer that was replied to was taken; so it is replied to here.
    fn withdraw_answer(&self, folder: &str, name: &str) -> bool {
        self.reply(folder, name, "withdrawn").is_ok()
    }

    fn take_answer(&self, folder: &str) -> Option<LeftAnswer> {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.entry(folder.to_owned()).or_insert_with(|| Inbox::open(&self.reach, folder)).take()
    }

    fn reply(&self, folder: &str, name: &str, refused: &str) -> io::Result<()> {
        self.once(&format!("{folder}/answers/{name}.reply"), refused.as_bytes(), false)
    }

    fn take_reply(&self, folder: &str, name: &str) -> Option<String> {
        let reply = self.read(&format!("{folder}/answers/{name}.reply"), LARGEST_TEXT).ok()?;
        String::from_utf8(reply).ok()
    }

    fn claims(&self, name: &str) -> io::Result<Option<String>> {
        match self.read(name, LARGEST) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn claim(&self, name: &str, decide: Decide<'_>) -> io::Result<()> {
        loop {
            let bytes = match self.read(name, LARGEST) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.begin(name)?;
                    Vec::new()
                }
                read => read?,
            };
            let Some(line) = decide(&String::from_utf8_lossy(&bytes))? else { return Ok(()) };
            match BlobLines::new(&self.reach, name, bytes.len() as u64, None).append(&line) {
                // Somebody else was first: it is decided anew.
                Err(error) if Fenced::is(&error) => {}
                appended => return appended,
            }
        }
    }

    fn stamps(&self, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
        let names = self.names(&format!("{folder}/timestamps/"))?;
        let stamps = names.into_iter().filter(|name| name.ends_with(".tsr"));
        stamps.map(|name| Ok((self.place(&name), self.read(&name, LARGEST)?))).collect()
    }

    fn life(&self, _: &str, claim: &Holder, _: &str) -> Life {
        match self.is_leased(&journal_of(&claim.run)) {
            Ok(true) => Life::Alive,
            Ok(false) => Life::Dead,
            Err(_) => Life::NotKnown,
        }
    }
}
