//! Events become durable lines, one writer at a time.
//!
//! A thread of its own owns the [`Store`]. Events that arrive while a batch is being written form the next batch and
//! share one sync. When [`Writer::append`] returns, the event is durable and everyone who listens has seen it. After
//! a failed append nothing is appended any more: no effect is ever sent on an intent that may not be on the disk.

use super::record::{FORMAT_VERSION, Record, line_hash};
use super::store::Store;
use crate::clock;
use crate::engine::event::Event;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

/// A handle to the journal's only writer.
#[derive(Clone, Debug)]
pub struct Writer {
    requests: Sender<Request>,
}

#[derive(Debug)]
struct Request {
    event: Event,
    reply: oneshot::Sender<Result<Record, AppendError>>,
}

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
    /// Starts the writer after `seq` records that end in `head`.
    pub fn start(store: impl Store, seq: u64, head: String, listener: impl Listener) -> Self {
        let (requests, inbox) = channel();
        let chain = Chain { store, seq, head, listener, broken: None };
        std::thread::spawn(move || chain.serve(&inbox));
        Self { requests }
    }

    /// Appends one event; returns when it is durable.
    pub async fn append(&self, event: Event) -> Result<Record, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request { event, reply }).map_err(|_| AppendError::Ended)?;
        answer.await.map_err(|_| AppendError::Ended)?
    }
}

struct Chain<S, L> {
    store: S,
    seq: u64,
    head: String,
    listener: L,
    broken: Option<AppendError>,
}

type Reply = oneshot::Sender<Result<Record, AppendError>>;

impl<S: Store, L: Listener> Chain<S, L> {
    fn serve(mut self, inbox: &Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let mut batch = vec![first];
            batch.extend(inbox.try_iter());
            self.write(batch);
        }
    }

    fn write(&mut self, batch: Vec<Request>) {
        let mut bytes = Vec::new();
        let mut admitted: Vec<(Record, String, Reply)> = Vec::new();
        for request in batch {
            match self.admit(request.event, &mut bytes) {
                Ok(record) => admitted.push((record, self.head.clone(), request.reply)),
                Err(error) => drop(request.reply.send(Err(error))),
            }
        }
        if bytes.is_empty() {
            return;
        }
        let written = self.store.append(&bytes);
        if let Err(error) = written {
            let error = AppendError::Store(describe(&error));
            self.broken = Some(error.clone());
            for (_, _, reply) in admitted {
                drop(reply.send(Err(error.clone())));
            }
            return;
        }
        for (record, head, reply) in admitted {
            self.listener.recorded(&record, &head);
            drop(reply.send(Ok(record)));
        }
    }

    /// Gives the event its place in the chain.
    fn admit(&mut self, event: Event, bytes: &mut Vec<u8>) -> Result<Record, AppendError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let record =
            Record { v: FORMAT_VERSION, seq: self.seq, at: clock::now(), prev: self.head.clone(), event, sum: None };
        let line = record.line().map_err(|error| AppendError::Refused(error.to_string()))?;
        self.listener.admit(&record).map_err(AppendError::Refused)?;
        self.head = line_hash(&line);
        self.seq += 1;
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        Ok(record)
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
