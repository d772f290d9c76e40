//! Events become durable lines, in one order.
//!
//! Whoever appends an event gives it its place in the chain. One that [is awaited](Event::is_awaited) is made durable by
//! whoever appended it, together with all that have their places by then: those who are ready to append at the same time
//! share one sync, and nobody waits for another thread to wake up. Any other event becomes durable with the next one
//! that is awaited, or a moment later where none comes. After a failed append nothing is appended any more: no effect is
//! ever sent on an intent that may not be on the disk.

use super::record::{FORMAT_VERSION, Record, line_hash};
use super::store::Store;
use crate::clock::{self, Timestamp};
use crate::engine::event::Event;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A clock is set right by so much all the time; more is worth a line.
const SET_BACK_MS: i64 = 1_000;

/// How long an event that nobody waits for may wait for company.
const COMPANY: Duration = Duration::from_millis(2);

/// A handle to the journal's only writer. With the last one everything that was appended becomes durable.
#[derive(Clone, Debug)]
pub struct Writer {
    chain: Arc<Handle>,
}

/// Why an event is not in the journal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the journal cannot be written: {0}")]
    Store(String),
    #[error("{0}")]
    Refused(String),
}

/// Sees every record in the journal's order: first asked whether it may follow, then told that it is durable.
pub trait Listener: Send + 'static {
    /// Whether the event may follow what was recorded so far.
    fn admit(&mut self, record: &Record) -> Result<(), String>;
    /// The record is durable; `head` is the hash of its line.
    fn recorded(&mut self, record: &Record, head: &str);
}

impl Writer {
    /// Starts the writer after so many `records`, which end in `head`.
    pub fn start(store: impl Store, records: &[Record], head: String, listener: impl Listener) -> Self {
        let seq = records.len() as u64;
        let chain = Chain {
            store: Box::new(store),
            seq,
            last_at: records.last().map(|record| record.at),
            head,
            listener: Box::new(listener),
            broken: None,
            durable: seq,
            unwritten: Vec::new(),
            bytes: Vec::new(),
            keeper_is_idle: false,
            is_over: false,
        };
        let shared = Arc::new(Shared { chain: Mutex::new(chain), begun: Condvar::new() });
        let keeper = Arc::clone(&shared);
        std::thread::spawn(move || keeper.keep());
        Self { chain: Arc::new(Handle(shared)) }
    }

    /// Appends one event; returns when it is as durable as it needs to be.
    pub async fn append(&self, event: Event) -> Result<Record, AppendError> {
        let awaited = event.is_awaited();
        let record = self.chain.0.admit(event)?;
        if awaited {
            // Whoever is ready to append as well gets a place first, and shares the sync.
            tokio::task::yield_now().await;
            self.chain.0.lock().write_through(record.seq)?;
        }
        Ok(record)
    }

    /// Returns when every event that was appended before is durable.
    pub async fn settle(&self) -> Result<(), AppendError> {
        self.chain.0.lock().write()
    }
}

/// The end of the journal, and whoever sees to it that nothing stays unwritten.
struct Shared {
    chain: Mutex<Chain>,
    /// There is something to be written, and it is nobody's turn; or it is over.
    begun: Condvar,
}

struct Handle(Arc<Shared>);

impl Debug for Handle {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Handle").finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut chain = self.0.lock();
        // A failure stays in the chain, and nobody is left who could be told.
        chain.write().ok();
        chain.is_over = true;
        self.0.begun.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, event: Event) -> Result<Record, AppendError> {
        let mut chain = self.lock();
        let record = chain.admit(event)?;
        if std::mem::take(&mut chain.keeper_is_idle) {
            self.begun.notify_all();
        }
        Ok(record)
    }

    /// Writes what was left to wait for company for long enough.
    fn keep(&self) {
        let mut chain = self.lock();
        while !chain.is_over {
            let Some(oldest) = chain.oldest_unwritten() else {
                chain.keeper_is_idle = true;
                chain = self.begun.wait(chain).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            chain = self.begun.wait_timeout(chain, COMPANY).unwrap_or_else(PoisonError::into_inner).0;
            if chain.oldest_unwritten() == Some(oldest) {
                // Whoever appends next is told of a failure.
                chain.write().ok();
            }
        }
    }
}

struct Chain {
    store: Box<dyn Store>,
    seq: u64,
    last_at: Option<Timestamp>,
    head: String,
    listener: Box<dyn Listener>,
    broken: Option<AppendError>,
    /// So many records are durable.
    durable: u64,
    /// Records with their place in the chain that are not durable yet, each with the hash of its line.
    unwritten: Vec<(Record, String)>,
    bytes: Vec<u8>,
    keeper_is_idle: bool,
    is_over: bool,
}

impl Chain {
    fn oldest_unwritten(&self) -> Option<u64> {
        self.unwritten.first().map(|(record, _)| record.seq)
    }

    /// Makes a record durable, unless another one's sync has done so.
    fn write_through(&mut self, seq: u64) -> Result<(), AppendError> {
        if self.durable > seq { Ok(()) } else { self.write() }
    }

    /// Makes everything durable that has its place in the chain, by one sync.
    fn write(&mut self) -> Result<(), AppendError> {
        let bytes = std::mem::take(&mut self.bytes);
        let unwritten = std::mem::take(&mut self.unwritten);
        if self.broken.is_none() && !bytes.is_empty() {
            self.broken = self.store.append(&bytes).err().map(|error| AppendError::Store(describe(&error)));
        }
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        for (record, head) in &unwritten {
            self.listener.recorded(record, head);
        }
        self.durable = self.seq;
        Ok(())
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
        let record = Record { v: FORMAT_VERSION, seq: self.seq, at, prev: self.head.clone(), event, sum: None };
        let line = record.line().map_err(|error| AppendError::Refused(error.to_string()))?;
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
