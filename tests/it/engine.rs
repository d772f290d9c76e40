//! The engine's laws, over plans and histories that nobody thought of.

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::Map;
use serde_json::Value;
use stanch::engine::event::{AfterFailure, Answer, Event, Halt, Mode, Question, RunOpened, RunStatus, StepOutcome};
use stanch::engine::{
    Command, OnFailure, Order, OrderedStep, RetryPolicy, State, StepStatus, item_id, next, split_item,
};
use stanch::failure::{Failure, Retry};
use std::collections::BTreeMap;
use std::time::Duration as Wait;

/// How an attempt of a step ends, as fate has it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Done,
    Fails,
    FailsForNow,
    /// Asks a person, who says yes.
    Asks,
    /// The process dies.
    Crash,
    /// The program is told to stop, and is started again.
    Interrupt,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop::sample::select(vec![
        Fate::Done,
        Fate::Done,
        Fate::Done,
        Fate::Fails,
        Fate::FailsForNow,
        Fate::Asks,
        Fate::Crash,
        Fate::Interrupt,
    ]);
    prop::collection::vec(fate, 1..60)
}

/// Steps that need some of those before them.
fn orders() -> impl Strategy<Value = Order> {
    let on_failure = prop::sample::select(vec![OnFailure::Stop, OnFailure::Continue, OnFailure::Ask]);
    let concurrency = prop::option::weighted(0.3, 1_usize..4);
    let step = (prop::collection::vec(prop::bool::ANY, 6), on_failure, concurrency);
    let steps = |prefix: &'static str| {
        prop::collection::vec(step.clone(), 1..6).prop_map(move |shapes| {
            let one = |(index, (needs, on_failure, concurrency)): (usize, &Shape)| OrderedStep {
                id: format!("{prefix}{index}"),
                needs: (0..index).filter(|before| needs[*before]).map(|before| format!("{prefix}{before}")).collect(),
                on_failure: *on_failure,
                concurrency: *concurrency,
                retry: RetryPolicy { max: 2, first: Wait::from_secs(1), longest: Wait::from_secs(4) },
                timeout: None,
            };
            shapes.iter().enumerate().map(one).collect::<Vec<_>>()
        })
    };
    let timeout = prop::option::weighted(0.2, (1_u64..20).prop_map(Wait::from_secs));
    (steps("s"), steps("f"), timeout).prop_map(|(steps, finally, timeout)| Order { steps, finally, timeout })
}

/// Which of the steps before it a step needs, and the rest of what an order says of it.
type Shape = (Vec<bool>, OnFailure, Option<usize>);

/// How many items a step has that is done for each of a list.
const ITEMS: usize = 4;

struct World {
    order: Order,
    state: State,
    now: DateTime<Utc>,
    history: Vec<(DateTime<Utc>, Event)>,
    fates: Vec<Fate>,
    turn: usize,
    /// Whether every step puts something off until an hour later.
    puts_off: bool,
}

impl World {
    fn new(order: Order, fates: Vec<Fate>) -> Self {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut world =
            Self { order, state: State::default(), now, history: Vec::new(), fates, turn: 0, puts_off: false };
        world.record(Event::RunOpened(RunOpened {
            run: "r".to_owned(),
            runbook: "b".to_owned(),
            runbook_sha256: String::new(),
            runbook_text: None,
            inputs: Map::new(),
            mode: Mode::Drill,
            operator: "o".to_owned(),
            host: "h".to_owned(),
            seen: None,
            sign_ins: None,
            one_plays_all: false,
            program_version: "0".to_owned(),
            lock: None,
            fragments: BTreeMap::new(),
            request_prefix: String::new(),
            nonce: None,
            cloud: None,
            config: None,
            config_sha256: None,
            obstacles: Vec::new(),
        }));
        world
    }

    fn record(&mut self, event: Event) {
        self.now += Duration::milliseconds(10);
        self.state.apply(self.now, &event).unwrap();
        self.history.push((self.now, event));
    }

    /// Fate goes on for a while; then all is well, so that every history ends.
    fn fate(&mut self) -> Fate {
        let fate = self.fates.get(self.turn).copied().unwrap_or(Fate::Done);
        self.turn += 1;
        fate
    }

