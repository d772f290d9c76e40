//! Which configuration counts: the one that is named, else the one a run is pinned to, else, where nothing was begun yet,
//! the `stanch.yaml` that lies here, if it is ours.

use crate::azure::CloudFile;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::options::Common;
use crate::cli::page::Page;
use crate::config::Config;
use crate::engine::event::RunOpened;
use crate::failure::Failure;
use crate::files::{self, LARGEST_TEXT};
use crate::programs;
use crate::runbook::source;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// What lies where we look.
const FOUND: &str = "stanch.yaml";

/// The configuration in use, with where it came from.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    pub(crate) config: Config,
    /// Nothing where there is none.
    pub(crate) path: Option<PathBuf>,
    /// Nobody named it: it lay in the working directory.
    pub(crate) is_found: bool,
}

impl Configuration {
    /// Finds and reads it. `pinned` is what an earlier life of the run began with: no run gets a configuration that it
    /// did not begin with, unless somebody names it. `copy` are the bytes that it is pinned to, where it was begun on a
    /// machine whose files are not here.
    pub(crate) fn open(
        common: &Common,
        cloud: Option<&CloudFile>,
        pinned: Option<&RunOpened>,
        copy: Option<String>,
    ) -> Result<Self, CommandError> {
        // A cloud has a configuration of its own for whatever begins without another one.
        let of_cloud = cloud.filter(|_| pinned.is_none_or(|opened| !keeps_its_own(opened)));
        let named = common.config.clone().or_else(|| of_cloud.and_then(|cloud| cloud.config.clone()));
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (path, text, is_found): (PathBuf, _, _) = match (named, pinned) {
            (Some(path), _) => {
                let path = absolute(path);
                (path.clone(), files::read_named(&path, LARGEST_TEXT), false)
            }
            (None, Some(opened)) => match &opened.config {
                Some(path) if copy.is_some() => (PathBuf::from(path), Ok(copy.unwrap_or_default().into_bytes()), false),
                Some(path) => {
                    let path = PathBuf::from(path);
                    (path.clone(), still(&path, opened.config_sha256.as_deref()), false)
                }
                None => return Ok(Self::default()),
            },
            // Whatever it is, it is not passed over in silence.
            (None, None) if cloud.is_none() && Path::new(FOUND).symlink_metadata().is_ok() => {
                let path = absolute(PathBuf::from(FOUND));
                (path.clone(), files::read_found(&path, LARGEST_TEXT), true)
            }
            (None, None) => return Ok(Self::default()),
        };
        let text =
            text.and_then(|bytes| source::text(bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why)));
        let text = text.map_err(|error| unreadable(&path, &error))?;
        let config = Config::of(&path, text, cloud.is_some())
            .map_err(|error| CommandError::page(Exit::Usage, Page::document(&error.to_string())))?;
        Ok(Self { config, path: Some(path), is_found })
    }

    /// Where it lies; `none` without one.
    pub(crate) fn place(&self) -> String {
        self.path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string())
    }

    /// The SHA-256 of its bytes; `none` without one.
    pub(crate) fn sha256(&self) -> &str {
        self.config.sha256().unwrap_or("none")
    }

    /// For scripts.
    pub(crate) fn object(&self) -> Value {
        json!({
            "path": self.place(), "sha256": self.sha256(), "found": self.is_found, "programs": self.programs(),
        })
    }

    /// For people: what nobody named is said so.
    pub(crate) fn lines(&self) -> Page {
        let sha256 = if self.path.is_some() { format!("  sha256:{}", self.sha256()) } else { String::new() };
        let found = if self.is_found { "  (it lay here; nobody named it)" } else { "" };
        let mut page = Page::of(format!("configuration {}{sha256}{found}", self.place()));
        self.programs().iter().for_each(|program| page.line(format!("  it lets this run start {program}")));
        page
    }

    /// The programs that it lets the run start, each by the path that would be started.
    pub(crate) fn programs(&self) -> Vec<String> {
        let shown = |name: &str| match programs::find(name) {
            Ok(path) => path.display().to_string(),
            Err(error) => format!("{name} ({error})"),
        };
        self.config.inventory.programs().into_iter().map(shown).collect()
    }

    /// Refuses to start programs that a configuration names which nobody named. `is_asked` says that somebody is shown
    /// them and says yes.
    pub(crate) fn consent(&self, is_asked: bool) -> Result<(), CommandError> {
        let programs = if self.is_found && !is_asked { self.programs() } else { Vec::new() };
        if programs.is_empty() {
            return Ok(());
        }
        let summary = format!("`{}` lies here by chance, and names programs to start", self.place());
        let mut failure = Failure::refused(summary).help(format!(
            "if you trust it, name it: `--config {FOUND}`; or start at a terminal without `--yes` and be asked"
        ));
        failure = failure.and("nothing was changed");
        failure.reasons = programs;
        Err(CommandError::usage(failure))
    }
}

/// Whether a run has a configuration, or none, to go on with. One that lay with a cloud that is gone went with it.
fn keeps_its_own(opened: &RunOpened) -> bool {
    opened.config.as_ref().map_or(opened.config_sha256.is_some(), |path| Path::new(path).exists())
}

/// The bytes that a run was pinned to, wherever links lead; others must be ours as those that nobody names.
fn still(path: &Path, pinned: Option<&str>) -> io::Result<Vec<u8>> {
    let known = files::read_known(path, LARGEST_TEXT)?;
    match pinned == Some(hex::encode(Sha256::digest(&known)).as_str()) {
        true => Ok(known),
        false => files::read_found(path, LARGEST_TEXT),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    let Some(distrust) = files::distrust(error) else {
        let summary = format!("the configuration `{}` cannot be read", path.display());
        let help = match error.kind() {
            io::ErrorKind::InvalidData => "save it as UTF-8",
            _ => "name it with `--config`",
        };
        return CommandError::usage(Failure::refused(summary).because(error.to_string()).help(help));
    };
    let mut failure = distrust.failure();
    let help = failure.help.take().unwrap_or_default();
    CommandError::usage(
        failure
            .help(format!("{help}; or name the configuration with `--config FILE`, or start stanch in another folder"))
            .and("nothing was changed"),
    )
}
