//! Time stamps of a journal's heads, as they lie beside a journal in a file: `timestamps/HEAD.tsr`, each as the authority
//! answered.

#![expect(clippy::disallowed_methods, reason = "time stamps are files beside the journal")]

use crate::files;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No time stamp is larger.
const LARGEST: u64 = 4 << 20;

/// More of them are not looked at.
const MOST: usize = 10_000;

/// The time stamps beside a journal, in the order of their names, each with its path.
pub fn stamps_beside(journal: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let entries = match fs::read_dir(folder(journal)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tsr") && path.is_file());
    paths.sort();
    let read = |path: PathBuf| {
        let mut answer = Vec::new();
        // Believed for its signature, wherever it came from.
        files::open_regular(&path)?.take(LARGEST).read_to_end(&mut answer)?;
        Ok((path.display().to_string(), answer))
    };
    paths.into_iter().take(MOST).map(read).collect()
}

fn folder(journal: &Path) -> PathBuf {
    journal.with_file_name("timestamps")
}
