//! The key of this store's fingerprints. It never leaves it.

use super::folder::Runs;
use crate::secret::FingerprintKey;
use std::io;

/// In bytes.
const LENGTH: usize = 32;

const NAME: &str = "fingerprint.key";

impl Runs {
    /// The key, if it was ever asked for here.
    pub fn known_fingerprint_key(&self) -> Option<FingerprintKey> {
        let key = self.store().read(NAME, LENGTH).ok()?;
        <[u8; LENGTH]>::try_from(key).ok().map(FingerprintKey::new)
    }

    /// The key under which values get fingerprints here; made when it is asked for first.
    pub fn fingerprint_key(&self) -> io::Result<FingerprintKey> {
        let read = || -> io::Result<FingerprintKey> {
            let key = <[u8; LENGTH]>::try_from(self.store().read(NAME, LENGTH)?);
            let damaged = || io::Error::other(format!("`{}` is damaged", self.store().place(NAME)));
            key.map(FingerprintKey::new).map_err(|_| damaged())
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        let mut key = [0; LENGTH];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        match self.store().create(NAME, &key) {
            Ok(()) => Ok(FingerprintKey::new(key)),
            // Another process made one in between: its key is the one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(),
            Err(error) => Err(error),
        }
    }
}
