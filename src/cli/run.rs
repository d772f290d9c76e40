//! `stanch run`: begins a run and drives it as far as it goes.

use super::Common;
use super::exit::{CommandError, Exit, Outcome};
use super::lately::Rotated;
use super::session::{self, Session};
use super::terminal::live;
use super::terminal::people::{Answers, Terminal};
use super::terminal::screen;
use super::terminal::secret_prompt::StandardInput;
use super::terminal::ui::Ui;
use crate::actions;
use crate::actions::Services;
use crate::clock;
use crate::driver::Driver;
use crate::durable::{Ledger, Notice};
use crate::engine::State;
use crate::engine::event::{Event, RunOpened, RunStatus};
use crate::failure::Failure;
use crate::journal::{AppendError, GENESIS, HeldBy, LockError, Record, RunFolder, Runs, Store, TargetError, Targets};
use crate::plan::{Plan, PlanError};
use crate::secret::{Nobody, SecretPrompt};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path of a runbook, `-` for standard input, or the name of a built-in (`secret-exposure`)
    runbook: String,
    /// An input
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Inputs from a JSON or YAML file; `-i` wins
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// The run's id [default: made from the time]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    #[command(flatten)]
    answering: Answering,
}

/// Who answers what the run asks.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Answering {
    /// Answers to the questions of the run, by step, from a YAML file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Read the value that a person has to enter from standard input
    #[arg(long)]
    secret_stdin: bool,
}

impl Answering {
    /// Who is asked for a value: standard input if it was said so, a hidden prompt at a terminal, else nobody.
    pub(crate) fn secret_prompt(&self, ui: Ui) -> Arc<dyn SecretPrompt> {
        if self.secret_stdin || (ui.is_terminal() && !ui.json && !ui.quiet) {
            return Arc::new(StandardInput { writes_prompt: false });
        }
        Arc::new(Nobody)
    }

    /// The answers, if a file of them was given.
    pub(crate) fn read(&self) -> Result<Answers, CommandError> {
        self.answers.as_deref().map(Answers::read).transpose().map(Option::unwrap_or_default)
    }
}

impl Args {
    /// Arguments as another command gives them.
    pub(crate) fn played(runbook: &str, input: Vec<String>, answers: Option<PathBuf>) -> Self {
        let answering = Answering { answers, ..Answering::default() };
        Self { runbook: runbook.to_owned(), input, inputs: None, run_id: None, answering }
    }
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let mut prepared = prepare(common, &args)?;
    prepared.session.secret_prompt = args.answering.secret_prompt(ui);
    prepared.warn(ui);
    prepared.is_free()?;
    if !common.yes && ui.is_terminal() && !ui.json {
        let preflight = super::plan::look(&prepared, &prepared.opened.request_prefix).await?;
        ui.note(&format!("{}Go? [y/N]", super::plan::render(ui, &prepared, &preflight)));
        if !super::terminal::people::confirm().await {
            return Err(CommandError::refused(Failure::refused("not started").help("nothing was changed")));
        }
    } else if let Some(rotated) = prepared.rotated_lately() {
        ui.note(&rotated.sentence(clock::now()));
    }
    let (ended, _) = begin(common, ui, prepared).await?;
    Ok(ended)
}

/// A run that could begin: everything is checked, nothing is written.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) opened: RunOpened,
    pub(crate) session: Session,
    pub(crate) runs: Runs,
    answers: Answers,
}

impl Prepared {
    /// Refuses a run whose target another one holds, before anybody is asked and anything is looked at.
    fn is_free(&self) -> Result<(), CommandError> {
        let targets = targets(&self.runs, &self.opened);
        let Some(target) = &self.opened.lock else { return Ok(()) };
        let held = targets.held(target).map_err(|error| cannot_write(self.runs.state(), &error))?;
        held.as_ref().map_or(Ok(()), |held| Err(is_held(held)))
    }

    /// What a run that is over did to the target a short while ago.
    pub(crate) fn rotated_lately(&self) -> Option<Rotated> {
        let targets = targets(&self.runs, &self.opened);
        Rotated::lately(&self.runs, &targets, self.opened.lock.as_ref()?, clock::now())
    }

    /// Shows what `lint` warns of, while nothing has happened yet.
    pub(crate) fn warn(&self, ui: Ui) {
        if !self.plan.warnings.found.is_empty() {
            ui.note(self.plan.warnings.render().trim_end());
        }
    }
}

