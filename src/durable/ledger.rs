//! The run's memory, as the actions and the driver share it: the journal's writer and the state it folds into.

use crate::engine::event::Event;
use crate::engine::{IllegalEvent, State, StepState};
use crate::failure::Failure;
use crate::journal::{AppendError, Hold, Journal, Listener, ReadError, Record, Store, Writer};
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
        let applied = lock(&self.memory).state.apply(record.at, &record.event);
        // Whoever answered is told why in their own words; anything else that cannot follow is this program's own mistake.
        applied.map_err(|illegal| match record.event.answerer() {
            Some(_) => illegal.because,
            None => illegal.to_string(),
        })
    }

    fn recorded(&mut self, record: &Record, head: &str) {
        head.clone_into(&mut lock(&self.memory).head);
        // Nobody may be looking.
        drop(self.notices.send(DisplayEvent::Recorded(Box::new(record.clone()))));
    }
}

impl Ledger {
    /// Goes on where a journal ends.
    pub fn start(store: impl Store, journal: &Journal, state: State, notices: DisplayEvents) -> Self {
        let memory = Arc::new(Mutex::new(Memory { state, head: journal.head.clone() }));
        let recorder = Recorder { memory: Arc::clone(&memory), notices };
        Self { writer: Writer::start(store, journal, recorder), memory }
    }

    /// Records an event; returns when it is as durable as it needs to be.
    pub async fn record(&self, event: Event) -> Result<Record, AppendError> {
        self.writer.append(event).await
    }

    /// Returns when everything that was recorded is durable, and [`fold`](Self::fold) and [`head`](Self::head) tell
    /// of it.
    pub async fn flush(&self) -> Result<(), AppendError> {
        self.writer.flush().await
    }

    /// Returns once it is certain that the run is still this process's: what is sent then is sent by nobody else.
    pub async fn confirm(&self) -> Result<(), AppendError> {
        self.writer.confirm().await
    }

    /// What says whether it is, where another machine could take the run over.
    pub fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.writer.hold()
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

    /// Folds all durable records so far, as they are read from where the journal is kept. Gives where they end.
    ///
    /// # Errors
    /// If they cannot be read, or are not what was written.
    pub fn fold(&self, take: impl FnMut(&Record, &str) -> Result<(), IllegalEvent>) -> Result<Journal, Failure> {
        let read = self.writer.read().map_err(ReadError::Io).and_then(|lines| Journal::fold(lines, None, take));
        read.map_err(|error| Failure::refused("the run's journal cannot be read back").because(error.to_string()))
    }

    /// The hash of the last durable line.
    pub fn head(&self) -> String {
        lock(&self.memory).head.clone()
    }
}
