//! Runbooks by their names: those that the program brings along, files, and standard input.

#![expect(clippy::disallowed_methods, reason = "the command line is where named files are read")]

use crate::actions;
use crate::cli::exit::CommandError;
use crate::config::{Config, USUAL_RUNBOOK};
use crate::failure::Failure;
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

/// The runbook that fits a secret: the one that is named for it, else the one for its issuer, else the usual one.
pub(crate) fn fitting_runbook(config: &Config, secret: &SecretUrl, tags: &BTreeMap<String, String>) -> String {
    let facts = config.inventory.facts(&secret.vault.name, &secret.name, tags);
    let of_issuer = || actions::fitting_runbook(config, secret, tags).map(str::to_owned);
    facts.runbook.or_else(of_issuer).unwrap_or_else(|| USUAL_RUNBOOK.to_owned())
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
                let path = folder.join(path);
                let text = std::fs::File::open(&path).and_then(bounded).map_err(|error| error.to_string())?;
                Ok(Fragment { name: path.display().to_string(), text })
            }
        }
    }
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
            (std::fs::File::open(path).and_then(bounded), path, folder)
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

/// The text of a file that the user named.
pub(crate) fn read_file(path: &Path, what: &str) -> Result<String, CommandError> {
    let wrong = |why: String, help: &str| {
        let summary = format!("{what} `{}` cannot be read", path.display());
        CommandError::usage(Failure::refused(summary).because(why).help(help))
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string(), "give the path of a file"))?;
    text(bytes).map_err(|why| wrong(why, SAVE_AS_TEXT))
}
