//! What every source of the audit trail can do, whatever it is made of.

use super::event::Event;
use super::groups::{Groups, Key, Moment};
use super::operation::is_vault_change;
use super::question::Question;
use super::reading::Reading;
use crate::failure::Failure;
use std::collections::BTreeSet;

/// A source of the audit trail. All of it blocks.
pub(crate) trait Trail {
    /// The source, for people.
    fn describe(&self) -> String;

    /// What was done to the secret, and what was done to its vault.
    ///
    /// # Errors
    /// If the source cannot be asked. What it could not answer in full is in [`Sighting::seen`].
    fn sight(&self, question: &Question) -> Result<Sighting, Failure>;

    /// What these callers did to all else, in all vaults of the question.
    ///
    /// # Errors
    /// If the source cannot be asked.
    fn reach(&self, question: &Question, callers: &Callers) -> Result<Reach, Failure>;

    /// Gives every event of the window that names the secret, one by one: for short windows.
    ///
    /// # Errors
    /// If the source cannot be asked.
    fn events(&self, question: &Question, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure>;
}

/// Callers that are looked for elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// What tells them from others, in lower case.
    pub(crate) ids: BTreeSet<String>,
    /// Whether some of these are no object ids, or stood where none are looked for.
    pub(crate) some_without_object_id: bool,
}

impl Callers {
    pub(crate) fn take(&mut self, id: &str, is_found_by_its_id: bool) {
        self.ids.insert(id.to_owned());
        self.some_without_object_id |= !is_found_by_its_id;
    }
}

/// What was done to the secret and its vault.
#[derive(Debug, Default)]
pub(crate) struct Sighting {
    /// To the secret, in the window.
    pub(crate) accesses: Groups,
    /// To the secret, in the baseline before the window.
    pub(crate) before: Groups,
    /// To the vault itself, in the window: its settings, its access policies, its existence.
    pub(crate) vault_changes: Groups,
    /// Who changed the vault itself in the baseline.
    pub(crate) vault_changes_before: Groups,
    /// What the first access whose status is not known has in its place, if anything, and how many there are.
    pub(crate) odd_status: Option<(String, u64)>,
    pub(crate) seen: Reading,
}

impl Sighting {
    /// Sorts an event in.
    pub(crate) fn take(&mut self, question: &Question, event: &Event<'_>) {
        if !question.is_of_own_vault(event) {
            return;
        }
        let before = question.is_before(event.at);
        if !before && !question.is_in_window(event.at) {
            return;
        }
        let vault = &question.vault.name;
        let (whose, run) = question.whose(event);
        if event.names(&question.secret) {
            if event.status == 0 {
                let odd = event.odd_status.clone().unwrap_or_default();
                self.unknown_status((odd, event.count));
            }
            let key = Key::new(event, vault, &question.secret, event.version_of(&question.secret), whose);
            if before { self.before.add(key, event, run) } else { self.accesses.add(key, event, run) }
        } else if is_vault_change(&event.operation) {
            let key = Key::new(event, vault, "", "", whose);
            if before {
                self.vault_changes_before.add(key, event, run)
            } else {
                self.vault_changes.add(key, event, run)
            }
        }
    }

    /// The first and the last of what was done to the secret or its vault.
    pub(crate) fn first_and_last(&self) -> Option<(Moment, Moment)> {
        let all = [&self.accesses, &self.before, &self.vault_changes, &self.vault_changes_before];
        let groups = || all.into_iter().flat_map(Groups::iter).map(|(_, group)| group);
        let first = groups().map(|group| &group.first).min()?.clone();
        Some((first, groups().map(|group| &group.last).max()?.clone()))
    }

    /// How many entries it holds.
    pub(crate) fn count(&self) -> u64 {
        let all = [&self.accesses, &self.before, &self.vault_changes, &self.vault_changes_before];
        all.into_iter().flat_map(Groups::iter).map(|(_, group)| group.count).sum()
    }

    /// What was not told apart any more.
    pub(crate) fn left_out(&self) -> Option<String> {
        let all = [&self.accesses, &self.before, &self.vault_changes];
        left_out(all.iter().map(|groups| groups.left_out).sum())
    }

    /// What must be said of statuses that are not known.
    pub(crate) fn odd_statuses(&self) -> Option<String> {
        let (first, count) = self.odd_status.as_ref()?;
        let why = match first.as_str() {
            "" => "the log has no HTTP status of them".to_owned(),
            first => format!("in place of an HTTP status the log has `{first}`"),
        };
        Some(format!("whether {count} of the accesses succeeded is not known: {why}"))
    }

    fn unknown_status(&mut self, (odd, count): (String, u64)) {
        let (first, all) = self.odd_status.get_or_insert_default();
        *all += count;
        if first.is_empty() {
            *first = odd;
        }
    }

    pub(crate) fn merge(&mut self, later: Self) {
        if let Some(later) = later.odd_status {
            self.unknown_status(later);
        }
        self.accesses.merge(later.accesses);
        self.before.merge(later.before);
        self.vault_changes.merge(later.vault_changes);
        self.vault_changes_before.merge(later.vault_changes_before);
        self.seen.merge(later.seen);
    }
}

pub(crate) fn left_out(entries: u64) -> Option<String> {
    (entries > 0).then(|| {
        format!("{entries} entries belong to so many different groups that these were not told apart any more")
    })
}

/// What callers did to all else.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    pub(crate) groups: Groups,
    /// Vaults that the source holds anything of, in lower case.
    pub(crate) vaults: BTreeSet<String>,
    /// What is missing of it.
    pub(crate) truncations: Vec<String>,
    pub(crate) notes: Vec<String>,
}
