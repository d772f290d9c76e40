//! The key of this state directory's fingerprints. It never leaves the directory.

use super::folder::Runs;
use crate::files;
use crate::secret::FingerprintKey;
use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

/// In bytes.
const LENGTH: usize = 32;

impl Runs {
    /// The key, if it was ever asked for here.
    pub fn known_fingerprint_key(&self) -> Option<FingerprintKey> {
        let key = files::read_own(&self.state().join("fingerprint.key"), LENGTH).ok()?;
        <[u8; LENGTH]>::try_from(key).ok().map(FingerprintKey::new)
    }

    /// The key under which values get fingerprints here; made when it is asked for first.
    pub fn fingerprint_key(&self) -> io::Result<FingerprintKey> {
        let path = self.state().join("fingerprint.key");
        let read = || -> io::Result<FingerprintKey> {
            let key = <[u8; LENGTH]>::try_from(files::read_own(&path, LENGTH)?);
            key.map(FingerprintKey::new).map_err(|_| io::Error::other(format!("`{}` is damaged", path.display())))
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        files::make_folder(self.state())?;
        let mut key = [0; LENGTH];
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