/// Checks everything that can be checked without asking Azure.
pub(crate) fn prepare(common: &Common, args: &Args) -> Result<Prepared, CommandError> {
    let runbook = session::read_runbook(&args.runbook)?;
    let given = inputs(args)?;
    let plan = Plan::new(&runbook.source(), &given, &actions::catalogue()).map_err(|error| match error {
        PlanError::Runbook(diagnostics) => CommandError::text(Exit::Usage, diagnostics.render()),
        PlanError::Inputs(problems) => {
            let problems: Vec<String> = problems.iter().map(|problem| format!("error: {problem}")).collect();
            CommandError::text(Exit::Usage, problems.join("\n"))
        }
    })?;
    let run = match &args.run_id {
        Some(run) => valid_id(run)?,
        None => new_id()?,
    };
    began_already(&plan, clock::now())?;
    let session = Session::open(common, None)?;
    let opened = RunOpened {
        run,
        runbook: plan.runbook.name.clone(),
        runbook_sha256: plan.sha256.clone(),
        runbook_text: Some(plan.text.clone()),
        inputs: plan.inputs.clone(),
        mode: session.mode(),
        operator: session::operator(),
        host: session::host(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        lock: plan.lock.clone(),
        fragments: plan.fragments.iter().map(|(path, pinned)| (path.clone(), pinned.sha256.clone())).collect(),
        request_prefix: request_prefix()?,
        cloud: session.cloud_path.as_ref().map(|path| path.display().to_string()),
        config: session.config_path.as_ref().map(|path| path.display().to_string()),
        config_sha256: session.config.sha256().map(str::to_owned),
    };
    Ok(Prepared { plan, opened, session, runs: session::runs(common)?, answers: args.answering.read()? })
}

/// A look into the audit trail that begins in the future would find nothing, and be met only when all is over.
fn began_already(plan: &Plan, now: clock::Timestamp) -> Result<(), CommandError> {
    let scope = Map::from_iter([("inputs".to_owned(), Value::Object(plan.inputs.clone()))]);
    for step in plan.steps().filter(|step| step.uses.value == "audit/blast_radius") {
        let since = step.with.iter().find(|parameter| parameter.name == "since");
        // What rests on other steps cannot be known yet.
        let Some(Ok(Value::String(since))) = since.map(|since| since.value.value.evaluate(&scope)) else { continue };
        let begins = chrono::DateTime::parse_from_rfc3339(&since);
        if begins.is_ok_and(|begins| begins > now + chrono::Duration::minutes(1)) {
            let summary =
                format!("`{}` would look into the audit trail since {since}, which is still to come", step.id.value);
            let clock = format!("it is {} now", now.format("%Y-%m-%dT%H:%M:%SZ"));
            let help = "`Z` means UTC; a local time carries its offset, for example 2026-11-22T23:40:00+02:00\nnothing was changed";
            return Err(CommandError::usage(Failure::refused(summary).because(clock).help(help)));
        }
    }
    Ok(())
}

/// Makes the run's folder, opens its journal and drives it.
pub(crate) async fn begin(common: &Common, ui: Ui, prepared: Prepared) -> Result<(Exit, RunFolder), CommandError> {
    let Prepared { plan, opened, session, runs, answers } = prepared;
    let folder = runs.folder(&opened.run);
    let configuration = session.config_text().map(str::to_owned);
    let claimant = session::claimant();
    if folder.path().exists() {
        let summary = format!("the run `{}` exists already", opened.run);
        let help = format!("`stanch resume {}` goes on with it", opened.run);
        return Err(CommandError::refused(Failure::refused(summary).help(help)));
    }
    let targets = targets(&runs, &opened);
    take(&targets, opened.lock.iter(), &runs)?;
    let services = session.services(&plan, &opened, &opened.operator, &runs, targets)?;
    let unwritable = |error: std::io::Error| cannot_write(runs.state(), &error);
    let staged = folder.staged();
    let fragments = plan.fragments.values().map(|pinned| (pinned.sha256.as_str(), pinned.text.as_str()));
    staged.create(&plan.text, configuration.as_deref(), fragments).map_err(unwritable)?;
    let lock = staged.lock(&claimant).map_err(|error| match error {
        LockError::Io(error) => unwritable(error),
        held => locked(&held),
    })?;
    let store = staged.create_journal().map_err(unwritable)?;
    let beginning = Beginning {
        records: Vec::new(),
        head: GENESIS.to_owned(),
        state: State::default(),
        first: vec![Event::RunOpened(opened)],
        staged: Some(staged),
        answers,
    };
    let exit = at_work(common, ui, plan, services, &folder, store, beginning).await?;
    drop(lock);
    Ok((exit, folder))
}

/// What a life of a run begins with.
pub(crate) struct Beginning {
    pub(crate) records: Vec<Record>,
    pub(crate) head: String,
    pub(crate) state: State,
    /// Recorded before anything else.
    pub(crate) first: Vec<Event>,
    /// Where a new run lies until its first record is durable.
    pub(crate) staged: Option<RunFolder>,
    /// Answers that were given beforehand.
    pub(crate) answers: Answers,
}

/// Drives a run in this process until it ends, and shows it.
pub(crate) async fn at_work(
    common: &Common,
    ui: Ui,
    plan: Plan,
    services: Services,
    folder: &RunFolder,
    store: impl Store,
    beginning: Beginning,
) -> Result<Exit, CommandError> {
    let (notices, inbox) = mpsc::unbounded_channel::<Notice>();
    let plan = Arc::new(plan);
    let display = live::show(ui, &plan, &services, &beginning.state, inbox);
    let ledger = Ledger::start(store, beginning.records, beginning.head, beginning.state, notices.clone());
    let aside = notices.downgrade();
    services.azure.transport.announce(move |text| {
        // Nobody may be looking.
        drop(aside.upgrade().map(|notices| notices.send(Notice::Aside { text })));
    });
    for event in beginning.first {
        let recorded = ledger.record(event).await;
        recorded.map_err(|error| match beginning.staged {
            Some(_) => cannot_begin(folder, &error),
            None => cannot_append(folder, &error),
        })?;
    }
    if let Some(staged) = beginning.staged {
        staged.publish(folder).map_err(|error| cannot_write(folder.path(), &error))?;
    }
    let (stop, stopping) = watch::channel(false);
    let aside = notices.downgrade();
    let signal = live::watch_signals(stop, move |text| {
        drop(aside.upgrade().map(|notices| notices.send(Notice::Aside { text })));
    });
    let interactive = ui.is_terminal() && !ui.json && !common.quiet;
    let operator = services.operator.clone();
    let mut people = Terminal::new(folder.clone(), interactive, operator, notices.clone(), beginning.answers);
    let services = Arc::new(services);
    let driver = Driver { plan: Arc::clone(&plan), services, ledger: ledger.clone(), notices, stopping };
    let ended = tokio::task::LocalSet::new().run_until(driver.drive(&mut people)).await;
    drop(people);
    let signalled = signal.received();
    let (records, head) = (ledger.records(), ledger.head());
    // The display ends when nobody is left who could tell it anything.
    drop(ledger);
    display.finish().await;
    let status = ended.map_err(|error| cannot_append(folder, &error))?;
    let shown = screen::show(ui, &plan, folder, &records, &head)?;
    Ok(match (status, signalled) {
        (RunStatus::Completed, _) => Exit::Done,
        (RunStatus::Waiting, _) => Exit::Waiting,
        (RunStatus::Interrupted | RunStatus::Running, Some(live::Signal::Terminate)) => Exit::Terminated,
        (RunStatus::Interrupted | RunStatus::Running, _) => Exit::Interrupted,
        (RunStatus::Failed, _) if shown.preflight_failed => Exit::Refused,
        (RunStatus::Failed, _) => Exit::Failed,
    })
}

/// What a run keeps from others.
pub(crate) fn targets(runs: &Runs, opened: &RunOpened) -> Targets {
    Targets::new(runs.clone(), &opened.run, &opened.world(), session::claimant())
}

/// Takes what the run works on.
pub(crate) fn take<'a>(
    targets: &Targets,
    wanted: impl Iterator<Item = &'a String>,
    runs: &Runs,
) -> Result<(), CommandError> {
    for target in wanted {
        targets.take(target).map_err(|error| match error {
            TargetError::Io(error) => cannot_write(runs.state(), &error),
            TargetError::Held(held) => is_held(&held),
        })?;
    }
    Ok(())
}

