//! Why nobody can work on a run of the state directory now.

use crate::cli::exit::CommandError;
use crate::command_line::CommandLine;
use crate::engine::State;
use crate::failure::Failure;
use crate::files::{self, Distrust};
use crate::journal::{AppendError, DamageKind, LockError, ReadError, RunFolder, Runs, Upload, store_failure};
use std::io::ErrorKind;

/// What whoever cannot begin a run at a store may do instead. It is never done by itself.
pub(crate) const HERE_INSTEAD: &str = "if it cannot wait: the same command with `--state local` begins it on this machine; `stanch upload` brings it there later";

/// Another process works on the run, or may.
pub(crate) fn locked(error: &LockError) -> CommandError {
    match error {
        LockError::Held(Some(holder)) => {
            let summary = "the run is being worked on by another process";
            let status = CommandLine::stanch("status").name(&holder.run);
            let failure = Failure::refused(summary).because(holder.who());
            CommandError::refused(failure.help(format!("`{status}` shows where it stands")).and("nothing was changed"))
        }
        LockError::Held(None) => CommandError::refused(
            Failure::refused("the run is being worked on by another process").help("nothing was changed"),
        ),
        LockError::NotKnown(holder) => {
            let summary = "the run may be worked on by another machine";
            let resume = CommandLine::stanch("resume").name(&holder.run).words("--take-over --because \"…\"");
            let help = format!("look at {}; if that process is dead: `{resume}`", holder.host);
            CommandError::refused(
                Failure::refused(summary)
                    .because(holder.who())
                    .because("whether it still lives cannot be seen from here")
                    .help(help)
                    .and("nothing was changed"),
            )
        }
        LockError::Uploaded(upload, here) => uploaded(upload, here),
        LockError::BrokenOff(upload) => broken_off(upload),
        LockError::Unreadable(place, error) => unreadable(place, error),
        LockError::Io(error) => {
            if let Some(distrust) = files::distrust(error) {
                return distrusted(distrust);
            }
            if let Some(failure) = store_failure(error) {
                return CommandError::program(failure.clone().and("nothing was changed"));
            }
            let failure = Failure::refused("the run's lock cannot be taken").because(error.to_string());
            let help = match error.kind() {
                ErrorKind::InvalidData => "look at that file; move it away if nobody uploaded the run",
                _ => "make the state directory writable",
            };
            CommandError::program(failure.help(help).and("nothing was changed"))
        }
    }
}

/// The run goes on at a store, and not here, where `marker` says so.
pub(crate) fn uploaded(upload: &Upload, marker: &str) -> CommandError {
    let Upload { run, to, operator, host, at, .. } = upload;
    let there = |command: &'static str| CommandLine::stanch(command).name(run).option("--state", to);
    CommandError::refused(
        Failure::refused(format!("the run `{run}` was uploaded to `{to}`, and goes on there alone"))
            .because(format!("by {operator} on {host}, {}", crate::clock::second(*at)))
            .help(format!("`{}` goes on with it; every command works on it with `--state`", there("resume")))
            .and(format!("if the upload broke off: `{}`", there("upload")))
            .and(format!("if that store is lost for good, and nobody goes on there, remove `{marker}` to go on here"))
            .and("nothing was changed"),
    )
}

/// Half of a run is at the store.
fn broken_off(upload: &Upload) -> CommandError {
    let Upload { run, operator, host, at, .. } = upload;
    let command = |command: &'static str| CommandLine::stanch(command).name(run);
    let give_up = command("abandon").words("--take-over --because TEXT");
    CommandError::refused(
        Failure::refused(format!("the upload of the run `{run}` is not finished: its journal is not whole here"))
            .because(format!("by {operator} on {host}, {}", crate::clock::second(*at)))
            .help(format!("on {host}, `{}` goes on with it", command("upload")))
            .and(format!("if that machine is lost: `{give_up}`, then look at the vault and begin another run"))
            .and("nothing was changed"),
    )
}

/// Refuses whoever wants to change a run that was uploaded.
pub(crate) fn refuse_uploaded(folder: &RunFolder) -> Result<(), CommandError> {
    match folder.uploaded() {
        Ok(None) => Ok(()),
        Ok(Some(upload)) => Err(uploaded(&upload, &folder.place_of("upload.json"))),
        Err(error) => Err(locked(&LockError::Io(error))),
    }
}

