//! Whether whoever works on a run lives: a lease of some seconds on the run's journal, which is renewed as long as the
//! process does, and without which nothing is appended. It is asked before anything is sent.

use super::reach::{Reach, Written, failed};
use crate::azure::NotWritten;
use crate::clock;
use crate::failure::{Failure, Retry};
use crate::journal::store::{Fenced, Hold};
use futures::FutureExt;
use futures::future::BoxFuture;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A lease ends so long after it was renewed for the last time: whoever waits for a dead process waits no longer.
pub const LEASE: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How soon again where no answer came.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// With less of it left nothing is sent before it is renewed: the request must be on its way while it is held.
const MARGIN: Duration = Duration::from_secs(5);
/// How long giving it back may take: it ends by itself.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// A lease that is held.
#[derive(Debug)]
pub(super) struct Lease {
    reach: Arc<Reach>,
    name: String,
    id: String,
    /// When the request was sent by which it was renewed, by a clock that goes on while the machine sleeps.
    renewed: Mutex<Duration>,
    lost: watch::Sender<bool>,
}

/// Keeps a lease, and gives it back when dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    lease: Arc<Lease>,
    renewing: Option<JoinHandle<()>>,
}

impl Lease {
    /// Begins one. Gives nothing if somebody else holds it.
    pub(super) fn begin(reach: &Arc<Reach>, name: &str) -> io::Result<Option<Keeper>> {
        let id = Uuid::new_v4().to_string();
        let sent = now();
        let acquired = reach.write(name, |container, name| {
            let id = id.clone();
            async move { container.acquire(&name, &id, LEASE).await }
        })?;
        match acquired {
            Written::Done => {}
            Written::Conflict { .. } => return Ok(None),
            Written::Missing => return Err(io::ErrorKind::NotFound.into()),
        }
        let (reach, name) = (Arc::clone(reach), name.to_owned());
        let lease = Arc::new(Self { reach, name, id, renewed: Mutex::new(sent), lost: watch::Sender::new(false) });
        let renewing = lease.reach.spawn(Arc::clone(&lease).keep());
        Ok(Some(Keeper { lease, renewing }))
    }

    async fn keep(self: Arc<Self>) {
        let mut wait = RENEW_EVERY;
        loop {
            clock::sleep(wait).await;
            wait = match self.renew().await {
                Ok(()) => RENEW_EVERY,
                Err(_) if self.is_lost() => return,
                Err(_) => RENEW_AGAIN,
            };
        }
    }

    /// What it is shown by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Renews it. That somebody else holds it now is known from then on.
    pub(super) async fn renew(&self) -> Result<(), Failure> {
        let sent = now();
        match self.reach.container.renew(&self.name, &self.id).await {
            Ok(()) => {
                let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
                *renewed = sent.max(*renewed);
                Ok(())
            }
            Err(NotWritten::Failed(failure)) => Err(failure),
            Err(_) => {
                self.lost.send_replace(true);
                Err(lost())
            }
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    fn left(&self) -> Duration {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        (renewed + LEASE).saturating_sub(now())
    }

    async fn check(&self) -> io::Result<()> {
        if self.is_lost() {
            return Err(Fenced(lost().summary).into());
        }
        while self.left() < MARGIN {
            match self.renew().await {
                Ok(()) => {}
                Err(_) if self.is_lost() => return Err(Fenced(lost().summary).into()),
                Err(failure) if failure.retry == Retry::Never || self.left().is_zero() => return Err(failed(failure)),
                Err(_) => clock::sleep(RENEW_AGAIN).await,
            }
        }
        Ok(())
    }
}

impl Hold for Lease {
    fn confirm(&self) -> BoxFuture<'_, io::Result<()>> {
        self.check().boxed()
    }

    fn lost(&self) -> BoxFuture<'_, ()> {
        async {
            let mut lost = self.lost.subscribe();
            // Its sender lives as long as the lease.
            drop(lost.wait_for(|lost| *lost).await);
        }
        .boxed()
    }
}

impl Keeper {
    pub(super) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(renewing) = self.renewing.take() {
            renewing.abort();
        }
        if self.lease.is_lost() {
            return;
        }
        let lease = Arc::clone(&self.lease);
        // Where it fails, it ends by itself.
        drop(self.lease.reach.wait(async move {
            let release = lease.reach.container.release(&lease.name, &lease.id);
            drop(tokio::time::timeout(GIVING_BACK, release).await);
        }));
    }
}

fn lost() -> Failure {
    Failure::refused("the run was taken over from another machine")
}

/// By a clock that goes on while the machine sleeps.
fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
}
