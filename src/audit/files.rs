//! A log that lies in files, wherever they are: listed, pruned by the hours in their names, read side by side.

use super::event::Event;
use super::groups::{Groups, Key, Moment};
use super::question::Question;
use super::reading::Reading;
use super::scan::{Collect, Look, Search, scan};
use super::search::Needle;
use super::seems::seems;
use super::store::{Listing, LogFile, Store};
use super::times::Times;
use super::trail::{Callers, Reach, Sighting, Trail};
use super::unpack::unpack;
use crate::failure::Failure;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

/// A log that lies in files.
#[derive(Debug)]
pub(crate) struct Files<S> {
    store: S,
    times: Times,
    /// What the first question learned for the second.
    only_lines: Mutex<HashSet<u64>>,
}

impl<S: Store> Files<S> {
    pub(crate) fn new(store: S, times: Times) -> Self {
        Self { store, times, only_lines: Mutex::default() }
    }

    fn scan<C: Collect>(
        &self,
        files: &[&LogFile],
        needle: &Needle,
        look: Look,
        new: impl Fn() -> C + Sync + Send,
    ) -> Result<(C, Reading), Failure> {
        let search = Search { needle, look, times: self.times };
        let Some(threads) = self.store.side_by_side() else { return Ok(scan(&self.store, files, search, new)) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool =
            pool.map_err(|error| Failure::refused("the log cannot be read side by side").because(error.to_string()))?;
        Ok(pool.install(|| scan(&self.store, files, search, new)))
    }
}

impl<S: Store> Files<S> {
    /// What else must be said of the files: where none of them holds an entry of the vault, what they seem to be.
    fn notes(&self, question: &Question, listing: &Listing, seen: &Reading) -> Vec<String> {
        let mut notes = Vec::new();
        if seen.exports {
            notes.push("an export holds what its query asked for: what the query left out is not in it".to_owned());
        }
        for (other, count) in &seen.others {
            let entries = if *count == 1 { "1 entry is".to_owned() } else { format!("{count} entries are") };
            notes.push(format!("{entries} not counted: {}", other.0));
        }
        if !seen.speaks_of(question) {
            let seem = listing.files.iter().take(SHOWN_FILES);
            notes.extend(seem.map(|file| format!("`{}` seems to be {}", file.name, self.seems(file, question))));
        }
        let more_than_once = listing.in_several_trees();
        if more_than_once > 0 {
            notes.push(format!(
                "{more_than_once} files lie in more than one tree under the same hour: what stands in both counts twice"
            ));
        }
        notes
    }

    fn seems(&self, file: &LogFile, question: &Question) -> String {
        let source = self.store.open(file).and_then(|source| unpack(source, &file.name));
        source.map_or_else(|error| error.to_string(), |unpacked| seems(unpacked, &question.vault.name))
    }
}

/// So many files are named where all of them are meant.
const SHOWN_FILES: usize = 3;

impl<S: Store> Trail for Files<S> {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn sight(&self, question: &Question) -> Result<Sighting, Failure> {
        let question = question.of_own_vault();
        let listing = self.store.list(&question)?;
        let new = || Accesses { question: &question, sighting: Sighting::default() };
        let files: Vec<&LogFile> = listing.files.iter().collect();
        let (accesses, seen) = self.scan(&files, &Needle::secret(&question.secret), Look::AtAll, new)?;
        let mut sighting = accesses.sighting;
        sighting.seen = seen.finished();
        for file in &listing.passed_over {
            sighting.seen.unread_file(&file.name, || {
                format!("no log by its name, and seems to be {}", self.seems(file, &question))
            });
        }
        if let ([_], Some((name, refusal))) = (files.as_slice(), sighting.seen.refused.first()) {
            return Err(Failure::refused(format!("the export `{name}` cannot be read"))
                .because(refusal.because.clone())
                .help(refusal.help.clone()));
        }
        self.only_lines.lock().unwrap_or_else(PoisonError::into_inner).extend(sighting.seen.only_lines.drain(..));
        sighting.seen.files = files.len() as u64;
        sighting.seen.log_begins = listing.log_begins;
        sighting.seen.vaults = files.iter().filter_map(|file| file.vault.clone()).collect();
        // Files outside of the tree do not say whose they are; their entries do.
        let found_any = !sighting.accesses.is_empty() || !sighting.before.is_empty();
        if found_any {
            sighting.seen.vaults.insert(question.vault.name.clone());
        }
        if files.iter().any(|file| file.vault.is_none()) && (question.exact_horizon || !found_any) {
            let new = || OfVault { question: &question, first: None, last: None };
            let (of_vault, _) = self.scan(&files, &Needle::secret(&question.vault.name), Look::AtCandidates, new)?;
            let OfVault { first, last, .. } = of_vault;
            let times = [sighting.first_and_last(), first.zip(last)];
            sighting.seen.narrow(times.into_iter().flatten());
            if !sighting.seen.last.is_empty() {
                sighting.seen.vaults.insert(question.vault.name.clone());
            }
        }
        sighting.seen.notes.extend(self.notes(&question, &listing, &sighting.seen));
        Ok(sighting)
    }

