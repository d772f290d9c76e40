//! The runbook language: what is refused and how it is said, what the schema says of it, what strangers may feed it.

mod actions;
mod agreement;
mod cases;
mod commands;
mod fragments;
mod functions;
pub(crate) mod hostile;
mod inputs;
mod secrets;

use crate::stage::{STANCH, Said};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of the repository.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The program in a folder, without a cloud.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(STANCH);
    command.args(arguments).current_dir(folder).env_remove("STANCH_CLOUD").stdin(Stdio::null());
    command
}

fn stanch(folder: &Path, arguments: &[&str]) -> Said {
    command(folder, arguments).output().unwrap().into()
}

/// The runbooks in a folder, by name.
fn runbooks(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Compares a file of the repository with what the program makes of it; with `STANCH_WRITE=1` it is written instead.
fn assert_same(path: &Path, made: &str) {
    if std::env::var_os("STANCH_WRITE").is_some() {
        std::fs::write(path, made).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == made,
        "{} is not what the program says; run with STANCH_WRITE=1, then look:\n{made}",
        path.display()
    );
}
