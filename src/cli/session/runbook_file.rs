//! Runbooks by their names: those that the program brings along, files, and standard input.

use crate::actions;
use crate::cli::exit::CommandError;
use crate::config::{Config, USUAL_RUNBOOK};
use crate::failure::Failure;
use crate::files::{self, LARGEST_TEXT};
use crate::intake::said;
use crate::runbook::RunbookSource;
use crate::runbook::diagnostic::nearest;
use crate::runbook::source::{Fragment, LARGEST_RUNBOOK, Library, text};
use crate::vault::SecretUrl;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What to do with a file that is no text.
const SAVE_AS_TEXT: &str = "save it as UTF-8";

/// The runbooks that the program brings along.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("secret-exposure", include_str!("../../../runbooks/secret-exposure.yaml")),
    ("leaked-value", include_str!("../../../runbooks/leaked-value.yaml")),
    ("whole-vault", include_str!("../../../runbooks/whole-vault.yaml")),
    ("storage-account-key", include_str!("../../../runbooks/storage-account-key.yaml")),
    ("entra-app-secret", include_str!("../../../runbooks/entra-app-secret.yaml")),
    ("database-credential", include_str!("../../../runbooks/database-credential.yaml")),
    ("third-party-api-key", include_str!("../../../runbooks/third-party-api-key.yaml")),
];

/// The runbook that fits a secret.
pub(crate) struct Fitting {
    /// A path, or the name of a built-in.
    pub(crate) runbook: String,
    /// What is said where a tag names one that is not followed.
    pub(crate) not_followed: Option<String>,
}

/// The runbook that fits a secret: the one that a tag names, else the inventory, else the one for its issuer, else the
/// usual one.
pub(crate) fn fitting_runbook(config: &Config, secret: &SecretUrl, tags: &BTreeMap<String, String>) -> Fitting {
    let facts = config.inventory.facts(&secret.vault.name, &secret.name, tags);
    let tagged = facts.tagged_runbook.as_deref().map(|tag| (tag, tagged_runbook(config, tag)));
    if let Some((_, Some(runbook))) = tagged {
        return Fitting { runbook, not_followed: None };
    }
    let of_issuer = || actions::fitting_runbook(config, secret, tags).map(str::to_owned);
    let runbook = facts.runbook.or_else(of_issuer).unwrap_or_else(|| USUAL_RUNBOOK.to_owned());
    let not_followed = tagged.map(|(tag, _)| {
        format!(
            "its tag names the runbook `{}`, which is no built-in and no file in the folder `runbooks:` of stanch.yaml: \
             it is not followed, `{runbook}` is used",
            said(tag)
        )
    });
    Fitting { runbook, not_followed }
}

/// What a tag may name: a built-in, or a file of the configured folder, by its plain name. Whoever may set a secret may tag
/// it, so a tag is never a path.
fn tagged_runbook(config: &Config, tag: &str) -> Option<String> {
    if BUILT_IN.iter().any(|(name, _)| *name == tag) {
        return Some(tag.to_owned());
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if !tag.starts_with(|letter: char| letter.is_ascii_alphanumeric()) || !tag.chars().all(is_plain) {
        return None;
    }
    let folder = config.runbooks.as_ref()?;
    let files = ["", ".yaml", ".yml"].map(|extension| folder.join(format!("{tag}{extension}")));
    let is_file = |path: &&PathBuf| path.symlink_metadata().is_ok_and(|found| found.is_file());
    files.iter().find(is_file).map(|path| path.display().to_string())
}

/// The fragments that built-in runbooks may include, by their path.
const BUILT_IN_FRAGMENTS: &[(&str, &str)] = &[];

/// A runbook's text, and where the fragments that it includes lie.
#[derive(Debug)]
pub(crate) struct RunbookFile {
    name: String,
    text: String,
    shelf: Shelf,
}

/// Where fragments lie.
#[derive(Debug)]
enum Shelf {
    /// Beside the runbook.
    Folder(PathBuf),
    /// In the program. There is no way out of it.
    BuiltIn,
}

impl RunbookFile {
    pub(crate) fn source(&self) -> RunbookSource<'_> {
        RunbookSource { name: &self.name, text: &self.text, library: &self.shelf }
    }
}

