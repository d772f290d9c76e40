//! A world in this process: a cloud, the line to it, a disk, and lives of a run that end where they are told to.

use super::line::{Line, Trouble, Which};
use super::setting::{SECRET, Setting, Staged};
use crate::surroundings::Surroundings;
use crate::whole::Whole;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use stanch::actions::Services;
use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport};
use stanch::config::Config;
use stanch::driver::{Driver, People};
use stanch::durable::Ledger;
use stanch::engine::event::{AfterFailure, Answer, Event, Mode, RunOpened, RunStatus, SettledAs};
use stanch::engine::{EffectPhase, State, StepStatus};
use stanch::failure::Failure;
use stanch::journal::{Damage, DamageKind, Journal, ReadError, Store};
use stanch::plan::{Plan, PlannedStep};
use stanch::runbook::RunbookSource;
use stanch::runbook::model::InputKind;
use stanch::runbook::source::NoLibrary;
use stanch::secret::{FingerprintKey, Secret, SecretPrompt, ShowEntered};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

pub(crate) const RUN: &str = "r-crash";

/// Where a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    Never,
    /// At the append of this number: before anything of it is on the disk, in the middle, or when all of it is.
    Append(usize, When),
    /// At the request of this number, before it arrives or after it was answered.
    Request(usize, Trouble),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    Torn,
    After,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Died,
    Over(RunStatus),
}

pub(crate) struct World {
    pub(crate) surroundings: Surroundings,
    pub(crate) line: Line,
    pub(crate) staged: Staged,
    pub(crate) plan: Arc<Plan>,
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    appends: usize,
}

/// A disk whose machine loses its power at one append.
struct Mortal {
    disk: Arc<Mutex<Disk>>,
    death: Death,
    died: watch::Sender<bool>,
}

impl Store for Mortal {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock().unwrap();
        if *self.died.borrow() {
            return Err(io::Error::other("the machine is dead"));
        }
        disk.appends += 1;
        let written = match self.death {
            Death::Append(at, When::Before) if at == disk.appends => 0,
            Death::Append(at, When::Torn) if at == disk.appends => bytes.len() / 2,
            _ => bytes.len(),
        };
        disk.bytes.extend_from_slice(&bytes[..written]);
        if !matches!(self.death, Death::Append(at, _) if at == disk.appends) {
            return Ok(());
        }
        self.died.send_replace(true);
        Err(io::Error::other("the machine is dead"))
    }

    fn read(&self) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.disk.lock().unwrap().bytes.clone())))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.lock().unwrap().bytes.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}

/// Somebody who always agrees.
struct Agreeable;

/// Somebody who tells a value whenever one is asked for.
#[derive(Debug)]
struct Telling(String);

#[async_trait::async_trait]
impl SecretPrompt for Telling {
    async fn ask(&self, _: ShowEntered<'_>) -> Result<Option<Secret>, Failure> {
        Ok(Some(Secret::new(self.0.clone())))
    }
}

impl People for Agreeable {
    fn are_there(&self, _: &State) -> bool {
        true
    }

    fn answer<'a>(&'a mut self, state: &'a State) -> LocalBoxFuture<'a, Option<Event>> {
        let answer = state.steps().find_map(|(step, at)| answer(step.to_owned(), at));
        Box::pin(async move {
            match answer {
                Some(answer) => Some(answer),
                None => std::future::pending().await,
            }
        })
    }

    fn heard(&mut self, refused: Option<String>) {
        assert_eq!(refused, None);
    }
}

