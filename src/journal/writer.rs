//! Events become durable lines, in one order.
//!
//! Whoever appends an event gives it its place in the chain. One that [is awaited](Event::is_awaited) is durable when
//! [`Writer::append`] returns, together with all that had their places by then: those who are ready to append at the same
//! time share one sync. Whoever appends alone makes it, where syncs are short: waking another thread would take longer.
//! Otherwise a thread of its own makes it, and nobody is kept from working meanwhile. Any other event becomes durable
//! with the next one that is awaited, or a moment later where none comes. After a failed append nothing is appended any
//! more: no effect is ever sent on an intent that may not be on the disk.

use super::reader::Journal;
use super::record::{FORMAT_VERSION, LONGEST_LINE, Record, line_hash};
use super::store::{Fenced, Hold, Store};
use crate::clock::{self, Timestamp};
use crate::engine::event::Event;
use crate::redaction::{value_without_credentials, without_credentials};
use std::borrow::Cow;
use std::fmt::{self, Debug, Formatter};
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A clock is set right by so much all the time; more is worth a line.
const SET_BACK_MS: i64 = 1_000;

/// How long an event that nobody waits for may wait for company: as long as a sync takes, but no less and no more. Where that is
/// long, one that is waited for would have to wait for two.
const COMPANY: Duration = Duration::from_millis(2);
const LONGEST_COMPANY: Duration = Duration::from_millis(250);

/// A sync that takes no longer is not worth another thread.
const SHORT: Duration = Duration::from_micros(500);

/// A handle to the journal's only writer. With the last one everything that was appended becomes durable.
#[derive(Clone, Debug)]
pub struct Writer {
    chain: Arc<Handle>,
    hold: Option<Arc<dyn Hold>>,
}

/// Why an event is not in the journal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the journal cannot be written: {0}")]
    Store(String),
    #[error("{0}")]
    Refused(String),
    /// Another process has gone on with the run; this one does nothing more. Says who.
    #[error("{0}")]
    TakenOver(String),
}

impl AppendError {
    fn of(error: &io::Error) -> Self {
        if Fenced::is(error) { Self::TakenOver(error.to_string()) } else { Self::Store(describe(error)) }
    }
}

/// Sees every record in the journal's order: first asked whether it may follow, then told that it is durable.
pub trait Listener: Send + 'static {
    /// Whether the event may follow what was recorded so far.
    fn admit(&mut self, record: &Record) -> Result<(), String>;
    /// The record is durable; `head` is the hash of its line.
    fn recorded(&mut self, record: &Record, head: &str);
}

impl Writer {
    /// Starts the writer where a journal ends.
    pub fn start(mut store: impl Store, journal: &Journal, listener: impl Listener) -> Self {
        store.goes_on_at(journal.length);
        let chain = Chain {
            seq: journal.records,
            last_at: journal.last_at,
            head: journal.head.clone(),
            listener: Box::new(listener),
            broken: None,
            durable: journal.records,
            unwritten: Vec::new(),
            bytes: Vec::new(),
            waiting: Vec::new(),
            sync_took: Duration::ZERO,
            keeper_is_idle: false,
            is_over: false,
        };
        let hold = store.hold();
        let (store, chain) = (Mutex::new(Box::new(store) as Box<dyn Store>), Mutex::new(chain));
        let shared = Arc::new(Shared { store, chain, work: Condvar::new() });
        let keeper = Arc::clone(&shared);
        std::thread::spawn(move || keeper.keep());
        Self { chain: Arc::new(Handle(shared)), hold }
    }

    /// Appends one event; returns when it is as durable as it needs to be.
    pub async fn append(&self, event: Event) -> Result<Record, AppendError> {
        let awaited = event.is_awaited();
        let record = self.chain.0.admit(event, awaited)?;
        if awaited {
            // Whoever is ready to append as well gets a place first, and shares the sync.
            tokio::task::yield_now().await;
            self.until(record.seq + 1).await?;
        }
        Ok(record)
    }

    /// Returns when every event that was appended before is durable.
    pub async fn flush(&self) -> Result<(), AppendError> {
        let records = self.chain.0.lock().seq;
        self.until(records).await
    }

    /// Returns once it is certain that the run is still this process's, for as long as it takes to send a request.
    pub async fn confirm(&self) -> Result<(), AppendError> {
        match &self.hold {
            Some(hold) => hold.confirm().await.map_err(|error| AppendError::of(&error)),
            None => Ok(()),
        }
    }

    /// What says whether the run is still this process's, where another machine could take it.
    pub fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.hold.clone()
    }

    /// The durable lines so far, from the first one on.
    pub fn read(&self) -> io::Result<Box<dyn Read + Send>> {
        self.chain.0.store.lock().unwrap_or_else(PoisonError::into_inner).read()
    }

    /// Returns when so many records are durable.
    async fn until(&self, records: u64) -> Result<(), AppendError> {
        let shared = &self.chain.0;
        let answer = {
            let mut chain = shared.lock();
            if let Some(known) = chain.outcome(records) {
                return known;
            }
            let alone = chain.unwritten.iter().filter(|(record, _)| record.event.is_awaited()).count() <= 1;
            (!alone || chain.sync_took > SHORT).then(|| {
                let (reply, answer) = oneshot::channel();
                chain.waiting.push((records, reply));
                shared.work.notify_all();
                answer
            })
        };
        match answer {
            Some(answer) => answer.await.unwrap_or_else(|_| Err(AppendError::Store("its writer has ended".to_owned()))),
            None => {
                shared.write();
                shared.lock().outcome(records).unwrap_or(Ok(()))
            }
        }
    }
}