    fn reach(&self, question: &Question, callers: &Callers) -> Result<Reach, Failure> {
        let question = question.without_baseline();
        let mut listing = self.store.list(&question)?;
        let only_lines = self.only_lines.lock().unwrap_or_else(PoisonError::into_inner);
        listing.files.iter_mut().for_each(|file| file.only_lines = only_lines.contains(&file.mark()));
        drop(only_lines);
        let files: Vec<&LogFile> = listing.files.iter().collect();
        let new = || ReachOf { question: &question, callers, groups: Groups::default() };
        let (reach, seen) = self.scan(&files, &Needle::callers(callers), Look::AtCandidates, new)?;
        let mut vaults: BTreeSet<String> = files.iter().filter_map(|file| file.vault.clone()).collect();
        if seen.bytes > 0 && files.iter().any(|file| file.vault.is_none()) {
            vaults.extend(question.vaults().map(|vault| vault.name.clone()));
        }
        Ok(Reach { groups: reach.groups, vaults, truncations: Vec::new() })
    }

    fn events(&self, question: &Question, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        let question = question.of_own_vault();
        let listing = self.store.list(&question)?;
        for file in &listing.files {
            let new = || Single { question: &question, found: Vec::new() };
            let needle = Needle::secret(&question.secret);
            let search = Search { needle: &needle, look: Look::AtAll, times: self.times };
            let (single, _) = scan(&self.store, &[file], search, new);
            single.found.iter().for_each(&mut *take);
        }
        Ok(())
    }
}

/// The first pass: what names the secret, and what changed the vault.
struct Accesses<'q> {
    question: &'q Question,
    sighting: Sighting,
}

impl Collect for Accesses<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.sighting.take(self.question, event);
    }

    fn may_concern(&self, event: &Event<'_>) -> bool {
        let question = self.question;
        question.is_of_own_vault(event)
            && (event.names_no_secret() || event.names(&question.secret))
            && (question.is_before(event.at) || question.is_in_window(event.at))
    }

    fn merge(&mut self, later: Self) {
        self.sighting.merge(later.sighting);
    }
}

/// The first and the last entry of the vault, whatever they are about.
struct OfVault<'q> {
    question: &'q Question,
    first: Option<Moment>,
    last: Option<Moment>,
}

impl OfVault<'_> {
    fn extend(&mut self, first: Moment, last: Moment) {
        self.first = Some(self.first.take().map_or(first.clone(), |known| known.min(first)));
        self.last = Some(self.last.take().map_or(last.clone(), |known| known.max(last)));
    }
}

impl Collect for OfVault<'_> {
    fn event(&mut self, event: &Event<'_>) {
        // No folder has spoken for what lies outside of the tree.
        if event.names_vault() && self.question.is_of_own_vault(event) {
            let moment = Moment { at: event.at, text: event.time.clone().into_owned() };
            self.extend(moment.clone(), moment);
        }
    }

    /// What cannot be told of them was counted by the first pass.
    fn may_concern(&self, _: &Event<'_>) -> bool {
        false
    }

    fn merge(&mut self, later: Self) {
        if let (Some(first), Some(last)) = (later.first, later.last) {
            self.extend(first, last);
        }
    }
}

/// The second pass: what else the unknown callers did.
struct ReachOf<'q> {
    question: &'q Question,
    callers: &'q Callers,
    groups: Groups,
}

impl Collect for ReachOf<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if self.callers.ids.contains(&event.caller)
            && let Some(key) = reach_key(self.question, event)
        {
            self.groups.add(key, event, None);
        }
    }

    /// What cannot be told of them was counted by the first pass.
    fn may_concern(&self, _: &Event<'_>) -> bool {
        false
    }

    fn merge(&mut self, later: Self) {
        self.groups.merge(later.groups);
    }
}

/// Under which key an event counts as something else that a caller did, if it does.
pub(crate) fn reach_key(question: &Question, event: &Event<'_>) -> Option<Key> {
    let vault = question.vault_of(event)?;
    let is_the_secret = vault == question.vault.name && event.names(&question.secret);
    if is_the_secret || !question.is_in_window(event.at) {
        return None;
    }
    let (whose, _) = question.whose(event);
    if whose.is_own() {
        return None;
    }
    let named = event.returned.as_ref().or(event.asked.as_ref());
    let secret = named.map_or("", |named| named.secret.as_str());
    Some(Key::new(event, vault, secret, "", whose))
}

/// Events one by one, where there are few.
struct Single<'q> {
    question: &'q Question,
    found: Vec<Event<'static>>,
}

impl Collect for Single<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let question = self.question;
        if event.names(&question.secret) && question.is_of_own_vault(event) && question.is_in_window(event.at) {
            self.found.push(event.to_owned_event());
        }
    }

    /// What cannot be told of them was counted by the first pass.
    fn may_concern(&self, _: &Event<'_>) -> bool {
        false
    }

    fn merge(&mut self, later: Self) {
        self.found.extend(later.found);
    }
}