    fn resume(&mut self) {
        let (operator, host, program_version) = ("o".to_owned(), "h".to_owned(), "0".to_owned());
        self.record(Event::RunResumed { operator, host, program_version, took_over: None });
    }

    fn attempt(&mut self, step: &str, attempt: u32) {
        self.record(Event::StepStarted { step: step.to_owned(), attempt });
        let is_loop = self.order.step(step).is_some_and(|ordered| ordered.concurrency.is_some());
        if is_loop && split_item(step).1.is_none() {
            if self.state.step(step).items.is_none() {
                let items = (0..ITEMS).map(Value::from).collect();
                self.record(Event::LoopOpened { step: step.to_owned(), items });
            }
            return;
        }
        if self.puts_off && self.state.step(step).timers.is_empty() {
            let (step, timer, until) = (step.to_owned(), "later".to_owned(), self.now + Duration::hours(1));
            self.record(Event::TimerSet { step, timer, until, follow_up: true });
        }
        let error = Failure::refused("no");
        let asked = self.state.step(step).gate.is_some();
        match self.fate() {
            Fate::Asks if !asked => self.record(Event::GateOpened {
                step: step.to_owned(),
                question: Question { prompt: "?".to_owned(), min: 1, ..Question::default() },
            }),
            Fate::Interrupt => {
                self.record(Event::RunHalted { because: Halt::Interrupted });
                self.resume();
            }
            Fate::Done | Fate::Asks => {
                if self.state.step(step).timers.values().any(|timer| timer.until <= self.now && !timer.fired) {
                    self.record(Event::TimerFired { step: step.to_owned(), timer: "later".to_owned() });
                }
                self.finish(step, StepOutcome::Done, None);
            }
            Fate::Crash => self.resume(),
            Fate::Fails => self.fail(step, error),
            Fate::FailsForNow => {
                let policy = self.order.step(step);
                let wait = policy.unwrap().retry.wait(attempt, Retry::Later, None, step);
                let retry_at = wait.map(|wait| self.now + Duration::from_std(wait).unwrap());
                self.record(Event::AttemptFailed { step: step.to_owned(), attempt, error: error.clone(), retry_at });
                if retry_at.is_none() {
                    self.fail(step, error);
                }
            }
        }
    }

    fn fail(&mut self, step: &str, error: Failure) {
        if self.order.step(step).unwrap().on_failure == OnFailure::Ask {
            self.record(Event::FailureAsked { step: step.to_owned() });
        } else {
            self.finish(step, StepOutcome::Failed, Some(error));
        }
    }

    /// Ends a step whose items are over, as the driver does.
    fn close(&mut self, step: &str) {
        let over = |index| {
            let at = self.state.step(&item_id(step, index));
            matches!(at.status, StepStatus::Done | StepStatus::Skipped) || at.tolerated
        };
        if (0..ITEMS).all(over) {
            self.finish(step, StepOutcome::Done, None);
        } else {
            self.finish(step, StepOutcome::Failed, Some(Failure::refused("not all")));
        }
    }

    fn finish(&mut self, step: &str, status: StepOutcome, error: Option<Failure>) {
        self.record(Event::StepFinished { step: step.to_owned(), status, outputs: Map::new(), error });
    }

    /// Obeys every order until the run is over. Gives nothing if it does not end.
    fn play(&mut self) -> Option<RunStatus> {
        for _ in 0..2_000 {
            let commands = next(&self.order, &self.state, self.now);
            if commands.is_empty() {
                return self.state.ended();
            }
            // A crash in between makes the orders after it void.
            match commands.into_iter().next()? {
                Command::Start { step, attempt } => self.attempt(&step, attempt),
                Command::Close { step } => self.close(&step),
                Command::Wake { at } => self.now = at,
                Command::TimeOut => self.record(Event::RunHalted { because: Halt::TimedOut }),
                Command::Expire { step } => self.answer(step, Answer::Expired),
                Command::Pause { waits_for } => {
                    for step in waits_for {
                        if self.state.step(&step).asks_after_failure {
                            self.answer_failure(step);
                        } else {
                            self.answer(step, Answer::Approved);
                        }
                    }
                }
                Command::Finish { status } => self.record(Event::RunFinished { status, changed_nothing: false }),
            }
        }
        None
    }

