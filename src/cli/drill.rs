//! `stanch drill`: a game day. The incident is played on the embedded cloud, the runbook of a real one answers it over the same
//! ways as a real run, and what the cloud saw is the scorecard.

use super::completing;
use super::driving::{self, Args as RunArgs};
use super::emulate::read_scenario;
use super::ending::InOrder;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::scorecard::{Observed, Scorecard};
use super::session;
use super::session::LOCAL;
use super::suggestion::Suggestion;
use super::terminal::ui::Ui;
use crate::actions;
use crate::clock::{self, Timestamp};
use crate::cloud::scenario::EnteredValue;
use crate::cloud::{self, Options, Running, scenario};
use crate::config::USUAL_RUNBOOK;
use crate::failure::Failure;
use crate::secret::{Secret, SecretPrompt, ShowEntered};
use async_trait::async_trait;
use chrono::SecondsFormat;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the attacker gets to come before the response begins.
const ATTACK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the readers get to move to the new version.
const OVERLAP: &str = "8s";
/// How long is looked on after the response, so that what it broke shows.
const AFTERMATH: Duration = Duration::from_millis(1500);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A scenario's file, or a built-in one: leaked-secret, quiet, leaked-string, open-vault, storage-account-key,
    /// entra-app-secret, database-credential, third-party-api-key
    #[arg(default_value = scenario::DEFAULT, add = completing::scenarios())]
    scenario: String,
    /// Print a built-in scenario, to begin one of your own with
    #[arg(long, conflicts_with = "answers")]
    show: bool,
    /// Answers to the questions of the run, by step, from a YAML file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    if args.show {
        let text =
            scenario::Scenario::builtin(&args.scenario).map(|_| scenario::Scenario::builtin_text(&args.scenario));
        let text = text.map_err(|why| CommandError::usage(Failure::refused(why)))?;
        ui.own(&Page::document(text.unwrap_or_default()));
        return Ok(Exit::Done);
    }
    let scenario = read_scenario(&args.scenario)?;
    let vault_host = scenario.vault_host();
    let vault = scenario.vault().to_owned();
    let secret = scenario.secret().to_owned();
    let runbook = scenario.runbook().unwrap_or(USUAL_RUNBOOK).to_owned();
    let exposure = chrono::Duration::from_std(scenario.exposure()).unwrap_or_default();
    let targets = *scenario.targets();
    let (inputs, enters) = (scenario.inputs().clone(), scenario.enters());
    let pinned = pinned(&scenario);
    ui.note(&format!("DRILL  {}: {}", scenario.name(), scenario.summary()));

    // The drill's folder goes with it, however it is told to end.
    let in_order = InOrder::hold();
    let data = tempfile::tempdir().map_err(|error| broken("the drill has no place for its cloud", &error))?;
    let ready_file = data.path().join("ready.json");
    let options = Options {
        scenario: Some(scenario),
        ready_file: Some(ready_file.clone()),
        ..Options::new(data.path().join("cloud"))
    };
    let cloud = cloud::serve(options).await.map_err(|error| broken("the embedded cloud cannot start", &error))?;
    let control = Control::new(&cloud)?;
    let before = match in_order.or(control.attacked()).await {
        Ok(before) => before?,
        Err(told) => return Ok(told),
    };

    let began = clock::now();
    let exposed_at = (began - exposure).to_rfc3339_opts(SecondsFormat::Secs, true);
    let whole = format!("https://{vault_host}");
    let known = [
        ("secret", Some(format!("{whole}/secrets/{secret}"))),
        ("vault", Some(whole.clone())),
        ("vaults", Some(whole)),
        ("exposed_at", Some(exposed_at)),
        ("overlap", Some(OVERLAP.to_owned())),
        ("found_at", Some(format!("the scenario `{}`", args.scenario))),
    ];
    let played = Suggestion::new(&runbook, &known);
    let all_secrets = played.inputs.iter().any(|(name, _)| *name == "vault");
    let inputs = inputs.into_iter().map(|(name, value)| format!("{name}={value}"));
    let inputs: Vec<String> = played.arguments().into_iter().chain(inputs).collect();
    let drill = Common {
        cloud: Some(ready_file),
        config: None,
        yes: true,
        json: false,
        state: Some(LOCAL.to_owned()),
        ..common.clone()
    };
    // Asked for JSON, the drill prints one object: its own.
    let shown = Ui { json: false, quiet: ui.quiet || ui.json, results: !ui.json, ..ui };
    let mut prepared = driving::prepare(&drill, &RunArgs::played(&runbook, inputs, args.answers))?;
    // Whoever practises plays everybody, and answers for each by name.
    prepared.opened.one_plays_all = true;
    prepared.warn(shown);
    let entered = match enters {
        EnteredValue::LeakedValue => cloud.leaked_value(&vault, &secret),
        EnteredValue::NewValue => cloud.new_value(&vault, &secret),
    };
    prepared.session.secret_prompt = Arc::new(Entered(Mutex::new(entered)));
    let planned = prepared.plan.planned(&actions::catalogue());
    let (exit, folder) = driving::begin(shown, prepared).await?;
    if let Err(told) = in_order.or(clock::sleep(AFTERMATH)).await {
        return Ok(told);
    }
    let after = control.state().await?;
    cloud.shutdown().await;

    let observed = Observed { began, before, after, vault, secret, all_secrets, pinned, exit };
    let (_, known) = session::known(&folder, planned)?;
    let scorecard = Scorecard::new(&observed, &targets, &known);
    let report = folder.report().join("report.html");
    if ui.json {
        ui.json(&json!({
            "run": folder.run(), "scenario": args.scenario, "passed": scorecard.passed(),
            "verdict": scorecard.verdict, "targets": scorecard.targets, "report": report, "journal": folder.journal(),
        }));
    } else {
        ui.data(&scorecard.render(ui));
    }
    if exit == Exit::Waiting {
        ui.note("the cloud of this game day is gone: answer at the terminal, or beforehand with `--answers FILE`");
    }
    match exit {
        Exit::Done if scorecard.passed() => Ok(Exit::Done),
        Exit::Done => Ok(Exit::Missed),
        other => Ok(other),
    }
}

