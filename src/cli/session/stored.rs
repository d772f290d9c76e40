//! The runs of a state directory: found, read, or refused with the reason.

#![expect(clippy::disallowed_methods, reason = "the environment says where runs are kept")]

use super::refused::{cannot_write, unreadable};
use super::store::shared;
use crate::cli::exit::CommandError;
use crate::cli::options::Common;
use crate::command_line::CommandLine;
use crate::correlation::Prefix;
use crate::engine::State;
use crate::engine::event::RunOpened;
use crate::evidence::Known;
use crate::failure::Failure;
use crate::files;
use crate::journal::{Journal, NotARunId, Presence, RunFolder, Runs};
use crate::plan::PlannedStep;
use crate::report::History;
use crate::runbook::diagnostic::nearest;
use crate::secret::FingerprintKey;
use std::path::PathBuf;

/// All runs of this user. A state directory of somebody else, or one that others may write to, is refused: whoever writes
/// there says what was done, and where secrets are sent.
pub(crate) fn runs(common: &Common) -> Result<Runs, CommandError> {
    let state = state_dir(common)?;
    Ok(shared(common, &state)?.unwrap_or_else(|| Runs::new(state)))
}

/// The runs of the state directory, wherever others are kept.
pub(crate) fn runs_of_this_machine(common: &Common) -> Result<Runs, CommandError> {
    state_dir(common).map(Runs::new)
}

/// The runs of the state directory of this machine, wherever else runs are kept.
pub(crate) fn runs_here() -> Result<Runs, CommandError> {
    let named = std::env::var_os("STANCH_STATE_DIR").filter(|named| !named.is_empty());
    Ok(Runs::new(place_of_runs(named.map(PathBuf::from))?))
}

/// The runs of the state directory, and those of the store that is named, which must be another one.
pub(crate) fn runs_to_upload(common: &Common) -> Result<(Runs, Runs), CommandError> {
    let state = state_dir(common)?;
    let shared = shared(common, &state)?.ok_or_else(|| {
        let failure = Failure::refused("nothing says which store the run is to be uploaded to");
        CommandError::usage(failure.help("add `--state https://ACCOUNT.blob.core.windows.net/CONTAINER`"))
    })?;
    Ok((Runs::new(state), shared))
}

fn state_dir(common: &Common) -> Result<PathBuf, CommandError> {
    place_of_runs(common.state_dir.clone())
}

fn place_of_runs(named: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    let state = match named {
        Some(folder) => folder,
        None => platform_state_dir().ok_or_else(|| {
            let failure = Failure::refused("there is no home directory to keep runs in");
            CommandError::usage(failure.help("name a place with `--state-dir` or STANCH_STATE_DIR"))
        })?,
    };
    let state = std::path::absolute(&state).unwrap_or(state);
    files::check_place(&state).map_err(|error| cannot_write(&state, &error))?;
    Ok(state)
}

fn platform_state_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("stanch"))
}

/// The key of the fingerprints of this state directory.
pub(crate) fn fingerprints(runs: &Runs) -> Result<FingerprintKey, CommandError> {
    runs.fingerprint_key().map_err(|error| cannot_write(runs.state(), &error))
}

/// A run that exists, whatever became of its journal.
pub(crate) fn existing(common: &Common, run: &str) -> Result<RunFolder, CommandError> {
    existing_in(&runs(common)?, run, &CommandLine::stanch("runs"))
}

/// The same of a store, whose runs this command lists.
pub(crate) fn existing_in(runs: &Runs, run: &str, list: &CommandLine) -> Result<RunFolder, CommandError> {
    let folder = runs.folder(run).map_err(|error| not_an_id(&error))?;
    match folder.presence().map_err(|error| cannot_write(runs.state(), &error))? {
        Presence::There => return Ok(folder),
        Presence::Absent => {}
        Presence::Beginning => {
            let failure = Failure::refused(format!("the run `{run}` is just beginning in `{}`", runs.place()));
            return Err(CommandError::refused(failure.help("look again in a moment")));
        }
        Presence::NeverBegan => return Err(never_began(&folder)),
    }
    let known = runs.list().unwrap_or_default();
    let help = match nearest(run, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? `{list}` lists them all"),
        None => format!("`{list}` lists them all"),
    };
    let summary = format!("there is no run `{run}` in `{}`", runs.place());
    Err(CommandError::usage(Failure::refused(summary).help(help)))
}

/// There is a name, and nothing was ever done under it.
fn never_began(folder: &RunFolder) -> CommandError {
    let run = folder.run();
    let failure = Failure::refused(format!("the run `{run}` never began in `{}`", folder.runs().place()))
        .because("it has no record: the process that was to begin it ended before the first one, without which nothing is sent")
        .help("begin it anew with `stanch run`; what it was to work on is free");
    let upload = CommandLine::stanch("upload").name(run);
    CommandError::refused(match folder.is_shared() {
        true => {
            failure.and(format!("if it was being uploaded: `{upload}` goes on with that, on the machine that has it"))
        }
        false => failure,
    })
}

/// A text that no run has for its id.
pub(crate) fn not_an_id(error: &NotARunId) -> CommandError {
    let failure = Failure::refused(error.to_string());
    CommandError::usage(
        failure.help("letters, digits, `-`, `_` and `.`, at most 100, beginning with a letter or a digit"),
    )
}

/// With what a run began.
pub(crate) fn opened(folder: &RunFolder) -> Result<RunOpened, CommandError> {
    folder.opened().map(|(_, opened)| opened).map_err(|error| unreadable(&folder.journal(), &error))
}

/// Where a run stands, and where its journal ends, whole and verified but for a torn last line.
pub(crate) fn state(folder: &RunFolder) -> Result<(Journal, State), CommandError> {
    folder.state().map_err(|error| unreadable(&folder.journal(), &error))
}

/// What is known of a run, with these steps, and where its journal ends.
pub(crate) fn known(folder: &RunFolder, steps: Vec<PlannedStep>) -> Result<(Journal, Known), CommandError> {
    let mut known = Known::new(steps);
    let journal = folder.fold(|record, _| known.apply(record));
    Ok((journal.map_err(|error| unreadable(&folder.journal(), &error))?, known))
}

/// What a report tells of a run, with these steps, and where its journal ends.
pub(crate) fn history(folder: &RunFolder, steps: Vec<PlannedStep>) -> Result<(Journal, History), CommandError> {
    let mut history = History::new(steps);
    let journal = folder.fold(|record, _| history.apply(record));
    Ok((journal.map_err(|error| unreadable(&folder.journal(), &error))?, history))
}

/// How the ids of all requests begin that runs and searches of this state directory sent. A secret that was worked on before is
/// not read by a stranger because of that.
pub(crate) fn own_prefixes(runs: &Runs) -> Vec<Prefix> {
    let key = runs.known_fingerprint_key();
    let searches = key.iter().flat_map(|key| [key.former_request_prefix(), key.request_prefix()]).map(Prefix::from);
    runs.openings()
        .into_iter()
        .map(|opened| Prefix { text: opened.request_prefix, run: Some(opened.run) })
        .chain(searches)
        .collect()
}
