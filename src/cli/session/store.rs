//! Which store runs are kept in: the one that is named, else the one that stanch.yaml names, else the state directory.

use super::configuration::Configuration;
use super::way;
use crate::azure::{CloudFile, WritableContainer};
use crate::cli::exit::CommandError;
use crate::cli::options::Common;
use crate::failure::Failure;
use crate::files::{self, LARGEST_TEXT};
use crate::journal::{BlobRuns, Runs};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// What `--state` says for the state directory.
pub(crate) const LOCAL: &str = "local";

/// The store that is in use, by what it was opened with: who signed in once need not do it again.
static OPEN: Mutex<Option<(String, Runs)>> = Mutex::new(None);

/// The runs of the container that is named, if one is.
pub(super) fn shared(common: &Common, state: &Path) -> Result<Option<Runs>, CommandError> {
    let named = match common.state.as_deref() {
        Some(LOCAL) => return Ok(None),
        Some(address) => Some(parse(address)?),
        None if !says_where(common) => return Ok(None),
        None => None,
    };
    let cloud = common.cloud.as_deref().map(CloudFile::read).transpose().map_err(CommandError::usage)?;
    let config = Configuration::open(common, cloud.as_ref(), None, None)?.config;
    let Some(url) = named.or_else(|| config.state.clone()) else { return Ok(None) };
    let key = format!("{url} {:?} {}", common.cloud, state.display());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, runs)) = open.as_ref().filter(|(known, _)| *known == key) {
        return Ok(Some(runs.clone()));
    }
    let container =
        WritableContainer::open(&url, &way::open(cloud.as_ref(), &config, "")?).map_err(CommandError::usage)?;
    let name = hex::encode(Sha256::digest(url.as_str())).chars().take(16).collect::<String>();
    let runs = BlobRuns::new(container, state.join("stores").join(name)).map_err(|error| {
        CommandError::program(Failure::refused("the way to the store cannot be opened").because(error.to_string()))
    })?;
    let runs = Runs::kept_in(Arc::new(runs));
    *open = Some((key, runs.clone()));
    Ok(Some(runs))
}

fn parse(address: &str) -> Result<Url, CommandError> {
    Url::parse(address).ok().filter(Url::has_host).ok_or_else(|| {
        let failure = Failure::refused(format!("`{address}` is no place to keep runs in"));
        CommandError::usage(
            failure.help("write `--state https://ACCOUNT.blob.core.windows.net/CONTAINER`, or `--state local`"),
        )
    })
}

/// Whether the configuration that counts may say where runs are kept. One that does not is not read for that: commands that
/// need nothing else of it work without it.
fn says_where(common: &Common) -> bool {
    let of_cloud = || CloudFile::read(common.cloud.as_deref()?).ok()?.config;
    let path = match (&common.config, &common.cloud) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(_)) => of_cloud(),
        (None, None) => Some(PathBuf::from("stanch.yaml")),
    };
    let text = path.and_then(|path| files::text_known(&path, LARGEST_TEXT).ok()).unwrap_or_default();
    text.contains("state")
}
