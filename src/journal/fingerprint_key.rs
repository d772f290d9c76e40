//! The key of this state directory's fingerprints. It never leaves the directory.

#![expect(clippy::disallowed_methods, reason = "the key is a file of the state directory")]

use super::folder::{Runs, create_folder};
use crate::secret::FingerprintKey;
use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

impl Runs {
    /// The key, if it was ever asked for here.
    pub fn known_fingerprint_key(&self) -> Option<FingerprintKey> {
        let key = fs::read(self.state().join("fingerprint.key")).ok()?;
        <[u8; 32]>::try_from(key).ok().map(FingerprintKey::new)
    }

    /// The key under which values get fingerprints here; made when it is asked for first.
    pub fn fingerprint_key(&self) -> io::Result<FingerprintKey> {
        let path = self.state().join("fingerprint.key");
        let read = || -> io::Result<FingerprintKey> {
            let key = <[u8; 32]>::try_from(fs::read(&path)?);
            key.map(FingerprintKey::new).map_err(|_| io::Error::other(format!("`{}` is damaged", path.display())))
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        create_folder(self.state())?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        let mut file = tempfile::NamedTempFile::new_in(self.state())?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&key)?;
        file.as_file().sync_all()?;
        // Another process may have made one in between: its key is the one.
        match file.persist_noclobber(&path) {
            Ok(_) => Ok(FingerprintKey::new(key)),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read(),
            Err(error) => Err(error.error),
        }
    }
}