/// The same of a run that somebody wants to go on with, where a lease tells that the other process lives.
pub(crate) fn held(folder: &RunFolder, error: &LockError) -> CommandError {
    let LockError::Held(holder) = error else { return locked(error) };
    if !folder.is_shared() {
        return locked(error);
    }
    let failure = Failure::refused("the run is being worked on by another process");
    let failure = holder.iter().fold(failure, |failure, holder| failure.because(holder.who()));
    let resume = CommandLine::stanch("resume").name(folder.run());
    let over = resume.clone().words("--take-over --because \"…\"");
    let failure = failure
        .because("it lives: its lease on the store was renewed within the last 15 s")
        .help(format!("if it died just now, wait 15 s, then `{resume}`"))
        .and(format!("if it lives and must stop: `{over}`"));
    CommandError::refused(failure.and("nothing was changed"))
}

/// Something in the state directory, or the directory itself, is somebody else's, or may be written by others.
fn distrusted(distrust: &Distrust) -> CommandError {
    let mut failure = distrust.failure();
    let help = failure.help.take().unwrap_or_default();
    CommandError::refused(
        failure.help(format!("{help}, or name another place with `--state-dir`")).and("nothing was changed"),
    )
}

/// Why a journal cannot be used.
pub(crate) fn unreadable(place: &str, error: &ReadError) -> CommandError {
    let damage = match error {
        ReadError::Io(error) => {
            if let Some(distrust) = files::distrust(error) {
                return distrusted(distrust);
            }
            if let Some(failure) = store_failure(error) {
                return CommandError::refused(failure.clone());
            }
            let summary = format!("the journal `{place}` cannot be read");
            return CommandError::refused(Failure::refused(summary).because(error.to_string()));
        }
        ReadError::Damaged(damage) => damage,
    };
    let help = match damage.kind {
        DamageKind::NewerFormat(_) => "go on with the stanch that wrote it, or a newer one",
        _ if damage.takes_everything() => {
            "what the run did is not known, and what it worked on stays kept from other runs; look for a copy of the journal, and at the vault's own log"
        }
        _ => {
            "nothing after the line before it can be trusted; compare with a copy or with a head that was sent off the machine"
        }
    };
    let place = format!("{place}:{}", damage.line);
    let failure = Failure::refused(damage.to_string()).because(place).help(help);
    CommandError::refused(match damage.kind {
        DamageKind::NewerFormat(_) => failure.and("nothing was changed"),
        _ => failure,
    })
}

/// The state directory does not take files.
pub(crate) fn cannot_write(path: impl AsRef<std::path::Path>, error: &std::io::Error) -> CommandError {
    let path = path.as_ref();
    if let Some(failure) = store_failure(error) {
        return CommandError::program(failure.clone().and("nothing was changed"));
    }
    if let Some(distrust) = files::distrust(error) {
        return distrusted(distrust);
    }
    CommandError::program(
        Failure::refused(format!("the state directory `{}` cannot be written", path.display()))
            .because(error.to_string())
            .help("name a place that can be written with `--state-dir`")
            .and("nothing was changed"),
    )
}

/// A new run does not get its place.
pub(crate) fn not_begun(runs: &Runs, error: &std::io::Error) -> CommandError {
    match store_failure(error) {
        Some(failure) => CommandError::program(failure.clone().and("nothing was changed").and(HERE_INSTEAD)),
        None => cannot_write(runs.state(), error),
    }
}

/// Which runs there are cannot be seen.
pub(crate) fn cannot_list(runs: &Runs, error: &std::io::Error) -> CommandError {
    let failure = store_failure(error).cloned().unwrap_or_else(|| {
        let summary = format!("the state directory `{}` cannot be read", runs.place());
        Failure::refused(summary).because(error.to_string())
    });
    CommandError::program(failure)
}

/// The journal takes no more lines; nothing more was done after the last durable one.
pub(crate) fn cannot_append(folder: &RunFolder, error: &AppendError) -> CommandError {
    let failure = Failure::refused(error.to_string())
        .because(format!("nothing was sent after the last line of `{}`", folder.journal()));
    if let AppendError::TakenOver(_) = error {
        let failure = Failure::refused(error.to_string()).because("nothing was sent from here since");
        let status = CommandLine::stanch("status").name(folder.run());
        return CommandError::refused(failure.help(format!("`{status}` shows where it stands")));
    }
    let first = if folder.is_shared() { "once the store takes lines again" } else { "mend the disk, then" };
    CommandError::program(failure.help(format!("{first} `{}`", CommandLine::stanch("resume").name(folder.run()))))
}

/// Refuses whoever wants to go on with a run that was given up.
pub(crate) fn refuse_abandoned(folder: &RunFolder, state: &State) -> Result<(), CommandError> {
    let Some(abandoned) = state.abandoned() else { return Ok(()) };
    let at = crate::clock::second(abandoned.at);
    let failure = Failure::refused(format!("the run `{}` was abandoned by {}, {at}", folder.run(), abandoned.by))
        .because(abandoned.because.clone());
    Err(CommandError::refused(failure.help("begin another one with `stanch run`").and("nothing was changed")))
}