/// The journal's end, where it is kept, and whoever sees to it that nothing stays unwritten.
struct Shared {
    /// Taken before the chain, and held as long as it is written to.
    store: Mutex<Box<dyn Store>>,
    chain: Mutex<Chain>,
    /// There is something for the keeper to do.
    work: Condvar,
}

struct Handle(Arc<Shared>);

impl Debug for Handle {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Handle").finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A failure stays in the chain, and nobody is left who could be told.
        self.0.write();
        self.0.lock().is_over = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, event: Event, awaited: bool) -> Result<Record, AppendError> {
        let mut chain = self.lock();
        let record = chain.admit(event)?;
        if !awaited && std::mem::take(&mut chain.keeper_is_idle) {
            self.work.notify_all();
        }
        Ok(record)
    }

    /// Makes everything durable that has its place in the chain, by one sync.
    fn write(&self) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, unwritten) = {
            let mut chain = self.lock();
            let batch = (std::mem::take(&mut chain.bytes), std::mem::take(&mut chain.unwritten));
            if chain.broken.is_some() || batch.0.is_empty() {
                return chain.answer();
            }
            batch
        };
        let begun = Instant::now();
        let written = store.append(&bytes);
        let took = begun.elapsed();
        let mut chain = self.lock();
        chain.sync_took = took;
        match written {
            Ok(()) => chain.durable += unwritten.len() as u64,
            Err(error) => chain.broken = Some(AppendError::of(&error)),
        }
        if chain.broken.is_none() {
            for (record, head) in &unwritten {
                chain.listener.recorded(record, head);
            }
        }
        chain.answer();
    }

    /// Writes what is waited for where a sync is long, and what was left to wait for company for long enough.
    fn keep(&self) {
        let mut chain = self.lock();
        while !chain.is_over {
            let oldest = chain.unwritten.first().map(|(record, _)| record.seq);
            if chain.waiting.is_empty() {
                if oldest.is_none() {
                    chain.keeper_is_idle = true;
                    chain = self.work.wait(chain).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                let company = chain.sync_took.clamp(COMPANY, LONGEST_COMPANY);
                chain = self.work.wait_timeout(chain, company).unwrap_or_else(PoisonError::into_inner).0;
                let is_left = chain.unwritten.first().map(|(record, _)| record.seq) == oldest;
                if chain.waiting.is_empty() && !is_left {
                    continue;
                }
            }
            drop(chain);
            self.write();
            chain = self.lock();
        }
    }
}

struct Chain {
    seq: u64,
    last_at: Option<Timestamp>,
    head: String,
    listener: Box<dyn Listener>,
    broken: Option<AppendError>,
    /// So many records are durable.
    durable: u64,
    /// Records with their place in the chain that nobody has begun to write, each with the hash of its line.
    unwritten: Vec<(Record, String)>,
    bytes: Vec<u8>,
    /// Whoever waits until so many records are durable.
    waiting: Vec<(u64, oneshot::Sender<Result<(), AppendError>>)>,
    /// How long the last sync took.
    sync_took: Duration,
    /// Whether the keeper waits for something to begin.
    keeper_is_idle: bool,
    is_over: bool,
}

impl Chain {
    /// Whether so many records are durable, once that is known.
    fn outcome(&self, records: u64) -> Option<Result<(), AppendError>> {
        if self.durable >= records { Some(Ok(())) } else { self.broken.clone().map(Err) }
    }

    /// Tells those who wait for something that is known by now.
    fn answer(&mut self) {
        for (records, reply) in std::mem::take(&mut self.waiting) {
            match self.outcome(records) {
                // Whoever asked may be gone.
                Some(known) => drop(reply.send(known)),
                None => self.waiting.push((records, reply)),
            }
        }
    }

    /// Gives the event its place in the chain.
    fn admit(&mut self, event: Event) -> Result<Record, AppendError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let at = clock::now();
        let back = self.last_at.map_or(0, |last| (last - at).num_milliseconds());
        self.last_at = Some(at);
        if back >= SET_BACK_MS {
            // What the clock says is what other machines' logs are compared with, so no time is made up.
            self.chain(at, Event::ClockSetBack { by_ms: u64::try_from(back).unwrap_or_default() })?;
        }
        self.chain(at, event)
    }

    fn chain(&mut self, at: Timestamp, event: Event) -> Result<Record, AppendError> {
        let mut record = Record { v: FORMAT_VERSION, seq: self.seq, at, prev: self.head.clone(), event, sum: None };
        let refused = |error: serde_json::Error| AppendError::Refused(error.to_string());
        let mut line = record.line().map_err(refused)?;
        if let Cow::Owned(_) = without_credentials(&String::from_utf8_lossy(&line)) {
            // Whatever way an address came, its credential ends before the disk.
            let event = value_without_credentials(serde_json::to_value(&record.event).map_err(refused)?);
            record.event = serde_json::from_value(event).map_err(refused)?;
            line = record.line().map_err(refused)?;
        }
        if line.len() > LONGEST_LINE {
            return Err(AppendError::Refused(format!("a record is longer than {} MiB", LONGEST_LINE >> 20)));
        }
        self.listener.admit(&record).map_err(AppendError::Refused)?;
        self.head = line_hash(&line);
        self.seq += 1;
        self.bytes.extend_from_slice(&line);
        self.bytes.push(b'\n');
        self.unwritten.push((record.clone(), self.head.clone()));
        Ok(record)
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
