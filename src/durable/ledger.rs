//! The run's memory, as the actions and the driver share it: the journal's writer and the state it folds into.

use crate::engine::event::Event;
use crate::engine::{State, StepState};
use crate::journal::{AppendError, Listener, Record, Store, Writer};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// A handle to a run's journal and state.
#[derive(Clone, Debug)]
pub struct Ledger {
    writer: Writer,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug)]
struct Memory {
    state: State,
    records: Vec<Record>,
    head: String,
}

/// What is shown while a run is at work.
#[derive(Clone, Debug)]
pub enum DisplayEvent {
    /// A record became durable.
    Recorded(Box<Record>),
    /// What a step is doing right now. Shown, and forgotten.
    Progress { step: String, text: String },
    /// What is asked at the terminal right now, and what was entered so far; nothing more if the question is empty.
    Asked { question: String, entered: String },
    /// Something about the run's surroundings. Shown, and forgotten.
    Aside { text: String },
}

/// Where notices go.
pub type DisplayEvents = mpsc::UnboundedSender<DisplayEvent>;

struct Recorder {
    memory: Arc<Mutex<Memory>>,
    notices: DisplayEvents,
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listener for Recorder {
    fn admit(&mut self, record: &Record) -> Result<(), String> {
        lock(&self.memory).state.apply(record.at, &record.event).map_err(|illegal| illegal.to_string())
    }

    fn recorded(&mut self, record: &Record, head: &str) {
        let mut memory = lock(&self.memory);
        memory.records.push(record.clone());
        memory.head = head.to_owned();
        // Nobody may be looking.
        drop(self.notices.send(DisplayEvent::Recorded(Box::new(record.clone()))));
    }
}

impl Ledger {
    /// Goes on after the records that a journal holds already.
    pub fn start(store: impl Store, records: Vec<Record>, head: String, state: State, notices: DisplayEvents) -> Self {
        let memory = Arc::new(Mutex::new(Memory { state, records: Vec::new(), head: head.clone() }));
        let recorder = Recorder { memory: Arc::clone(&memory), notices };
        let writer = Writer::start(store, &records, head, recorder);
        lock(&memory).records = records;
        Self { writer, memory }
    }

    /// Records an event; returns when it is as durable as it needs to be.
    pub async fn record(&self, event: Event) -> Result<Record, AppendError> {
        self.writer.append(event).await
    }

    /// Returns when everything that was recorded is durable, and [`records`](Self::records) and [`head`](Self::head)
    /// tell of it.
    pub async fn flush(&self) -> Result<(), AppendError> {
        self.writer.flush().await
    }

    /// Looks at the state as it is now.
    pub fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&lock(&self.memory).state)
    }

    /// The state as it is now.
    pub fn state(&self) -> State {
        lock(&self.memory).state.clone()
    }

    /// One step's state as it is now.
    pub fn step(&self, step: &str) -> StepState {
        lock(&self.memory).state.step(step).clone()
    }

    /// All durable records so far.
    pub fn records(&self) -> Vec<Record> {
        lock(&self.memory).records.clone()
    }

    /// The hash of the last durable line.
    pub fn head(&self) -> String {
        lock(&self.memory).head.clone()
    }
}
