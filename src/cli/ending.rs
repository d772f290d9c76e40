//! How every command ends when it is told to: a thread of its own hears the signals, whatever else hangs.
//!
//! A command that writes nothing ends at once, be it in the middle of a read that never comes back. One that holds
//! [`InOrder`] brings what it does to an order first; it gets [`LONGEST`] for that, and a second signal ends it at once,
//! which a journal survives.

#![expect(clippy::disallowed_methods, reason = "what hangs cannot be asked to end")]

use super::exit::{CommandError, Exit};
use super::terminal::modes;
use crate::failure::Failure;
use crate::programs;
use rustix::process::Signal as Ended;
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, mpsc};
use std::task::Poll;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long an order may take: the program is gone within five seconds of the signal.
const LONGEST: Duration = Duration::from_secs(4);

/// What the program was told, once it was.
static TOLD: LazyLock<watch::Sender<Option<Exit>>> = LazyLock::new(|| watch::Sender::new(None));
/// How many bring something to an order before the program ends.
static IN_ORDER: AtomicUsize = AtomicUsize::new(0);

/// Begins to hear signals; they are heard when this returns.
pub(crate) fn listen() -> Result<(), CommandError> {
    let failed = |error: io::Error| {
        CommandError::program(Failure::refused("signals cannot be received").because(error.to_string()))
    };
    let (ready, heard) = mpsc::channel();
    let hear = move || match Heard::open() {
        Ok((runtime, heard)) => {
            drop(ready.send(Ok(())));
            runtime.block_on(hear(heard));
        }
        Err(error) => drop(ready.send(Err(error))),
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(hear).map_err(failed)?;
    heard.recv().unwrap_or_else(|_| Err(io::Error::other("nobody hears them"))).map_err(failed)
}

/// What else ends a program unasked. A fault of the program itself is none of them, and a file that grew too large is told
/// to whoever writes it.
const OTHERS: [Ended; 15] = [
    Ended::HUP,
    Ended::QUIT,
    Ended::TERM,
    Ended::USR1,
    Ended::USR2,
    Ended::ALARM,
    Ended::VTALARM,
    Ended::PROF,
    Ended::IO,
    Ended::POWER,
    Ended::STKFLT,
    Ended::XCPU,
    Ended::ABORT,
    Ended::TRAP,
    Ended::SYS,
];

/// The signals that end a program, and how it ends.
struct Heard(Vec<(Signal, Exit)>);

impl Heard {
    fn open() -> io::Result<(tokio::runtime::Runtime, Self)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let ignored = ignored();
        let mut heard = vec![(signal(SignalKind::interrupt())?, Exit::Interrupted)];
        for number in OTHERS.into_iter().map(Ended::as_raw) {
            // Whoever started the program (`nohup`) wants it to outlive that one.
            if number == Ended::TERM.as_raw() || ignored >> (number - 1) & 1 == 0 {
                heard.push((signal(SignalKind::from_raw(number))?, Exit::Terminated));
            }
        }
        drop(entered);
        Ok((runtime, Self(heard)))
    }

    async fn next(&mut self) -> Exit {
        poll_fn(|context| {
            let told =
                self.0.iter_mut().find_map(|(signal, exit)| signal.poll_recv(context).is_ready().then_some(*exit));
            told.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// The signals that were to be ignored when the program began: the lowest bit stands for signal 1.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

async fn hear(mut heard: Heard) {
    let told = heard.next().await;
    TOLD.send_replace(Some(told));
    if IN_ORDER.load(Ordering::SeqCst) == 0 {
        end(told);
    }
    end(tokio::time::timeout(LONGEST, heard.next()).await.unwrap_or(told));
}

/// Ends the program now, with those that it started.
fn end(exit: Exit) -> ! {
    modes::give_back();
    programs::end_all();
    std::process::exit(exit.code().into());
}

/// As long as one of these is held, the program is not ended by the first signal but by its holder, soon.
#[derive(Debug)]
pub(crate) struct InOrder(watch::Receiver<Option<Exit>>);

impl InOrder {
    pub(crate) fn hold() -> Self {
        IN_ORDER.fetch_add(1, Ordering::SeqCst);
        Self(TOLD.subscribe())
    }

    /// What the program was told, if it was.
    pub(crate) fn told(&self) -> Option<Exit> {
        *self.0.borrow()
    }

    /// Waits until the program is told to end.
    pub(crate) fn wait(&self) -> impl Future<Output = Exit> + use<> {
        let mut told = self.0.clone();
        async move {
            match told.wait_for(Option::is_some).await.map(|told| *told) {
                Ok(Some(told)) => told,
                _ => std::future::pending().await,
            }
        }
    }

    /// What comes first: the work, or that it is to end, and then the work is given up.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Exit> {
        tokio::select! {
            done = work => Ok(done),
            told = self.wait() => Err(told),
        }
    }
}

impl Drop for InOrder {
    fn drop(&mut self) {
        IN_ORDER.fetch_sub(1, Ordering::SeqCst);
    }
}