/// Another run holds what this one wants.
fn is_held(held: &HeldBy) -> CommandError {
    let mut failure = held.refusal();
    let help = failure.help.take().unwrap_or_default();
    CommandError::refused(failure.help(format!("{help}\nnothing was changed")))
}

/// Another process works on the run, or may.
pub(crate) fn locked(error: &LockError) -> CommandError {
    match error {
        LockError::Held(Some(holder)) => {
            let summary = "the run is being worked on by another process";
            let help = format!("`stanch status {}` shows where it stands\nnothing was changed", holder.run);
            CommandError::refused(Failure::refused(summary).because(holder.who()).help(help))
        }
        LockError::Held(None) => CommandError::refused(
            Failure::refused("the run is being worked on by another process").help("nothing was changed"),
        ),
        LockError::NotKnown(holder) => {
            let summary = "the run may be worked on by another machine";
            let help = format!(
                "look at {}; if that process is dead: `stanch resume {} --take-over --because \"…\"`\nnothing was changed",
                holder.host, holder.run
            );
            CommandError::refused(
                Failure::refused(summary)
                    .because(holder.who())
                    .because("whether it still lives cannot be seen from here")
                    .help(help),
            )
        }
        LockError::Io(error) => {
            let failure = Failure::refused("the run's lock cannot be taken").because(error.to_string());
            CommandError::program(failure.help("make the state directory writable\nnothing was changed"))
        }
    }
}