fn broken(what: &str, error: &dyn std::error::Error) -> CommandError {
    let why = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>();
    CommandError::program(Failure::refused(what).because(why.join(": ")))
}

/// Somebody who came upon the value, or made a new one, and is asked for it once.
#[derive(Debug)]
struct Entered(Mutex<Option<Secret>>);

#[async_trait]
impl SecretPrompt for Entered {
    async fn ask(&self, _: ShowEntered<'_>) -> Result<Option<Secret>, Failure> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// The consumers that are pinned to a version: they are meant to fail once it is disabled.
fn pinned(scenario: &scenario::Scenario) -> Vec<String> {
    let pinned = |consumer: &&scenario::Consumer| consumer.reads == scenario::ReadMode::Pinned;
    scenario.consumers().iter().filter(pinned).map(|consumer| consumer.caller.name.clone()).collect()
}

/// The cloud, seen from outside.
struct Control {
    http: reqwest::Client,
    url: String,
}

impl Control {
    fn new(cloud: &Running) -> Result<Self, CommandError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(|error| broken("no HTTP client can be made", &error))?;
        Ok(Self { http, url: cloud.ready().control.clone().unwrap_or_default() })
    }

    async fn state(&self) -> Result<Value, CommandError> {
        let asked = async { self.http.get(format!("{}/state", self.url)).send().await?.json::<Value>().await };
        asked.await.map_err(|error| broken("the embedded cloud does not answer", &error))
    }

    /// Waits until the secret is being abused and its users are at work; gives what was seen by then.
    async fn attacked(&self) -> Result<Value, CommandError> {
        let give_up: Timestamp =
            clock::now() + chrono::Duration::from_std(ATTACK_PATIENCE).unwrap_or(chrono::Duration::seconds(10));
        loop {
            let state = self.state().await?;
            let busy = |list: &str, count: &str| {
                let mut callers = state.get(list).and_then(Value::as_array).into_iter().flatten();
                callers.all(|caller| caller.get(count).and_then(Value::as_u64).unwrap_or_default() > 2)
            };
            if (busy("consumers", "reads") && busy("attackers", "successes")) || clock::now() >= give_up {
                return Ok(state);
            }
            clock::sleep(Duration::from_millis(100)).await;
        }
    }
}
