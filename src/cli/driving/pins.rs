//! What a run is pinned to, checked when it is taken over: a difference is shown, and a person may accept it.

use crate::cli::exit::{CommandError, Exit};
use crate::cli::page::Page;
use crate::cli::session::{Session, difference, start};
use crate::command_line::CommandLine;
use crate::engine::event::{Event, Mode, Pin, RunOpened};
use crate::failure::Failure;
use crate::journal::RunFolder;

/// What a person accepts, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Accepting {
    /// Go on although the run was begun by another version of stanch
    #[arg(long, requires = "because")]
    accept_program_version: bool,
    /// Go on although the configuration was changed since
    #[arg(long, requires = "because")]
    accept_config: bool,
    /// Go on although the process that worked on the run is on another machine: it is dead
    #[arg(long, requires = "because")]
    pub(crate) take_over: bool,
    /// Why; it stands in the journal and in the report
    #[arg(long, value_name = "TEXT")]
    pub(crate) because: Option<String>,
}

/// Compares a run's pins with what it would go on with. Gives what a person accepted, for the journal.
pub(crate) fn check(
    folder: &RunFolder,
    opened: &RunOpened,
    session: &Session,
    accepting: &Accepting,
    operator: &str,
) -> Result<Vec<Event>, CommandError> {
    if opened.mode != session.mode() {
        return Err(other_mode(opened.mode, session.mode()));
    }
    let accepted = |pin, was: &str, now: &str| Event::PinAccepted {
        pin,
        was: was.to_owned(),
        now: now.to_owned(),
        by: operator.to_owned(),
        because: accepting.because.clone().unwrap_or_default(),
    };
    let mut found = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    if opened.program_version != version {
        if !accepting.accept_program_version {
            return Err(other_version(folder, &opened.program_version));
        }
        found.push(accepted(Pin::ProgramVersion, &opened.program_version, version));
    }
    // Runs of older programs have no such pin.
    if let Some(was) = &opened.config_sha256 {
        let now = session.configuration.sha256();
        if was != now {
            if !accepting.accept_config {
                return Err(other_configuration(folder, session, was, now));
            }
            found.push(accepted(Pin::Configuration, was, now));
        }
    }
    Ok(found)
}

fn other_mode(was: Mode, now: Mode) -> CommandError {
    let name = |mode| match mode {
        Mode::Real => "REAL",
        Mode::Drill => "DRILL",
    };
    let summary = format!("the run is a {} run; it cannot go on as {}", name(was), name(now));
    let help = match was {
        Mode::Real => "leave `--cloud` and STANCH_CLOUD out",
        Mode::Drill => "name its cloud file with `--cloud`",
    };
    CommandError::refused(Failure::refused(summary).help(help))
}

fn other_version(folder: &RunFolder, was: &str) -> CommandError {
    let summary = format!("the run was begun by stanch {was}, this is stanch {}", env!("CARGO_PKG_VERSION"));
    let resume = CommandLine::stanch("resume").name(folder.run()).words("--accept-program-version --because \"…\"");
    let failure = Failure::refused(summary).help(format!("go on with stanch {was}, or `{resume}`"));
    CommandError::refused(failure.and("nothing was changed"))
}

fn other_configuration(folder: &RunFolder, session: &Session, was: &str, now: &str) -> CommandError {
    let path = session.configuration.place();
    let mut page = Page::of("error: the configuration was changed since the run began");
    page.line(format!("  {path}: sha256 {}…, pinned {}…", start(now), start(was)));
    let present = session.config().text().unwrap_or_default();
    match folder.configuration() {
        Ok(pinned) => page.add(difference(&pinned, present)),
        Err(error) => page.line(format!("  the pinned copy cannot be read: {error}")),
    }
    let resume = CommandLine::stanch("resume").name(folder.run()).words("--accept-config --because \"…\"");
    page.line(format!("  help: put it back, or `{resume}`"));
    page.line("  nothing was changed");
    CommandError::page(Exit::Refused, page)
}