    fn answer(&mut self, step: String, answer: Answer) {
        let (by, answers) = ("p".to_owned(), Map::new());
        self.record(Event::GateAnswered { step, answer, by, seen: None, comment: None, answers, plan: None });
    }

    fn answer_failure(&mut self, step: String) {
        let answer = match self.fate() {
            Fate::Done | Fate::Asks => AfterFailure::Retry,
            Fate::Crash | Fate::Interrupt => AfterFailure::Continue,
            Fate::Fails | Fate::FailsForNow => AfterFailure::Stop,
        };
        self.record(Event::FailureAnswered { step, answer, by: "p".to_owned(), because: "so".to_owned(), seen: None });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The engine gives nothing only if the run is over, and every run comes to its end.
    #[test]
    fn every_history_ends(order in orders(), fates in fates()) {
        let mut world = World::new(order, fates);
        let ended = world.play();
        prop_assert!(matches!(ended, Some(RunStatus::Completed | RunStatus::Failed)), "{:?}", ended);
        for step in &world.order.finally {
            prop_assert!(world.state.step(&step.id).status.is_over(), "finally runs whatever happened");
        }
        let stopped = world.order.steps.iter().any(|step| stops(&world, step));
        let timed_out = world.state.halted() == Some(Halt::TimedOut);
        prop_assert_eq!(ended == Some(RunStatus::Failed), stopped || timed_out || failed_at_last(&world));
    }

    /// A step begins only after everything that it needs is over.
    #[test]
    fn needs_come_first(order in orders(), fates in fates()) {
        let mut world = World::new(order, fates);
        world.play();
        let mut state = State::default();
        for (at, event) in &world.history {
            if let Event::StepStarted { step, .. } = event
                && let Some(ordered) = world.order.steps.iter().find(|ordered| ordered.id == *step)
            {
                for need in &ordered.needs {
                    prop_assert!(state.step(need).status.is_over(), "{} began before {}", step, need);
                }
            }
            state.apply(*at, event).unwrap();
        }
    }

    /// Any prefix of a history, taken over by another process, goes on to an end; what was done stays done.
    #[test]
    fn any_prefix_can_be_gone_on_with(order in orders(), fates in fates(), cut in 0.0..1.0_f64) {
        let mut world = World::new(order.clone(), fates);
        world.play();
        let kept = 1 + ((world.history.len() - 1) as f64 * cut) as usize;
        let mut again = World::new(order, Vec::new());
        again.state = State::default();
        again.history.clear();
        for (at, event) in &world.history[..kept] {
            again.state.apply(*at, event).unwrap();
            again.now = *at;
        }
        if again.state.ended() == Some(RunStatus::Completed) {
            return Ok(());
        }
        let done: Vec<String> =
            again.state.steps().filter(|(_, step)| step.status == StepStatus::Done).map(|(id, _)| id.to_owned()).collect();
        again.resume();
        prop_assert_eq!(again.play(), Some(RunStatus::Completed));
        let begun_again = |id: &String| again.history.iter().any(|(_, event)| matches!(event, Event::StepStarted { step, .. } if step == id));
        for id in done.iter().filter(|id| id.starts_with('s')) {
            prop_assert!(!begun_again(id), "{} was done already", id);
        }
    }

    /// What is put off is done by a life of the run that begins after it is due, whatever happens on the way. It takes
    /// nothing back: a run that was completed does not fail because of it.
    #[test]
    fn what_is_put_off_is_done_once_it_is_due(order in orders(), fates in fates(), later in fates()) {
        let mut world = World::new(order, fates);
        world.puts_off = true;
        let ended = world.play();
        prop_assert!(world.state.follow_ups().iter().all(|(_, timer)| !timer.fired), "nothing is due yet");
        world.now += Duration::hours(2);
        (world.fates, world.turn) = (later, 0);
        world.resume();
        let again = world.play();
        if ended == Some(RunStatus::Completed) && world.order.timeout.is_none() && !failed_at_last(&world) {
            let stopped = world.order.steps.iter().find(|step| stops(&world, step) && step.on_failure != OnFailure::Ask);
            prop_assert!(stopped.is_none(), "{:?} stops a run that was completed", stopped);
        }
        prop_assert!(again.is_some());
        world.fates.clear();
        world.resume();
        prop_assert_eq!(world.play(), Some(RunStatus::Completed));
        let open: Vec<_> = world.state.follow_ups().into_iter().filter(|(_, timer)| !timer.fired && timer.until <= world.now).collect();
        prop_assert!(open.is_empty(), "{:?}", open);
    }

    /// Whatever order events come in, the state takes them or names why not; it never panics.
    #[test]
    fn no_order_of_events_breaks_the_state(order in orders(), fates in fates(), shuffle in prop::collection::vec(0_usize..1000, 0..80)) {
        let mut world = World::new(order, fates);
        world.play();
        let mut state = State::default();
        for pick in shuffle {
            let (at, event) = &world.history[pick % world.history.len()];
            if let Err(illegal) = state.apply(*at, event) {
                prop_assert!(!illegal.to_string().is_empty());
            }
        }
    }
}

/// Whether a `finally` step that may not fail failed.
fn failed_at_last(world: &World) -> bool {
    world.order.finally.iter().any(|step| stops(world, step))
}

/// Whether a step's failure is one that the run does not go on after.
fn stops(world: &World, step: &OrderedStep) -> bool {
    let at = world.state.step(&step.id);
    at.status == StepStatus::Failed && step.on_failure != OnFailure::Continue && !at.tolerated
}

#[test]
fn waits_are_all_jitter_and_capped_whatever_the_other_side_asks_for() {
    let policy = RetryPolicy { max: 5, first: Wait::from_secs(1), longest: Wait::from_secs(10) };
    assert_eq!(policy.wait(1, Retry::Never, None, "s"), None);
    assert_eq!(policy.wait(6, Retry::Later, None, "s"), None);
    for (attempt, cap) in (1..=5).zip([1, 2, 4, 8, 10]) {
        let waits: Vec<f64> = (0..1000)
            .map(|run| policy.wait(attempt, Retry::Later, None, &format!("run {run}")).unwrap().as_secs_f64())
            .collect();
        let cap = f64::from(cap);
        assert!(waits.iter().all(|wait| *wait <= cap), "attempt {attempt}");
        // Spread over all of it: a tenth of the runs in each tenth, give or take.
        for tenth in 0..10 {
            let within = |wait: &&f64| (**wait / cap * 10.0) as usize == tenth;
            let share = waits.iter().filter(within).count();
            assert!((50..170).contains(&share), "attempt {attempt}: {share} of 1000 in tenth {tenth}");
        }
    }
    let asked = |seconds, timeout: Option<u64>| {
        policy.wait(1, Retry::After(Wait::from_secs(seconds)), timeout.map(Wait::from_secs), "s").unwrap()
    };
    assert_eq!(asked(7, None), Wait::from_secs(7), "who asks for a pause gets it");
    assert_eq!(asked(3600, None), Wait::from_secs(10), "but not for ever");
    assert_eq!(asked(40, Some(60)), Wait::from_secs(40));
    assert_eq!(asked(3600, Some(60)), Wait::from_secs(60), "never longer than the step's timeout");
}

/// A retry that was set before the clock was put back does not hold the run up until the clock has caught up.
#[test]
fn a_clock_that_is_put_back_holds_nothing_up() {
    let order = Order {
        steps: vec![OrderedStep {
            id: "s0".to_owned(),
            needs: Vec::new(),
            on_failure: OnFailure::Stop,
            retry: RetryPolicy { max: 2, first: Wait::from_secs(1), longest: Wait::from_secs(4) },
            timeout: None,
            concurrency: None,
        }],
        finally: Vec::new(),
        timeout: None,
    };
    let mut world = World::new(order, Vec::new());
    let step = "s0".to_owned();
    world.record(Event::StepStarted { step: step.clone(), attempt: 1 });
    let at = world.now + Duration::seconds(3);
    let (error, retry_at) = (Failure::refused("no"), Some(at));
    world.record(Event::AttemptFailed { step: step.clone(), attempt: 1, error, retry_at });
    let wake = vec![Command::Wake { at }];
    assert_eq!(next(&world.order, &world.state, world.now), wake);
    let put_back = world.now - Duration::hours(1);
    assert_eq!(next(&world.order, &world.state, put_back), vec![Command::Start { step, attempt: 2 }]);
}
