//! Entries of several files → which of them stand in more than one: an export beside the archive that it was taken from, a
//! tree that was copied.
//!
//! The schema of the log has no id of an entry. Its time goes down to a tenth of a millionth of a second, and its request id
//! comes from the client, which may send one for all: two entries of different files are the same one only if they agree in all that
//! is kept of them, to the last digit of their times. What agrees no further than the times are told is said, and counts twice.

use super::event::Event;
use super::uri::Named;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// More entries than this are not told from their copies.
const MOST: usize = 1_000_000;

/// What was counted so far, of all files that are read side by side.
#[derive(Debug)]
pub(super) struct Copies {
    /// A caller chooses a part of what is told apart by it: nobody shall foresee which entries it takes for one.
    hasher: RandomState,
    known: Mutex<Known>,
    most: usize,
}

impl Default for Copies {
    fn default() -> Self {
        Self { hasher: RandomState::new(), known: Mutex::default(), most: MOST }
    }
}

#[derive(Debug, Default)]
struct Known {
    /// By all that is known of an entry.
    certain: HashMap<u64, Counted>,
    /// By its request id and its time as far as all exports tell it: in which file one stood first.
    by_id: HashMap<u64, u64>,
    /// By everything but the id: the same, and whether that one has an id.
    by_rest: HashMap<u64, (u64, bool)>,
}

/// Entries that look the same. A file that holds several of them holds as many.
#[derive(Debug, Default)]
struct Counted {
    most: u64,
    of_files: HashMap<u64, u64>,
}

/// Whether an entry stands in another file as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twin {
    None,
    /// It was counted there.
    Certain,
    /// An entry there is like it.
    Perhaps,
    /// Too many are known already to tell.
    NotTold,
}

impl Copies {
    /// Takes in an entry that counts, of the file with this mark.
    pub(super) fn take(&self, file: u64, event: &Event<'_>) -> Twin {
        let (has_id, nanoseconds) = (!event.correlation.is_empty(), event.at.timestamp_subsec_nanos());
        let named = |named: &Option<Named>| named.as_ref().map(|named| (named.secret.clone(), named.version.clone()));
        let named = (named(&event.asked), named(&event.returned));
        let what = (event.at.timestamp_millis(), &event.operation, &event.caller, &event.ip, &named);
        let all = self.hasher.hash_one((what, &event.correlation, nanoseconds, event.status, &event.appid));
        let (by_id, by_rest) = (self.hasher.hash_one((what, &event.correlation)), self.hasher.hash_one(what));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_rest.len() >= self.most {
            return Twin::NotTold;
        }
        // What was written with thousandths of a second has nothing behind them.
        if has_id && nanoseconds % 1_000_000 != 0 {
            let counted = known.certain.entry(all).or_default();
            let in_file = counted.of_files.entry(file).or_default();
            *in_file += 1;
            if *in_file <= counted.most {
                return Twin::Certain;
            }
            counted.most = *in_file;
        }
        let (first, first_has_id) = *known.by_rest.entry(by_rest).or_insert((file, has_id));
        let is_alike = first != file && !(has_id && first_has_id);
        let has_same_id = has_id && *known.by_id.entry(by_id).or_insert(file) != file;
        if is_alike || has_same_id { Twin::Perhaps } else { Twin::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::read_events;
    use crate::audit::times::Times;

    fn twin(copies: &Copies, file: u64, second: u32) -> Twin {
        let entry = format!(
            r#"{{"time":"2026-11-20T10:00:{second:02}.1234567Z","operationName":"SecretGet","correlationId":"r-{second}","identity":{{"claim":{{"oid":"0f3c5a1e-7b42-4c1d-9e57-1a2b3c4d5e6f"}}}},"properties":{{"id":"https://v.vault.azure.net/secrets/s/1"}}}}"#
        );
        let mut found = None;
        let read =
            read_events(entry.as_bytes(), &[], &Times::default(), &mut |event| found = Some(copies.take(file, &event)));
        assert!(read.unwrap().is_none());
        found.unwrap()
    }

    #[test]
    fn what_comes_when_too_many_are_known_is_not_told_from_its_copies() {
        let copies = Copies { most: 2, ..Copies::default() };
        assert_eq!(
            [(1, 1), (2, 1), (1, 2)].map(|(file, second)| twin(&copies, file, second)),
            [Twin::None, Twin::Certain, Twin::None]
        );
        assert_eq!(twin(&copies, 2, 3), Twin::NotTold, "it may stand in both");
    }
}
