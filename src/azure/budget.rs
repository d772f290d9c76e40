//! How often a vault is asked: under the limits of the service, and not at all for a while when it fails.
//!
//! Every request to a vault passes [`Budgets::admit`], whoever sends it, so that a mass run stays under the limits
//! instead of bouncing off them. The limits count over any window of time, so what is kept is when the latest requests
//! were let go: one more goes once the one that lies a whole limit back has left the window.
//!
//! A vault that failed several times in a row is left alone: requests fail here, unsent, until its rest is over and one
//! of them tries it for all. Whoever sent them waits as its own retries say, so nobody waits longer than it allows.

use crate::clock;
use crate::failure::{Failure, Retry};
use crate::vault::SUFFIXES;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What a vault takes in any window of time before it answers 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultLimits {
    /// New versions of secrets, imported keys and certificates.
    pub creates: u32,
    /// All other requests.
    pub others: u32,
    pub window: Duration,
}

impl Default for VaultLimits {
    /// Azure publishes 300 and 4,000 for a vault. Half of the reads are left to those who read its secrets at work: they
    /// must not meet 429 because of an incident. New versions are nobody else's business at such a time.
    fn default() -> Self {
        Self { creates: 300, others: 2_000, window: Duration::from_secs(10) }
    }
}

/// So many failures in a row, and a vault is left alone.
const FAILURES: u32 = 5;
/// What is said of a request that was not sent because of it.
const LEFT_ALONE: &str = "fails again and again and is left alone for a while";
/// For how long at first; twice as long after each further failure.
const FIRST_REST: Duration = Duration::from_secs(1);
/// No rest is longer, whatever a vault asks for.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The budgets of all vaults that this process asks.
pub(super) struct Budgets {
    limits: VaultLimits,
    vaults: Mutex<HashMap<String, Arc<Budget>>>,
    announce: OnceLock<Box<dyn Fn(String) + Send + Sync>>,
}

impl fmt::Debug for Budgets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Budgets").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// One vault's.
type Budget = Mutex<State>;

#[derive(Debug, Default)]
struct State {
    creates: Window,
    others: Window,
    breaker: Breaker,
}

/// When the latest requests were let go, or will be.
#[derive(Debug, Default)]
struct Window {
    let_go: VecDeque<Instant>,
    /// How many were forgotten.
    forgotten: usize,
    not_before: Option<Instant>,
}

