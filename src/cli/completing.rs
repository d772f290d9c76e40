//! What a shell offers when a word is to be completed: names that only this program knows.
//!
//! A shell waits for it and shows no error: nothing is asked over the network, and what cannot be read is not offered.

use super::session::{self, BUILT_IN};
use crate::clock;
use crate::cloud::scenario::Scenario;
use crate::engine::{State, StepStatus};
use crate::journal::RunFolder;
use crate::visible;
use clap::Command;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};
use std::ffi::{OsStr, OsString};

/// The variable by which the script of a shell asks.
const ASKED_BY: &str = "STANCH_COMPLETE";

/// Answers a shell that asks to have a word completed; whether one did.
pub(crate) fn answered(command: fn() -> Command, arguments: impl Iterator<Item = OsString>) -> bool {
    let here = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(command).var(ASKED_BY).bin("stanch").completer("stanch");
    answer.try_complete(arguments, here.as_deref()).unwrap_or(true)
}

/// The script that makes a shell ask.
pub(crate) fn script(shell: &str) -> Vec<u8> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    if let Some(completer) = shells.completer(shell) {
        // Memory takes whatever is written.
        completer.write_registration(ASKED_BY, "stanch", "stanch", "stanch", &mut script).ok();
    }
    script
}

/// The built-in runbooks, and files.
pub(crate) fn runbooks() -> ArgValueCompleter {
    let built_in = || BUILT_IN.iter().map(|(name, _)| CompletionCandidate::new(name)).collect();
    ArgValueCompleter::new(move |typed: &OsStr| names_or_files(typed, built_in()))
}

/// The built-in scenarios, and files.
pub(crate) fn scenarios() -> ArgValueCompleter {
    let built_in = || Scenario::builtin_names().map(CompletionCandidate::new).collect();
    ArgValueCompleter::new(move |typed: &OsStr| names_or_files(typed, built_in()))
}

/// The runs of this machine, the latest first.
pub(crate) fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| beginning_with(typed, known_runs().into_iter().rev().collect()))
}

/// The steps of the runs of this machine that wait for a person.
pub(crate) fn waiting_steps() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let mut steps = Vec::new();
        for (folder, state) in folders() {
            for (id, step) in state.steps() {
                if matches!(step.status, StepStatus::Waiting | StepStatus::Unknown) {
                    steps.push(candidate(id, &format!("of {}", folder.run())));
                }
            }
        }
        beginning_with(typed, steps)
    })
}

fn names_or_files(typed: &OsStr, names: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let mut found = beginning_with(typed, names);
    found.extend(PathCompleter::file().complete(typed));
    found
}

fn beginning_with(typed: &OsStr, candidates: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fits = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with(&*typed);
    candidates.into_iter().filter(fits).collect()
}

fn known_runs() -> Vec<CompletionCandidate> {
    let about = |(folder, state): &(RunFolder, State)| {
        let runbook = state.opened().map(|opened| opened.runbook.as_str()).unwrap_or_default();
        let began = state.opened_at().map(clock::second).unwrap_or_default();
        candidate(folder.run(), &format!("{runbook}, {began}"))
    };
    folders().iter().map(about).collect()
}

/// A shell shows what stands beside a word as it is.
fn candidate(value: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(visible::line(about).into()))
}

/// The runs of the state directory of this machine that can be read, the earliest first.
fn folders() -> Vec<(RunFolder, State)> {
    let Ok(runs) = session::runs_here() else { return Vec::new() };
    let named = runs.list().unwrap_or_default();
    let read = |run: String| {
        let folder = runs.folder(&run).ok()?;
        let (_, state) = folder.state().ok()?;
        Some((folder, state))
    };
    let mut folders: Vec<(RunFolder, State)> = named.into_iter().filter_map(read).collect();
    folders.sort_by_key(|(_, state)| state.opened_at());
    folders
}