fn answer(step: String, at: &stanch::engine::StepState) -> Option<Event> {
    let by = "kim".to_owned();
    match at.status {
        StepStatus::Waiting if at.asks_after_failure => Some(Event::FailureAnswered {
            step,
            answer: AfterFailure::Retry,
            by,
            because: "again".to_owned(),
            seen: None,
        }),
        StepStatus::Waiting => {
            let question = &at.gate.as_ref()?.question;
            let given = |field: &stanch::engine::event::Field| match field.kind.as_str() {
                "int" | "number" => json!(1),
                "bool" => json!(true),
                "enum" => json!(field.values.first()),
                _ => json!("given by hand"),
            };
            let answers = question.fields.iter().map(|field| (field.name.clone(), given(field))).collect();
            let plan = Some(question.plan.clone());
            let who = question.from.first().cloned().unwrap_or(by);
            Some(Event::GateAnswered {
                step,
                answer: Answer::Approved,
                by: who,
                seen: None,
                comment: None,
                answers,
                plan,
            })
        }
        StepStatus::Unknown => {
            let open = |phase: &EffectPhase| matches!(phase, EffectPhase::Unknown | EffectPhase::Started);
            let (effect, _) = at.effects.iter().find(|(_, effect)| open(&effect.phase))?;
            let (effect, because) = (effect.clone(), "nothing came of it".to_owned());
            Some(Event::Settled { step, effect, outcome: SettledAs::NotDone, because, by, seen: None })
        }
        _ => None,
    }
}

/// Inputs for any runbook, by their types, and what it must be told of its world.
fn inputs(runbook: &stanch::runbook::Runbook, told: &Map<String, Value>) -> Map<String, Value> {
    let given = |input: &stanch::runbook::model::Input| {
        let value = match &input.kind {
            _ if told.contains_key(&input.name) => told[&input.name].clone(),
            // Nobody waits for readers here.
            InputKind::Duration => json!("0s"),
            _ if !input.required => return None,
            InputKind::KeyvaultSecret => json!(SECRET),
            InputKind::Timestamp => json!("2026-01-01T00:00:00Z"),
            InputKind::String => json!("drill"),
            InputKind::Url => json!("https://hooks.drill.example/stanch"),
            InputKind::Int | InputKind::Number => json!(1),
            InputKind::Bool => json!(true),
            InputKind::Enum(words) => json!(words.first()),
            InputKind::List(_) => json!([SECRET]),
        };
        Some((input.name.clone(), value))
    };
    runbook.inputs.iter().filter_map(given).collect()
}

