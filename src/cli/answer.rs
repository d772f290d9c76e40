//! `stanch approve`, `reject` and `settle`: what only a person can say.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::question::{self, Asked, Given, Open, Word};
use super::session;
use super::session::refuse_abandoned;
use super::session::{cannot_write, locked};
use super::terminal::left::GivenAnswer;
use super::terminal::signing_in::{self, SigningIn};
use super::terminal::ui::Ui;
use crate::clock;
use crate::command_line::CommandLine;
use crate::durable::Ledger;
use crate::engine::State;
use crate::engine::event::{Answer, Event};
use crate::engine::person::Seen;
use crate::failure::Failure;
use crate::journal::{AppendError, Lock, LockError, RunFolder};
use crate::redaction::{value_without_credentials, without_credentials, without_tokens};
use crate::sign_in::SignedIn;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the process that works on the run gets to take an answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(crate) struct GateArgs {
    /// The run's id
    #[arg(add = completing::runs())]
    run: String,
    /// The step that waits
    #[arg(add = completing::waiting_steps())]
    step: String,
    /// Who answers: a name that is only claimed, unless you sign in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    signing_in: SigningIn,
    /// Why
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// What the step asks for by name
    #[arg(long, value_name = "NAME=VALUE")]
    answer: Vec<String>,
    /// The digest of the plan that you agree to, as `status` shows it; refused if it has changed since
    #[arg(long, value_name = "SHA256")]
    plan: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SettleArgs {
    /// The run's id
    #[arg(add = completing::runs())]
    run: String,
    /// The step that waits
    #[arg(add = completing::waiting_steps())]
    step: String,
    /// What happened, or how to go on
    #[arg(long = "as", value_name = "WHAT")]
    outcome: Word,
    /// Who answers [default: whoever is logged in]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    signing_in: SigningIn,
    /// How you know
    #[arg(long, value_name = "TEXT")]
    because: String,
}

pub(crate) async fn approve(common: &Common, ui: Ui, args: GateArgs) -> Outcome {
    gate(common, ui, args, Word::Approve).await
}

pub(crate) async fn reject(common: &Common, ui: Ui, args: GateArgs) -> Outcome {
    gate(common, ui, args, Word::Reject).await
}

async fn gate(common: &Common, ui: Ui, args: GateArgs, word: Word) -> Outcome {
    let mut answers = Map::new();
    for answer in &args.answer {
        let Some((name, value)) = answer.split_once('=') else {
            let failure = Failure::refused(format!("`{answer}` is not an answer"));
            return Err(CommandError::usage(failure.help("write `--answer NAME=VALUE`")));
        };
        answers.insert(name.to_owned(), Value::from(value));
    }
    let who = Who { by: args.by, signing_in: args.signing_in };
    let said = Said { word, because: args.comment, answers, plan: args.plan };
    give(common, ui, &args.run, &args.step, who, said).await
}

pub(crate) async fn settle(common: &Common, ui: Ui, args: SettleArgs) -> Outcome {
    let who = Who { by: args.by, signing_in: args.signing_in };
    let said = Said { word: args.outcome, because: Some(args.because), answers: Map::new(), plan: None };
    give(common, ui, &args.run, &args.step, who, said).await
}

/// Who answers, as far as they said.
struct Who {
    by: Option<String>,
    signing_in: SigningIn,
}

/// What they say.
struct Said {
    word: Word,
    because: Option<String>,
    answers: Map<String, Value>,
    plan: Option<String>,
}

impl Who {
    /// The name, what is known of whoever has it, and their sign-in where it counts. Without a name it is asked for where
    /// nobody else's word counts.
    async fn known(
        self,
        common: &Common,
        state: &State,
        open: &Open,
    ) -> Result<(String, Seen, Option<SignedIn>), CommandError> {
        let Self { by, signing_in } = self;
        if !signing_in.is_asked_for() && (by.is_some() || !open.signs_in) {
            let is_gate = matches!(open.what, Asked::Gate { .. });
            let by = by.or_else(|| (!is_gate).then(session::operator)).ok_or_else(|| {
                let failure = Failure::refused("nobody says who answers");
                CommandError::usage(failure.help("add `--by NAME`, or `--signed-in` to show who you are"))
            })?;
            return Ok((by, session::seen(), None));
        }
        let Some(opened) = state.opened() else { return Ok((String::new(), session::seen(), None)) };
        let (transport, checker) = signing_in::checker(common, opened)?;
        let signed_in = signing_in.sign_in(&transport, &checker, by.as_deref(), &session::operator()).await;
        let signed_in = signed_in.map_err(CommandError::refused)?;
        let verified = signed_in.verified().clone().for_those(open.from());
        Ok((verified.name(), Seen { verified: Some(verified), ..session::seen() }, Some(signed_in)))
    }
}

async fn give(common: &Common, ui: Ui, run: &str, step: &str, who: Who, said: Said) -> Outcome {
    // It may be left in a file for the process that works on the run.
    let clean = |text: &str| without_tokens(&without_credentials(text)).into_owned();
    let folder = session::existing(common, run)?;
    let (state, open) = asked(&folder, step)?;
    let (by, seen, signed_in) = who.known(common, &state, &open).await?;
    let answers = said.answers.into_iter().map(|(name, value)| (name, value_without_credentials(value))).collect();
    let because = said.because.as_deref().map(clean);
    let given = Given { word: said.word, by: clean(&by), seen, because, answers };
    let mut event = open.answer(given).map_err(CommandError::usage)?;
    if let (Event::GateAnswered { plan: bound, .. }, Some(plan)) = (&mut event, said.plan) {
        *bound = Some(plan.trim_start_matches("sha256:").to_lowercase());
    }
    // Whatever makes an answer none is told before it is left for somebody else.
    state.clone().apply(clock::now(), &event).map_err(|illegal| refused(&open, run, &illegal.because))?;
    record(ui, &folder, &open, event, signed_in.as_ref()).await
}

/// What a step of a run asks now, and where the run stands.
fn asked(folder: &RunFolder, step: &str) -> Result<(State, Open), CommandError> {
    // What a copy asks may be answered long since.
    session::refuse_uploaded(folder)?;
    let (_, state) = session::state(folder)?;
    refuse_abandoned(folder, &state)?;
    let open = question::of_step(&state, step).ok_or_else(|| nothing_to_answer(&state, folder.run(), step))?;
    Ok((state, open))
}

/// Gives the answer of somebody whom a chat vouches for, to what was asked when they saw it.
pub(crate) async fn in_chat(ui: Ui, folder: &RunFolder, step: &str, plan: &str, given: Given) -> Outcome {
    let run = folder.run();
    let (state, open) = asked(folder, step)?;
    let question = open.question().ok_or_else(|| nothing_to_answer(&state, run, step))?;
    if question.expires_at.is_some_and(|expires| expires <= clock::now()) {
        return Err(refused(&open, run, "the gate has expired, which counts as a no"));
    }
    let mut event = open.answer(given).map_err(CommandError::usage)?;
    if let Event::GateAnswered { plan: bound, .. } = &mut event {
        *bound = Some(plan.to_owned());
    }
    state.clone().apply(clock::now(), &event).map_err(|illegal| refused(&open, run, &illegal.because))?;
    record(ui, folder, &open, event, None).await
}

fn refused(open: &Open, run: &str, because: &str) -> CommandError {
    let failure = Failure::refused(format!("the answer to `{}` was not taken", open.step)).because(because.to_owned());
    CommandError::refused(
        failure.help(format!("`{}` shows what is asked now", CommandLine::stanch("status").name(run))),
    )
}

fn nothing_to_answer(state: &State, run: &str, step: &str) -> CommandError {
    let waiting: Vec<String> = question::open(state).into_iter().map(|open| open.step).collect();
    let help = match waiting.as_slice() {
        [] => format!("nothing waits; `{}` shows where the run stands", CommandLine::stanch("status").name(run)),
        waiting => format!("these steps wait: {}", waiting.join(", ")),
    };
    let at = state.step(step);
    let answered = at.gate.as_ref().and_then(|gate| gate.answer.as_ref());
    let mut failure = Failure::refused(format!("`{step}` of `{run}` does not wait for an answer"));
    if let Some(answer) = answered {
        failure = failure.because(match answer.answer {
            Answer::Approved => format!("it was approved by {}", answer.told()),
            Answer::Rejected => format!("it was rejected by {}", answer.told()),
            Answer::Expired => "it has expired: nobody answered in time, which counts as a no".to_owned(),
        });
    }
    CommandError::usage(failure.help(help))
}

/// Records the answer, or leaves it for the process that works on the run and waits until that has taken it.
async fn record(ui: Ui, folder: &RunFolder, open: &Open, event: Event, signed_in: Option<&SignedIn>) -> Outcome {
    let held = |error| match error {
        LockError::Held(_) => Ok(()),
        LockError::Io(error) => Err(cannot_write(folder.path(), &error)),
        error => Err(locked(&error)),
    };
    let claimant = session::claimant();
    match folder.lock_to_answer(&claimant) {
        Ok(lock) => return append(ui, folder, open, event, lock).await,
        Err(error) => held(error)?,
    }
    let name = leave(folder, &event, signed_in)?;
    let give_up = clock::now() + PATIENCE;
    while clock::now() < give_up {
        match folder.take_reply(&name) {
            Some(reply) if reply.is_empty() => {
                ui.note(&format!("answer recorded; run `{}` continues", folder.run()));
                return Ok(Exit::Done);
            }
            Some(why) => return Err(refused(open, folder.run(), &why)),
            None => clock::sleep(Duration::from_millis(50)).await,
        }
        // That process may have ended without having seen the answer.
        match folder.lock_to_answer(&claimant) {
            Ok(lock) if folder.withdraw_answer(&name) => return append(ui, folder, open, event, lock).await,
            Ok(_) => {}
            Err(error) => held(error)?,
        }
    }
    match signed_in {
        // What a sign-in proves is true for a while only.
        Some(_) if folder.withdraw_answer(&name) => {
            Err(refused(open, folder.run(), "the process that works on the run did not take it in time; answer again"))
        }
        Some(_) => {
            let looks = "the process that works on the run still looks at the sign-in, or ended meanwhile";
            Err(refused(open, folder.run(), looks))
        }
        None => {
            ui.note("left for the process that works on the run, which has not taken it yet");
            Ok(Exit::Done)
        }
    }
}

async fn append(ui: Ui, folder: &RunFolder, open: &Open, event: Event, lock: Lock) -> Outcome {
    let (journal, state) = session::state(folder)?;
    if journal.torn > 0 {
        let failure = Failure::refused("the last write to the journal was torn");
        return Err(CommandError::refused(
            failure.help(format!("`{}` cuts it off", CommandLine::stanch("resume").name(folder.run()))),
        ));
    }
    let store = folder.open_journal().map_err(|error| cannot_write(folder.path(), &error))?;
    let (notices, _) = mpsc::unbounded_channel();
    let ledger = Ledger::start(store, &journal, state, notices);
    match ledger.record(event).await {
        Ok(_) => {}
        Err(AppendError::Refused(why)) => return Err(refused(open, folder.run(), &why)),
        Err(error) => return Err(session::cannot_append(folder, &error)),
    }
    drop(lock);
    ui.note("recorded");
    ui.note(&format!("next: {}", CommandLine::stanch("resume").name(folder.run())));
    Ok(Exit::Done)
}

/// Puts the answer where the process that works on the run looks, with what is shown of a sign-in; gives its name.
fn leave(folder: &RunFolder, event: &Event, signed_in: Option<&SignedIn>) -> Result<String, CommandError> {
    let name = format!("{}-{}", clock::now().format("%Y%m%dT%H%M%S%6f"), std::process::id());
    let shown = signed_in.map(|signed_in| signed_in.show(event)).transpose();
    let shown = shown.map_err(CommandError::program)?;
    let answer = serde_json::to_vec(&GivenAnswer { event: event.clone(), shown }).map_err(|error| {
        CommandError::program(Failure::refused("the answer cannot be written").because(error.to_string()))
    })?;
    folder.leave_answer(&name, &answer).map_err(|error| cannot_write(folder.path(), &error))?;
    Ok(name)
}
