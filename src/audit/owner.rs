//! Whether what lies in a vault's folder is of that vault: somebody may have put another's log there.
//!
//! Nearly all entries are passed over without being parsed. Of these, few are looked at: both ends of each block, and
//! some records of a document. Where one is of another vault, the file is read again and everything in it counted.

use super::event::{Event, read_events};
use super::question::{Question, VaultName};
use super::reading::Reading;
use super::store::LogFile;
use super::times::Times;
use memchr::{memchr, memmem, memrchr};

/// One record of so many is looked at.
const ONE_OF: u64 = 64;

/// What was seen of the owners of a file's entries.
pub(super) struct Owner<'q> {
    /// The vault in whose folder the file lies; none outside of the tree.
    folder: Option<(&'q VaultName, memmem::Finder<'static>)>,
    any_own: bool,
    any_foreign: bool,
}

impl<'q> Owner<'q> {
    pub(super) fn of(file: &LogFile, question: &'q Question) -> Self {
        let vault = file.vault.as_ref().and_then(|name| question.vaults().find(|vault| vault.name == *name));
        let finder = |vault: &VaultName| memmem::Finder::new(&format!("//{}/", vault.host)).into_owned();
        Self { folder: vault.map(|vault| (vault, finder(vault))), any_own: false, any_foreign: false }
    }

    /// Takes an entry that was parsed.
    pub(super) fn take(&mut self, event: &mut Event<'_>) {
        let Some((vault, _)) = &self.folder else { return };
        event.lies_in_folder_of(&vault.name);
        if event.other_log.is_none() {
            let is_own = event.is_of_vault(&vault.name, &vault.host);
            self.any_own |= is_own;
            self.any_foreign |= !is_own;
        }
    }

    /// Looks at the first and the last line of a block.
    pub(super) fn look_at_ends(&mut self, block: &[u8], times: &Times) {
        if self.folder.is_none() || self.any_foreign {
            return;
        }
        let block = block.strip_suffix(b"\n").unwrap_or(block);
        let first = memchr(b'\n', block).and_then(|end| block.get(..end)).unwrap_or(block);
        let last = memrchr(b'\n', block).and_then(|end| block.get(end + 1..)).unwrap_or_default();
        self.look_at(first, times);
        self.look_at(last, times);
    }

    /// Looks at a record, if it is one of the few.
    pub(super) fn look_at_some(&mut self, position: u64, record: &[u8], times: &Times) {
        if position % ONE_OF == 1 && !self.any_foreign {
            self.look_at(record, times);
        }
    }

    fn look_at(&mut self, record: &[u8], times: &Times) {
        let Some((_, host)) = &self.folder else { return };
        let record = record.trim_ascii();
        if host.find(record).is_some() && record.starts_with(b"{") && record.ends_with(b"}") {
            self.any_own = true;
            return;
        }
        // What cannot be read is counted where all records are.
        let _ = read_events(record, &[], times, &mut |mut event| self.take(&mut event));
    }

    /// Notes what was found.
    pub(super) fn tell(&self, file: &LogFile, seen: &mut Reading) {
        let Some((vault, _)) = &self.folder else { return };
        if self.any_own && !seen.vaults.contains(&vault.name) {
            seen.vaults.insert(vault.name.clone());
        }
        if self.any_foreign {
            seen.foreign.insert(file.mark());
        }
    }
}
