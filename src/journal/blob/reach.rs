//! The way to the container: requests of its own, on a thread of their own, so that whoever drives a run can wait for what
//! must be durable, and a lease is renewed whatever the run is doing.

use crate::azure::{NotWritten, WritableContainer};
use crate::clock;
use crate::failure::{Failure, Retry};
use crate::journal::run_store::Tell;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// How long a store that does not answer is asked again before whoever waits for it is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The same of one that is only asked.
const PATIENCE_TO_READ: Duration = Duration::from_secs(15);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Why the store did not do what it was asked to. It travels in an [`io::Error`]; [`store_failure`] finds it there.
#[derive(Debug)]
struct StoreFailure(Failure);

impl fmt::Display for StoreFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.summary)?;
        self.0.reasons.iter().try_for_each(|reason| write!(formatter, ": {reason}"))
    }
}

impl std::error::Error for StoreFailure {}

/// What a store that is not on this machine said of an error, with what to do.
pub fn store_failure(error: &io::Error) -> Option<&Failure> {
    error.get_ref()?.downcast_ref::<StoreFailure>().map(|failure| &failure.0)
}

/// A failure as an error of input and output.
pub(super) fn failed(failure: Failure) -> io::Error {
    io::Error::other(StoreFailure(failure))
}

/// Nobody who looks on is told of less: an answer may be slow.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// The container, and whoever speaks to it.
pub(super) struct Reach {
    pub(super) container: WritableContainer,
    tell: Mutex<Option<Tell>>,
    /// Nothing once it is given up.
    runtime: Option<Runtime>,
}

/// How a write ended that may have been repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// It was there, or was written to by somebody else.
    Conflict {
        /// An earlier request got no answer, so that it may be our own.
        perhaps_ours: bool,
    },
    Missing,
}

impl Reach {
    pub(super) fn new(container: WritableContainer) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build()?;
        Ok(Self { container, tell: Mutex::default(), runtime: Some(runtime) })
    }

    /// Tells through this what keeps the store from answering, while it is asked again.
    pub(super) fn announce(&self, tell: Tell) {
        *self.tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
    }

    /// Does something on the store's own thread, and waits for it.
    pub(super) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        let (done, answer) = mpsc::sync_channel(1);
        let ended = || io::Error::other("the store was given up");
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        runtime.spawn(async move { drop(done.send(work.await)) });
        answer.recv().map_err(|_| ended())
    }

    /// Does something on the store's own thread meanwhile.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }

    /// What the container says to a question about a name.
    pub(super) fn ask<T, F>(&self, name: &str, ask: impl Fn(WritableContainer, String) -> F) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut pause = Pause::begin(PATIENCE_TO_READ);
        loop {
            match self.wait(ask(self.container.clone(), name.to_owned()))? {
                Ok(answer) => return Ok(answer),
                Err(failure) => pause.again(self, failure)?,
            }
        }
    }

    /// Writes, and again while no answer comes: for what can be written once only, so that a repetition meets the first.
    pub(super) fn write<F>(&self, name: &str, write: impl Fn(WritableContainer, String) -> F) -> io::Result<Written>
    where
        F: Future<Output = Result<(), NotWritten>> + Send + 'static,
    {
        let mut pause = Pause::begin(PATIENCE);
        let mut perhaps_ours = false;
        loop {
            match self.wait(write(self.container.clone(), name.to_owned()))? {
                Ok(()) => return Ok(Written::Done),
                Err(NotWritten::Conflict) => return Ok(Written::Conflict { perhaps_ours }),
                Err(NotWritten::Missing) => return Ok(Written::Missing),
                Err(NotWritten::Full) => return Err(failed(NotWritten::Full.failure(&self.container))),
                Err(NotWritten::Failed(failure)) => {
                    perhaps_ours = true;
                    pause.again(self, failure)?;
                }
            }
        }
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reach").field("container", &self.container).finish_non_exhaustive()
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        // It may be dropped where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Pauses between requests that got no answer, until patience ends.
#[derive(Debug)]
pub(super) struct Pause {
    begun: Instant,
    patience: Duration,
    next: Duration,
    is_told: bool,
}

impl Pause {
    pub(super) fn begin(patience: Duration) -> Self {
        Self { begun: Instant::now(), patience, next: FIRST_PAUSE, is_told: false }
    }

    /// Waits before the next request, or says why there is none.
    pub(super) fn again(&mut self, reach: &Reach, failure: Failure) -> io::Result<()> {
        let pause = match failure.retry {
            Retry::Never => return Err(failed(failure)),
            Retry::Later => self.next,
            Retry::After(asked) => self.next.max(asked),
        };
        if self.begun.elapsed() + pause > self.patience {
            let told = format!("it was asked again for {} s", self.begun.elapsed().as_secs());
            return Err(failed(failure.because(told)));
        }
        if !self.is_told && self.begun.elapsed() + pause > WORTH_TELLING {
            self.is_told = true;
            let (why, seconds) = (StoreFailure(failure), self.patience.as_secs());
            let text = format!("{why}; it is asked again for up to {seconds} s, and nothing is sent meanwhile");
            if let Some(tell) = reach.tell.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                tell(text);
            }
        }
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        reach.wait(async move { clock::sleep(pause).await })
    }
}
