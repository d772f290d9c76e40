//! A run that could begin: everything is checked that can be checked without asking Azure.

use super::arguments::{Args, inputs};
use super::lately::Rotated;
use super::targets::targets;
use crate::actions;
use crate::audit::CLOCK_SKEW;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::options::Common;
use crate::cli::page::Page;
use crate::cli::session::{self, Session};
use crate::cli::terminal::people::Answers;
use crate::cli::terminal::signing_in::SigningIn;
use crate::cli::terminal::ui::Ui;
use crate::clock;
use crate::command_line::CommandLine;
use crate::correlation;
use crate::engine::asks::{Asks, can_all_sign_in};
use crate::engine::event::RunOpened;
use crate::failure::Failure;
use crate::journal::{HeldBy, Runs, Stands, valid_run_id};
use crate::plan::Plan;
use crate::preflight;

/// A run that could begin: everything is checked, nothing is written.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) opened: RunOpened,
    pub(crate) session: Session,
    pub(crate) runs: Runs,
    /// The runs of this machine, where `runs` are a store's: neither sees what the other holds.
    beside: Option<Runs>,
    pub(super) answers: Answers,
    /// Whether the requester signs in.
    pub(crate) signing_in: SigningIn,
    /// The command that begins it with their sign-in.
    signed: CommandLine,
}

impl Prepared {
    /// Refuses a run whose target another one holds, before anybody is asked and anything is looked at.
    pub(crate) fn is_free(&self) -> Result<(), CommandError> {
        self.held()?.map_or(Ok(()), |held| Err(CommandError::refused(held.and("nothing was changed"))))
    }

    /// Why the run would be refused now, if another one holds its target.
    ///
    /// # Errors
    /// If that cannot be seen.
    pub(crate) fn held(&self) -> Result<Option<Failure>, CommandError> {
        let Some(target) = &self.opened.lock else { return Ok(None) };
        let held =
            targets(&self.runs, &self.opened).held(target).map_err(|error| session::not_begun(&self.runs, &error))?;
        if let Some(held) = held {
            return Ok(Some(held.refusal()));
        }
        let Some(beside) = &self.beside else { return Ok(None) };
        let held = targets(beside, &self.opened).held(target);
        Ok(match held.map_err(|error| session::cannot_list(beside, &error))? {
            // There the store itself says what it holds.
            Some(HeldBy { stands: Stands::Uploaded(to), .. }) if to == self.runs.place() => None,
            held => held.map(|held| held_beside(&held, beside)),
        })
    }

    /// Nobody could answer for a name that nobody signs in by, nor by a file where nobody's typed name counts: said now, not
    /// when the gate asks.
    fn is_answerable(&self) -> Result<(), CommandError> {
        let asks = self.asks();
        let unfit =
            asks.iter().filter(|(_, asks)| asks.verified).try_for_each(|(_, asks)| can_all_sign_in(asks.listed()));
        let required = self.session.config().verified_only;
        let is_verified = |step: &str| required || asks.iter().any(|(id, asks)| id == step && asks.verified);
        unfit
            .and_then(|()| self.answers.count(&self.opened.run, is_verified))
            .map_err(|failure| CommandError::usage(failure.and("nothing was changed")))
    }

    /// What a run that is over did to the target a short while ago.
    pub(crate) fn rotated_lately(&self) -> Option<Rotated> {
        let targets = targets(&self.runs, &self.opened);
        Rotated::lately(&self.runs, &targets, self.opened.lock.as_ref()?, clock::now())
    }

    /// The steps that ask people, each with whom, as far as that is known before the run.
    pub(crate) fn asks(&self) -> Vec<(String, Asks)> {
        preflight::asks(&self.plan, &actions::by_name(), self.session.config(), self.opened.mode)
    }

    /// The gates that nobody could open, or too few, although the run goes as far as to them.
    pub(crate) fn closed_gates(&self) -> Vec<Failure> {
        let signed = (!self.signing_in.is_asked_for()).then(|| self.signed.to_string());
        let asks = self.asks();
        let closed =
            asks.iter().filter_map(|(step, asks)| asks.cannot_be_answered(step, &self.opened, signed.as_deref()));
        closed.collect()
    }