/// The state directory does not take files.
pub(crate) fn cannot_write(path: &std::path::Path, error: &std::io::Error) -> CommandError {
    CommandError::program(
        Failure::refused(format!("the state directory `{}` cannot be written", path.display()))
            .because(error.to_string())
            .help("name a place that can be written with `--state-dir`\nnothing was changed"),
    )
}

/// The first record did not become durable: there is no run.
fn cannot_begin(folder: &RunFolder, error: &AppendError) -> CommandError {
    CommandError::program(
        Failure::refused(error.to_string())
            .because(format!("the run `{}` did not begin", folder.run()))
            .help("make room, or name another place with `--state-dir`, then start it again\nnothing was changed"),
    )
}

/// The journal takes no more lines; nothing more was done after the last durable one.
pub(crate) fn cannot_append(folder: &RunFolder, error: &AppendError) -> CommandError {
    CommandError::program(
        Failure::refused(error.to_string())
            .because(format!("nothing was sent after the last line of `{}`", folder.journal().display()))
            .help(format!("mend the disk, then `stanch resume {}`", folder.run())),
    )
}

fn inputs(args: &Args) -> Result<Map<String, Value>, CommandError> {
    let mut given = Map::new();
    if let Some(path) = &args.inputs {
        let text = session::read_file(path, "the file of inputs")?;
        given = serde_saphyr::from_str(&text).map_err(|error| {
            let summary = format!("the file of inputs `{}` is no mapping of names to values", path.display());
            let why = error.without_snippet().to_string();
            CommandError::usage(Failure::refused(summary).because(why).help("write one `NAME: VALUE` a line"))
        })?;
    }
    for input in &args.input {
        let Some((name, value)) = input.split_once('=') else {
            let failure = Failure::refused(format!("`{input}` is not an input"));
            return Err(CommandError::usage(failure.help("write `-i NAME=VALUE`")));
        };
        given.insert(name.to_owned(), Value::from(value));
    }
    Ok(given)
}

fn valid_id(run: &str) -> Result<String, CommandError> {
    let valid = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !run.is_empty() && run.len() <= 100 && run.chars().all(valid) && !run.starts_with('.') {
        return Ok(run.to_owned());
    }
    let failure = Failure::refused(format!("`{run}` cannot be the id of a run"));
    Err(CommandError::usage(failure.help("letters, digits, `-`, `_` and `.`, at most 100")))
}

/// An id that sorts by time and can be read out over the phone.
fn new_id() -> Result<String, CommandError> {
    const CLEAR: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let drawn = random_bytes(4)?;
    let letters: String = drawn
        .iter()
        .filter_map(|byte| CLEAR.get(usize::from(*byte) % CLEAR.len()))
        .map(|letter| char::from(*letter))
        .collect();
    Ok(format!("r-{}-{letters}", clock::now().format("%Y%m%d-%H%M%S")))
}

/// The first 12 digits of a GUID, as they stand in one.
fn request_prefix() -> Result<String, CommandError> {
    let digits = hex::encode(random_bytes(6)?);
    Ok(format!("{}-{}", digits.get(..8).unwrap_or_default(), digits.get(8..).unwrap_or_default()))
}

fn random_bytes(count: usize) -> Result<Vec<u8>, CommandError> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|error| {
        CommandError::program(Failure::refused("the operating system gives no randomness").because(error.to_string()))
    })?;
    Ok(bytes)
}
