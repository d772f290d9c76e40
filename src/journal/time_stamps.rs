//! Time stamps of a journal's heads, kept beside it: `timestamps/HEAD.tsr`, each as the authority answered.

#![expect(clippy::disallowed_methods, reason = "time stamps are files beside the journal")]

use super::folder::RunFolder;
use crate::files;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// No time stamp is larger.
const LARGEST: u64 = 4 << 20;

/// More of them are not looked at.
const MOST: usize = 10_000;

impl RunFolder {
    /// Whether this head was stamped before, by an earlier life of the run that ended there.
    pub fn is_stamped(&self, head: &str) -> bool {
        stamp_of(&self.journal(), head).exists()
    }

    /// Keeps the stamp of a head.
    pub fn keep_stamp(&self, head: &str, answer: &[u8]) -> io::Result<PathBuf> {
        let path = stamp_of(&self.journal(), head);
        let folder = path.parent().unwrap_or(self.path());
        files::make_folder(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(answer)?;
        file.as_file().sync_all()?;
        file.persist(&path).map(|_| path).map_err(|error| error.error)
    }
}

/// The time stamps beside a journal, in the order of their names, each with its path.
pub fn stamps_beside(journal: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
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
        Ok((path, answer))
    };
    paths.into_iter().take(MOST).map(read).collect()
}

fn folder(journal: &Path) -> PathBuf {
    journal.with_file_name("timestamps")
}

fn stamp_of(journal: &Path, head: &str) -> PathBuf {
    folder(journal).join(format!("{head}.tsr"))
}