fn plan(runbook: &str, told: &Map<String, Value>) -> Plan {
    let catalogue = stanch::actions::catalogue();
    let source = RunbookSource { name: "crash", text: runbook, library: &NoLibrary };
    let (runbook, _) = stanch::plan::lint(&source, &catalogue).sound().unwrap();
    Plan::new(&source, &inputs(&runbook, told), &catalogue).unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    /// A cloud with everything that the runbook needs, and a disk without a journal.
    pub(crate) async fn new(setting: &Setting) -> Self {
        let surroundings = Surroundings::new().await;
        let staged = setting.stage(&surroundings).await;
        let line = Line::to(surroundings.running.address()).await;
        let plan = Arc::new(plan(setting.runbook, &staged.inputs));
        Self { surroundings, line, staged, plan, disk: Arc::default() }
    }

    /// A life with trouble on one request.
    pub(crate) async fn trouble(&self, which: Which, trouble: Trouble) -> Ended {
        self.live_with(Death::Never, Some((which, trouble))).await
    }

    /// One process that works on the run, from its start to its end or its death.
    pub(crate) async fn live(&self, death: Death) -> Ended {
        let planned = match death {
            Death::Request(number, trouble) => Some((Which::Number(number), trouble)),
            Death::Never | Death::Append(..) => None,
        };
        self.live_with(death, planned).await
    }

    async fn live_with(&self, death: Death, planned: Option<(Which, Trouble)>) -> Ended {
        self.line.expect(planned);
        let plan = Arc::clone(&self.plan);
        let opened = opened(&plan);
        let (store, journal, state, first, died) = self.wake(&opened, death);
        let is_due = |at| at <= stanch::clock::now();
        if state.ended() == Some(RunStatus::Completed) && !state.next_follow_up().is_some_and(is_due) {
            return Ended::Over(RunStatus::Completed);
        }
        let (notices, inbox) = mpsc::unbounded_channel();
        drop(inbox);
        let ledger = Ledger::start(store, &journal, state, notices.clone());
        for event in first {
            if ledger.record(event).await.is_err() {
                return Ended::Died;
            }
        }
        let (_stop, stopping) = watch::channel(false);
        let services = Arc::new(self.services(&plan, &opened));
        let driver = Driver { plan, services, ledger, notices, stopping };
        let mut people = Agreeable;
        let mut cut_off = self.line.died();
        let mut out_of_power = died.subscribe();
        tokio::select! {
            ended = driver.drive(&mut people) => match ended {
                Ok(status) => Ended::Over(status),
                Err(error) if *died.borrow() => { drop(error); Ended::Died }
                Err(error) => panic!("{error}"),
            },
            _ = out_of_power.wait_for(|died| *died) => Ended::Died,
            _ = cut_off.wait_for(|died| *died) => {
                // Nothing more gets on the disk of a dead process.
                died.send_replace(true);
                Ended::Died
            }
        }
    }

    /// Reads what is on the disk and takes the run over, as `resume` does, or begins it.
    fn wake(&self, opened: &RunOpened, death: Death) -> (Mortal, Journal, State, Vec<Event>, watch::Sender<bool>) {
        let died = watch::Sender::new(false);
        let mut store = Mortal { disk: Arc::clone(&self.disk), death, died: died.clone() };
        let bytes = {
            let mut disk = self.disk.lock().unwrap();
            disk.appends = 0;
            disk.bytes.clone()
        };
        // A run has no name before its first record is durable: what came before that is begun anew.
        let mut state = State::default();
        let journal = Journal::fold(bytes.as_slice(), None, |record, _| state.apply(record.at, &record.event));
        let (journal, state) = match journal {
            Ok(journal) => (journal, state),
            Err(ReadError::Damaged(Damage { kind: DamageKind::Empty | DamageKind::NoWholeLine, .. })) => {
                (Journal { torn: bytes.len() as u64, ..Journal::default() }, State::default())
            }
            Err(error) => panic!("{error}"),
        };
        let mut first = Vec::new();
        if journal.torn > 0 {
            store.truncate(journal.length).unwrap();
        }
        if state.opened().is_none() {
            first.push(Event::RunOpened(opened.clone()));
        } else {
            if journal.torn > 0 {
                first.push(Event::TailCut { bytes: journal.torn });
            }
            first.push(Event::RunResumed {
                operator: opened.operator.clone(),
                host: opened.host.clone(),
                program_version: opened.program_version.clone(),
                took_over: None,
            });
        }
        (store, journal, state, first, died)
    }

    fn services(&self, plan: &Plan, opened: &RunOpened) -> Services {
        let address = self.line.address;
        let path = self.surroundings.cloud_file(|file| file["base_url"] = format!("http://{address}").into());
        let cloud = CloudFile::read(&path).unwrap();
        let config = Config::read(cloud.config.as_deref().unwrap()).unwrap();
        let transport = Transport::new(Route::Cloud(Box::new(cloud)), &opened.request_prefix).unwrap();
        let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
        Services {
            run: opened.run.clone(),
            runbook: opened.runbook.clone(),
            operator: opened.operator.clone(),
            mode: opened.mode,
            request_prefix: opened.request_prefix.clone(),
            own_prefixes: vec![opened.request_prefix.clone().into()],
            inputs: opened.inputs.clone(),
            plan_digest: plan.digest(),
            steps: steps(plan),
            azure: Azure { transport, identity },
            config,
            secret_prompt: Arc::new(Telling(self.staged.told.clone())),
            fingerprints: FingerprintKey::new([7; 32]),
            report_folder: self.surroundings.folder.path().join("report"),
            targets: stanch::journal::Targets::new(
                stanch::journal::Runs::new(self.surroundings.folder.path().to_path_buf()),
                "r-crash",
                "drill ",
                stanch::journal::Claimant {
                    operator: "oncall".to_owned(),
                    host: "laptop-17".to_owned(),
                    takes_over: false,
                },
            ),
        }
    }

    /// How many appends and requests the last life had.
    pub(crate) fn counted(&self) -> (usize, usize) {
        (self.disk.lock().unwrap().appends, self.line.seen().len())
    }

    /// What the report says of later looks, but for times and versions.
    pub(crate) fn late(&self) -> Value {
        let journal = self.journal();
        let report = crate::whole::report(&journal.records, &journal.end.head, &steps(&self.plan));
        let mut late = serde_json::to_value(report.late).unwrap();
        for look in late.as_array_mut().unwrap() {
            for name in ["asked_at", "horizon", "horizon_before", "seq"] {
                look[name] = Value::Null;
            }
            // Each world has its own versions.
            for access in look["accesses"].as_array_mut().unwrap() {
                for name in ["version", "first", "last"] {
                    access[name] = Value::Null;
                }
            }
        }
        late
    }

    /// The secret's version, or its current one, as everyone reads it: its id and its value.
    pub(crate) async fn value(&self, version: &str) -> (String, String) {
        let base = &self.surroundings.running.ready().base_url;
        let url = format!("{base}/secrets/orders-db/{version}?api-version=2025-07-01");
        let token = self.surroundings.token().await;
        let request = self.surroundings.http.get(url).header("host", "kv-drill.vault.azure.net").bearer_auth(token);
        let secret: Value = request.send().await.unwrap().json().await.unwrap();
        let text = |key: &str| secret[key].as_str().unwrap().to_owned();
        (text("id").rsplit('/').next().unwrap().to_owned(), text("value"))
    }

    /// A tag of the secret's current version.
    pub(crate) fn current_tag(&self, cloud: &Value, tag: &str) -> String {
        let versions = cloud["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap();
        let current = versions.iter().find(|version| version["latest"] == true).unwrap();
        current["tags"][tag].as_str().unwrap_or_default().to_owned()
    }

    /// Every surface shows one verdict, wherever the run stands.
    pub(crate) fn shows_one_verdict(&self) {
        let journal = match Whole::read(&self.disk.lock().unwrap().bytes) {
            // A run gets its folder with its first record: without one it is shown nowhere.
            Err(Damage { line: 1, kind: DamageKind::Empty | DamageKind::NoWholeLine }) => return,
            journal => journal.unwrap(),
        };
        crate::verdict::agree_in_writing(&journal.records, &journal.end.head, &steps(&self.plan));
    }

    /// The journal as it stands on the disk.
    pub(crate) fn journal(&self) -> Whole {
        Whole::read(&self.disk.lock().unwrap().bytes).unwrap()
    }
}

pub(crate) fn steps(plan: &Plan) -> Vec<PlannedStep> {
    plan.planned(&stanch::actions::catalogue())
}

fn opened(plan: &Plan) -> RunOpened {
    RunOpened {
        run: RUN.to_owned(),
        runbook: plan.runbook.name.clone(),
        runbook_sha256: plan.sha256.clone(),
        runbook_text: None,
        inputs: plan.inputs.clone(),
        mode: Mode::Drill,
        operator: "oncall".to_owned(),
        host: "laptop-17".to_owned(),
        seen: None,
        sign_ins: None,
        one_plays_all: false,
        program_version: "0".to_owned(),
        lock: plan.lock.clone(),
        fragments: BTreeMap::new(),
        request_prefix: "01234567-89ab".to_owned(),
        nonce: None,
        cloud: None,
        config: None,
        config_sha256: None,
        obstacles: Vec::new(),
    }
}
