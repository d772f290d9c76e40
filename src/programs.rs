//! Programs of others that are started: where they lie, and what they are told of us.
//!
//! A program gets its arguments, and of our environment what every program needs to find its way: no credential, no setting
//! of ours or of Azure's. Whoever names it may name more. It is found by its whole path or in the folders of the search path
//! that do not depend on where we are, and nobody but us and root may be able to write it.

#![expect(clippy::disallowed_methods, reason = "this is where the environment of other programs is made")]

use crate::files;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Handed on to every program, with `LC_…`.
const HANDED_ON: [&str; 5] = ["HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR"];
/// What Azure's own tools need: where their login lies, and the way out of a network.
pub const AZURE_TOOLS: [&str; 11] = [
    "AZURE_CONFIG_DIR",
    "AZD_CONFIG_DIR",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Where a program lies that is named by its whole path, or is in the search path.
pub fn find(name: &str) -> io::Result<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return files::check_program(path).map(|()| path.to_owned());
    }
    if path.components().count() != 1 || name.contains('/') {
        let error = format!("`{name}` depends on where stanch is started; write its whole path");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let found = folders().into_iter().map(|folder| folder.join(path)).find(|path| files::is_program(path));
    let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is in no folder of PATH"))?;
    files::check_program(&found).map(|()| found)
}

/// A program with a clean environment; `more` are the names of variables that it gets as well.
pub fn command(program: &Path, more: &[impl AsRef<str>]) -> Command {
    let mut command = Command::new(program);
    let more = more.iter().map(AsRef::as_ref).map(OsString::from);
    let localized =
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"LC_"));
    let names = HANDED_ON.iter().map(OsString::from).chain(localized).chain(more);
    command.env_clear().envs(names.filter_map(|name| Some((name.clone(), std::env::var_os(name)?))));
    if let Ok(path) = std::env::join_paths(folders()) {
        command.env("PATH", path);
    }
    command
}

/// The folders of the search path. An empty one means the folder where we are, as `.` does: neither is looked into.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path as &OsStr).filter(|folder| folder.is_absolute()).collect()
}