/// Whether a vault is asked at all.
#[derive(Clone, Debug)]
enum Breaker {
    Closed {
        failures: u32,
    },
    /// Nobody asks before then.
    Open {
        until: Instant,
        rest: Duration,
        why: String,
    },
    /// One request is on its way; no other is sent until its answer is there.
    Trying {
        rest: Duration,
        why: String,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(super) enum Answered {
    /// The vault answered, whatever it said.
    Given,
    Throttled(Option<Duration>),
    /// It failed, or did not answer; and why.
    Failed(String),
}

/// A request that may go. Dropped without an answer, it tells nothing of the vault.
#[derive(Debug)]
pub(super) struct Pass {
    budget: Arc<Budget>,
    creates: bool,
    /// Whether it is the one that tries the vault for all others.
    tries: bool,
}

impl Budgets {
    pub(super) fn new(limits: VaultLimits) -> Self {
        Self { limits, vaults: Mutex::default(), announce: OnceLock::new() }
    }

    /// Whom to tell when a vault is left alone, and when it answers again. The first one stays.
    pub(super) fn announce(&self, tell: impl Fn(String) + Send + Sync + 'static) {
        drop(self.announce.set(Box::new(tell)));
    }

    fn tell(&self, text: String) {
        tracing::info!("{text}");
        if let Some(announce) = self.announce.get() {
            announce(text);
        }
    }

    /// Waits until a request may go to a host, or says why it may not. Nothing for hosts that are no vaults.
    pub(super) async fn admit(&self, host: &str, method: &str, path: &str) -> Result<Option<Pass>, Failure> {
        let host = host.to_lowercase();
        if !SUFFIXES.iter().any(|suffix| host.ends_with(suffix)) {
            return Ok(None);
        }
        let creates = creates(method, path);
        let budget = Arc::clone(lock(&self.vaults).entry(host.clone()).or_default());
        let (reserved, pass) = {
            let mut state = lock(&budget);
            let tries = state.may_be_asked(Instant::now()).map_err(|(rest, why)| left_alone(&host, rest, why))?;
            let most = if creates { self.limits.creates } else { self.limits.others };
            let reserved = state.window(creates).reserve(Instant::now(), most, self.limits.window);
            (reserved, Pass { budget: Arc::clone(&budget), creates, tries })
        };
        let (at, number) = reserved;
        clock::sleep(at.saturating_duration_since(Instant::now())).await;
        lock(&budget).window(creates).went(number, Instant::now());
        if !pass.tries {
            // While it waited for its turn the vault may have gone down.
            lock(&budget).still_closed(Instant::now()).map_err(|(rest, why)| left_alone(&host, rest, why))?;
        }
        Ok(Some(pass))
    }

    /// Takes in what became of a request, and says what follows from it.
    pub(super) fn answered(&self, host: &str, pass: &Pass, answer: Answered) {
        let name = short(host);
        let mut state = lock(&pass.budget);
        let text = match answer {
            Answered::Given => state.answers().then(|| format!("`{name}` answers again")),
            Answered::Failed(why) => state
                .fails(Instant::now(), pass.tries, why)
                .map(|rest| format!("`{name}` fails again and again: it is left alone for {}s", rest.as_secs())),
            Answered::Throttled(asked) => {
                let again = state.answers();
                let rest = asked.unwrap_or_default().min(LONGEST_REST);
                let begins = state.window(pass.creates).rest(Instant::now() + rest);
                (again || (begins && !rest.is_zero()))
                    .then(|| format!("`{name}` is throttling: it is left alone for {}s", rest.as_secs()))
            }
        };
        drop(state);
        if let Some(text) = text {
            self.tell(text);
        }
    }
}

/// A request that is not sent.
fn left_alone(host: &str, rest: Duration, why: String) -> Failure {
    Failure::refused(format!("`{}` {LEFT_ALONE}", short(host))).because(why).retry(Retry::After(rest))
}

/// Whether a request was not sent for this reason: what went wrong before tells more.
pub(super) fn is_left_alone(failure: &Failure) -> bool {
    failure.summary.ends_with(LEFT_ALONE)
}

fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

impl State {
    fn window(&mut self, creates: bool) -> &mut Window {
        if creates { &mut self.creates } else { &mut self.others }
    }

    /// Whether the vault may be asked, and if so, whether this is the one that tries it for all.
    fn may_be_asked(&mut self, now: Instant) -> Result<bool, (Duration, String)> {
        if let Breaker::Open { until, rest, why } = &self.breaker
            && *until <= now
        {
            self.breaker = Breaker::Trying { rest: *rest, why: why.clone() };
            return Ok(true);
        }
        self.still_closed(now).map(|()| false)
    }

    /// For how long the vault is left alone, and why, if it is.
    fn still_closed(&self, now: Instant) -> Result<(), (Duration, String)> {
        match &self.breaker {
            Breaker::Closed { .. } => Ok(()),
            Breaker::Open { until, why, .. } => Err((until.saturating_duration_since(now), why.clone())),
            Breaker::Trying { why, .. } => Err((FIRST_REST, why.clone())),
        }
    }

    /// It answers. Says whether it did not before.
    fn answers(&mut self) -> bool {
        let failed = !matches!(self.breaker, Breaker::Closed { .. });
        self.breaker = Breaker::default();
        failed
    }

    /// It failed. Gives how long it is left alone, if that begins now.
    fn fails(&mut self, now: Instant, tries: bool, why: String) -> Option<Duration> {
        let rest = match self.breaker {
            Breaker::Closed { failures } if failures + 1 < FAILURES => {
                self.breaker = Breaker::Closed { failures: failures + 1 };
                return None;
            }
            Breaker::Closed { .. } => FIRST_REST,
            Breaker::Trying { rest, .. } if tries => (rest * 2).min(LONGEST_REST),
            // It was sent before the rest began.
            Breaker::Trying { .. } | Breaker::Open { .. } => return None,
        };
        self.breaker = Breaker::Open { until: now + rest, rest, why };
        Some(rest)
    }
}

impl Window {
    /// The next moment at which one more request may go, which is taken by this.
    /// Gives its number as well.
    fn reserve(&mut self, now: Instant, most: u32, window: Duration) -> (Instant, usize) {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        // Requests do not arrive as evenly as they are sent.
        let window = window + window / 50;
        let free = self.let_go.len().checked_sub(most).and_then(|index| self.let_go.get(index)).map(|at| *at + window);
        let at = [free, self.not_before].into_iter().flatten().fold(now, Instant::max);
        self.let_go.push_back(at);
        if self.let_go.len() > most {
            self.let_go.pop_front();
            self.forgotten += 1;
        }
        (at, self.forgotten + self.let_go.len() - 1)
    }

    /// A request went later than it might have: whoever follows it in the next window does so as well.
    fn went(&mut self, number: usize, at: Instant) {
        let index = number.checked_sub(self.forgotten);
        if let Some(let_go) = index.and_then(|index| self.let_go.get_mut(index)) {
            *let_go = at;
        }
    }

    /// Lets nothing go before a time. Says whether a rest begins with this.
    fn rest(&mut self, until: Instant) -> bool {
        let begins = self.not_before.is_none_or(|before| before <= Instant::now());
        self.not_before = Some(self.not_before.map_or(until, |before| before.max(until)));
        begins
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = lock(&self.budget);
        // Cut off before it had an answer: somebody else must try.
        if let (true, Breaker::Trying { rest, why }) = (self.tries, &state.breaker) {
            state.breaker = Breaker::Open { until: Instant::now(), rest: *rest, why: why.clone() };
        }
    }
}

/// Whether a request counts as a creation: Key Vault counts new secrets, imported keys and imported certificates.
fn creates(method: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    matches!((method, parts.as_slice()), ("PUT", ["secrets" | "keys", _]) | ("POST", ["certificates", _, "import"]))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