    /// Shows what `lint` warns of, while nothing has happened yet.
    pub(crate) fn warn(&self, ui: Ui) {
        if !self.plan.warnings.found.is_empty() {
            ui.notes(&Page::document(&self.plan.warnings.render()));
        }
        if let (None, Some(store), Some(target)) = (&self.beside, &self.session.config().state, &self.opened.lock) {
            ui.note(&format!(
                "whether a run in `{store}` holds {target} is not looked at: this run is kept on this machine"
            ));
        }
    }
}

/// Checks everything that can be checked without asking Azure.
pub(crate) fn prepare(common: &Common, args: &Args) -> Result<Prepared, CommandError> {
    let runbook = session::read_runbook(&args.runbook)?;
    let given = inputs(args)?;
    let plan = Plan::new(&runbook.source(), &given, &actions::catalogue())
        .map_err(|error| CommandError::page(Exit::Usage, session::not_planned(&error)))?;
    let run = match &args.run_id {
        Some(run) => valid_run_id(run).map_err(|error| session::not_an_id(&error))?.to_owned(),
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
        seen: Some(Box::new(session::seen())),
        sign_ins: None,
        one_plays_all: false,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        lock: plan.lock.clone(),
        fragments: plan.fragments.iter().map(|(path, pinned)| (path.clone(), pinned.sha256.clone())).collect(),
        request_prefix: request_prefix()?,
        nonce: Some(hex::encode(random_bytes(16)?)),
        cloud: session.cloud_path.as_ref().map(|path| path.display().to_string()),
        config: session.configuration.path.as_ref().map(|path| path.display().to_string()),
        config_sha256: Some(session.configuration.sha256().to_owned()),
        obstacles: Vec::new(),
    };
    let (runs, answers) = (session::runs(common)?, args.answering.read()?);
    let signed = args.run_command().words("--signed-in");
    let beside = runs.is_shared().then(|| session::runs_of_this_machine(common)).transpose()?;
    let signing_in = SigningIn::default();
    let prepared = Prepared { plan, opened, session, runs, beside, answers, signing_in, signed };
    prepared.is_answerable()?;
    Ok(prepared)
}

/// A run of this machine holds what one at the store wants.
fn held_beside(held: &HeldBy, beside: &Runs) -> Failure {
    let run = &held.claim.run;
    let command = |command: &'static str| CommandLine::stanch(command).name(run);
    Failure::refused(format!("a run of this machine holds {}", held.target))
        .because(held.in_short())
        .because(format!("it is kept in `{}`, and the store knows nothing of it", beside.place()))
        .help(format!(
            "`{}` goes on with it, `{}` gives it up",
            command("resume").option("--state", session::LOCAL),
            command("abandon").option("--state", session::LOCAL).words("--because TEXT")
        ))
        .and(format!("`{}` brings it to the store", command("upload")))
}

/// A look into the audit trail that begins in the future would find nothing, and be met only when all is over.
fn began_already(plan: &Plan, now: clock::Timestamp) -> Result<(), CommandError> {
    for (step, since) in preflight::looks_since(plan, &actions::by_name()) {
        if since > now + CLOCK_SKEW {
            let since = since.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            let summary = format!("`{step}` would look into the audit trail since {since}, which is still to come");
            let clock = format!("it is {} now", now.format("%Y-%m-%dT%H:%M:%SZ"));
            let help = "`Z` means UTC; a local time carries its offset, for example 2026-11-22T23:40:00+02:00";
            return Err(CommandError::usage(
                Failure::refused(summary).because(clock).help(help).and("nothing was changed"),
            ));
        }
    }
    Ok(())
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

/// How the ids of the run's requests begin.
fn request_prefix() -> Result<String, CommandError> {
    Ok(correlation::prefix(&hex::encode(random_bytes(5)?)))
}

fn random_bytes(count: usize) -> Result<Vec<u8>, CommandError> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|error| {
        CommandError::program(Failure::refused("the operating system gives no randomness").because(error.to_string()))
    })?;
    Ok(bytes)
}
