//! The runs of a state directory: found, read, or refused with the reason.

#![expect(clippy::disallowed_methods, reason = "the environment says where runs are kept")]

use super::refused::cannot_write;
use crate::cli::exit::CommandError;
use crate::cli::options::Common;
use crate::correlation::Prefix;
use crate::engine::event::Event;
use crate::failure::Failure;
use crate::journal::{Damage, DamageKind, Journal, ReadError, Record, RunFolder, Runs};
use crate::runbook::diagnostic::nearest;
use crate::secret::FingerprintKey;
use std::path::{Path, PathBuf};

/// All runs of this user.
pub(crate) fn runs(common: &Common) -> Result<Runs, CommandError> {
    let state = match &common.state_dir {
        Some(folder) => folder.clone(),
        None => platform_state_dir().ok_or_else(|| {
            let failure = Failure::refused("there is no home directory to keep runs in");
            CommandError::usage(failure.help("name a place with `--state-dir` or STANCH_STATE_DIR"))
        })?,
    };
    Ok(Runs::new(std::path::absolute(&state).unwrap_or(state)))
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

/// A run that exists.
pub(crate) fn existing(common: &Common, run: &str) -> Result<RunFolder, CommandError> {
    let runs = runs(common)?;
    let folder = runs.folder(run);
    if folder.exists() {
        return Ok(folder);
    }
    let known = runs.list().unwrap_or_default();
    let help = match nearest(run, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? `stanch runs` lists them all"),
        None => "`stanch runs` lists them all".to_owned(),
    };
    let summary = format!("there is no run `{run}` in `{}`", runs.state().display());
    Err(CommandError::usage(Failure::refused(summary).help(help)))
}

/// A run's journal, whole and verified but for a torn last line.
pub(crate) fn journal(folder: &RunFolder) -> Result<Journal, CommandError> {
    folder.read().map_err(|error| unreadable(&folder.journal(), &error))
}

/// Why a journal cannot be used.
pub(crate) fn unreadable(path: &Path, error: &ReadError) -> CommandError {
    match error {
        ReadError::Io(error) => {
            let summary = format!("the journal `{}` cannot be read", path.display());
            CommandError::usage(Failure::refused(summary).because(error.to_string()))
        }
        ReadError::Damaged(damage) => damaged(path, damage),
    }
}

/// A journal that was changed.
pub(crate) fn damaged(path: &Path, damage: &Damage) -> CommandError {
    let help = match damage.kind {
        DamageKind::NewerFormat(_) => "go on with the stanch that wrote it, or a newer one",
        _ => {
            "nothing after the line before it can be trusted; compare with a copy or with a head that was sent off the machine"
        }
    };
    let place = format!("{}:{}", path.display(), damage.line);
    let failure = Failure::refused(damage.to_string()).because(place).help(help);
    CommandError::refused(match damage.kind {
        DamageKind::NewerFormat(_) => failure.and("nothing was changed"),
        _ => failure,
    })
}

/// How the ids of all requests begin that runs and searches of this state directory sent. A secret that was worked on before is
/// not read by a stranger because of that.
pub(crate) fn own_prefixes(runs: &Runs) -> Vec<Prefix> {
    let prefix = |record: Record| match record.event {
        Event::RunOpened(opened) => Some(Prefix { text: opened.request_prefix, run: Some(opened.run) }),
        _ => None,
    };
    let ids = runs.list().unwrap_or_default();
    let key = runs.known_fingerprint_key();
    let searches = key.iter().flat_map(|key| [key.former_request_prefix(), key.request_prefix()]).map(Prefix::from);
    ids.iter().filter_map(|run| runs.folder(run).first_record()).filter_map(prefix).chain(searches).collect()
}