impl Library for Shelf {
    fn fragment(&self, path: &str) -> Result<Fragment, String> {
        match self {
            Self::BuiltIn => match BUILT_IN_FRAGMENTS.iter().find(|(name, _)| *name == path) {
                Some((_, text)) => Ok(Fragment { name: format!("built-in {path}"), text: (*text).to_owned() }),
                None => Err("the program brings no such fragment along".to_owned()),
            },
            Self::Folder(folder) => {
                let text = files::open_beneath(folder, path).and_then(bounded).map_err(|error| error.to_string())?;
                Ok(Fragment { name: folder.join(path).display().to_string(), text })
            }
        }
    }
}

/// The text of a runbook that nobody named on the command line: a built-in, or a regular file.
pub(crate) fn look_at_runbook(name: &str) -> Option<RunbookFile> {
    if BUILT_IN.iter().any(|(built_in, _)| *built_in == name) {
        return read_runbook(name).ok();
    }
    let text = files::open_regular(Path::new(name)).and_then(bounded).ok()?;
    let folder = Path::new(name).parent().map(Path::to_path_buf).unwrap_or_default();
    Some(RunbookFile { name: name.to_owned(), text, shelf: Shelf::Folder(folder) })
}

/// The text of a runbook: a file, standard input as `-`, or a built-in where no such file is meant.
pub(crate) fn read_runbook(name: &str) -> Result<RunbookFile, CommandError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(RunbookFile { name: name.to_owned(), text: (*text).to_owned(), shelf: Shelf::BuiltIn });
    }
    let (text, called, folder) = match name {
        "-" => (bounded(std::io::stdin()), "standard input", PathBuf::new()),
        path => {
            let folder = Path::new(path).parent().map(Path::to_path_buf).unwrap_or_default();
            (files::open_named(Path::new(path)).and_then(bounded), path, folder)
        }
    };
    let text = text.map_err(|error| {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        let help = match nearest(name, names.iter().copied()) {
            _ if error.kind() == ErrorKind::InvalidData => SAVE_AS_TEXT.to_owned(),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("give a path, or the name of a built-in: {}", names.join(", ")),
        };
        CommandError::usage(
            Failure::refused(format!("the runbook `{name}` cannot be read")).because(error.to_string()).help(help),
        )
    })?;
    Ok(RunbookFile { name: called.to_owned(), text, shelf: Shelf::Folder(folder) })
}

/// A text, read no further than it takes to see that it is too large.
fn bounded(from: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    from.take(LARGEST_RUNBOOK as u64 + 1).read_to_end(&mut bytes)?;
    // Where it is cut, a letter may be cut as well: it is refused for its size.
    if bytes.len() > LARGEST_RUNBOOK {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    text(bytes).map_err(|why| Error::new(ErrorKind::InvalidData, why))
}

/// Where a file is not what it should be. Nothing of its text is shown: it may be another file than was meant.
pub(crate) fn place_of(error: &serde_saphyr::Error) -> String {
    match error.location() {
        Some(place) => format!("line {}, column {} is not of this form", place.line(), place.column()),
        None => "it is not of this form".to_owned(),
    }
}

/// The text of a file that the user named, and that must be theirs: it speaks in their place.
pub(crate) fn read_own_file(path: &Path, what: &str) -> Result<String, CommandError> {
    read_as(files::read_found(path, LARGEST_TEXT), path, what)
}

/// The text of a file that the user named.
pub(crate) fn read_file(path: &Path, what: &str) -> Result<String, CommandError> {
    read_as(files::read_named(path, LARGEST_TEXT), path, what)
}

fn read_as(bytes: std::io::Result<Vec<u8>>, path: &Path, what: &str) -> Result<String, CommandError> {
    let wrong = |why: String, help: &str| {
        let summary = format!("{what} `{}` cannot be read", path.display());
        CommandError::usage(Failure::refused(summary).because(why).help(help))
    };
    let bytes = bytes.map_err(|error| match files::distrust(&error) {
        Some(distrust) => CommandError::usage(distrust.failure()),
        None => wrong(error.to_string(), "give the path of a file"),
    })?;
    text(bytes).map_err(|why| wrong(why, SAVE_AS_TEXT))
}
