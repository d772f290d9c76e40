//! Events become durable lines, one writer at a time.
//!
//! A thread of its own owns the [`Store`]. Events that arrive while a batch is being written form the next batch and
//! share one sync. When [`Writer::append`] returns, an event that [is awaited](Event::is_awaited) is durable and
//! everyone who listens has seen it; any other has its place in the chain, and becomes durable with the next one that
//! is awaited, or a moment later where none comes. After a failed append nothing is appended any more: no effect is
//! ever sent on an intent that may not be on the disk.

use super::record::{FORMAT_VERSION, Record, line_hash};
use super::store::Store;
use crate::clock::{self, Timestamp};
use crate::engine::event::Event;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// A clock is set right by so much all the time; more is worth a line.
const SET_BACK_MS: i64 = 1_000;

/// How long an event that nobody waits for may wait for company.
const COMPANY: Duration = Duration::from_millis(2);

/// A handle to the journal's only writer.
#[derive(Clone, Debug)]
pub struct Writer {
    requests: Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Append(Box<Event>, Reply),
    /// Everything before it is to be durable.
    Settle(oneshot::Sender<Result<(), AppendError>>),
}

type Reply = oneshot::Sender<Result<Record, AppendError>>;

/// Why an event is not in the journal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the journal cannot be written: {0}")]
    Store(String),
    #[error("{0}")]
    Refused(String),
    #[error("the journal's writer has ended")]
    Ended,
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
        let last_at = records.last().map(|record| record.at);
        let (requests, inbox) = channel();
        let chain = Chain {
            store,
            seq,
            last_at,
            head,
            listener,
            broken: None,
            unwritten: Vec::new(),
            bytes: Vec::new(),
            settles: Vec::new(),
        };
        std::thread::spawn(move || chain.serve(&inbox));
        Self { requests }
    }

    /// Appends one event; returns when it is as durable as it needs to be.
    pub async fn append(&self, event: Event) -> Result<Record, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Append(Box::new(event), reply)).map_err(|_| AppendError::Ended)?;
        answer.await.map_err(|_| AppendError::Ended)?
    }

    /// Returns when every event that was appended before is durable.
    pub async fn settle(&self) -> Result<(), AppendError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Settle(reply)).map_err(|_| AppendError::Ended)?;
        answer.await.map_err(|_| AppendError::Ended)?
    }
}

struct Chain<S, L> {
    store: S,
    seq: u64,
    last_at: Option<Timestamp>,
    head: String,
    listener: L,
    broken: Option<AppendError>,
    /// Events with their place in the chain that are not durable yet, and whoever waits for them.
    unwritten: Vec<(Record, String, Option<Reply>)>,
    bytes: Vec<u8>,
    settles: Vec<oneshot::Sender<Result<(), AppendError>>>,
}

impl<S: Store, L: Listener> Chain<S, L> {
    fn serve(mut self, inbox: &Receiver<Request>) {
        loop {
            let first = if self.unwritten.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(COMPANY)
            };
            let awaited = match first {
                Ok(first) => {
                    let mut awaited = self.take(first);
                    for request in inbox.try_iter() {
                        awaited |= self.take(request);
                    }
                    awaited
                }
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => return self.write(),
            };
            if awaited {
                self.write();
            }
        }
    }

    /// Takes a request in; says whether somebody waits until it is durable.
    fn take(&mut self, request: Request) -> bool {
        match request {
            Request::Settle(reply) => {
                self.settles.push(reply);
                true
            }
            Request::Append(event, reply) => {
                let awaited = event.is_awaited();
                match self.admit(*event) {
                    Ok(record) if awaited => self.unwritten.push((record, self.head.clone(), Some(reply))),
                    Ok(record) => {
                        drop(reply.send(Ok(record.clone())));
                        self.unwritten.push((record, self.head.clone(), None));
                    }
                    Err(error) => {
                        drop(reply.send(Err(error)));
                        return false;
                    }
                }
                awaited
            }
        }
    }

    /// Makes everything durable that has its place in the chain, by one sync.
    fn write(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let written = match &self.broken {
            Some(broken) => Err(broken.clone()),
            None if bytes.is_empty() => Ok(()),
            None => self.store.append(&bytes).map_err(|error| AppendError::Store(describe(&error))),
        };
        self.broken = written.clone().err();
        for (record, head, reply) in self.unwritten.drain(..) {
            if written.is_ok() {
                self.listener.recorded(&record, &head);
            }
            if let Some(reply) = reply {
                drop(reply.send(written.clone().map(|()| record)));
            }
        }
        for reply in self.settles.drain(..) {
            drop(reply.send(written.clone()));
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
            let by_ms = u64::try_from(back).unwrap_or_default();
            let record = self.chain(at, Event::ClockSetBack { by_ms })?;
            self.unwritten.push((record, self.head.clone(), None));
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
        Ok(record)
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
