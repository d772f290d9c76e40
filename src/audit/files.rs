//! A log that lies in files, wherever they are: listed, pruned by the hours in their names, read side by side.

use super::copies::Copies;
use super::event::Event;
use super::groups::{Groups, Key, Moment};
use super::operation::is_vault_change;
use super::other_log::OtherLog;
use super::question::{Question, VaultName};
use super::reading::Reading;
use super::scan::{Collect, Look, Search, scan};
use super::search::Needle;
use super::seems::seems;
use super::store::{Listing, LogFile, Store};
use super::times::Times;
use super::trail::{Callers, Reach, Sighting, Trail};
use super::unpack::unpack;
use crate::failure::Failure;
use std::collections::{BTreeMap, HashSet};
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
        (question, needle, copies): (&Question, &Needle, &Copies),
        look: Look,
        new: impl Fn() -> C + Sync + Send,
    ) -> Result<(C, Reading), Failure> {
        let search = Search { question, needle, look, times: self.times, copies };
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
        if listing.has_other_times {
            notes.push(
                "an entry lies in the folder of the hour in which it reached the archive; folders far from this time were not \
                 opened"
                    .to_owned(),
            );
        }
        match listing.other_vaults.len() {
            0 => {}
            1 => notes.push("the folder of 1 other vault was not opened".to_owned()),
            count => notes.push(format!("the folders of {count} other vaults were not opened")),
        }
        if seen.copies > 0 {
            notes.push(format!("entries that stand in more than one file count once: {}", seen.copies));
        }
        if seen.not_told_apart > 0 {
            notes.push(format!(
                "{} entries came after a million others: those that stand in more than one file count twice",
                seen.not_told_apart
            ));
        }
        if seen.alike > 0 {
            notes.push(format!(
                "{} entries are like one in another file, as far as their times and ids tell: they may count twice",
                seen.alike
            ));
        }
        notes
    }

    /// The first and the last entry that say that they are of a vault.
    fn entries_of(
        &self,
        vault: &VaultName,
        question: &Question,
        files: &[&LogFile],
    ) -> Result<Option<(Moment, Moment)>, Failure> {
        let new = || OfVault { vault, own: Reading::default(), ends: None, foreign: BTreeMap::new() };
        let (found, _) =
            self.scan(files, (question, &Needle::secret(&vault.name), &Copies::default()), Look::AtCandidates, new)?;
        Ok(found.ends)
    }

    /// Takes in what lies in folders of times near to what is asked about: it reached the archive late, or was put there.
    fn look_beside(
        &self,
        (question, copies): (&Question, &Copies),
        files: &[LogFile],
        sighting: &mut Sighting,
    ) -> Result<(), Failure> {
        let files: Vec<&LogFile> = files.iter().collect();
        let new = || Accesses { question, sighting: Sighting::default() };
        let needle = Needle::secret(&question.secret);
        let (mut found, seen) = self.scan(&files, (question, &needle, copies), Look::AtCandidates, new)?;
        found.sighting.seen.take_copies(&seen);
        if let Some(times) = found.sighting.first_and_last() {
            sighting.seen.include(times);
            sighting.seen.vaults.insert(question.vault.name.clone());
            let count = found.sighting.count();
            let entries = if count == 1 { "1 entry lies".to_owned() } else { format!("{count} entries lie") };
            sighting.seen.notes.push(format!("{entries} in folders of other hours than they happened in"));
        }
        sighting.merge(found.sighting);
        Ok(())
    }

    /// Counts again what is of the vault, where its folder holds entries of another.
    fn recount(&self, question: &Question, files: &[&LogFile], seen: &mut Reading) -> Result<(), Failure> {
        let is_mixed = |file: &&LogFile| seen.foreign.contains(&file.mark());
        let (mixed, plain): (Vec<&LogFile>, Vec<&LogFile>) = files.iter().copied().partition(is_mixed);
        let vault = &question.vault;
        let new = || OfVault { vault, own: Reading::default(), ends: None, foreign: BTreeMap::new() };
        let (found, _) =
            self.scan(&mixed, (question, &Needle::Everything, &Copies::default()), Look::AtCandidates, new)?;
        let needle = Needle::secret(&question.secret);
        let (_, mut counted) = self.scan(&plain, (question, &needle, &Copies::default()), Look::AtAll, new)?;
        counted.merge(found.own);
        if counted.events > 0 {
            seen.vaults.insert(vault.name.clone());
        }
        seen.recount(counted);
        for (other, count) in found.foreign {
            let other = OtherLog(format!("of the vault `{other}`, although in the folder of this one"));
            seen.other_log(other, count);
        }
        Ok(())
    }

    fn seems(&self, file: &LogFile, question: &Question) -> String {
        let source = self.store.open(file).and_then(|source| unpack(source, &file.name));
        source.map_or_else(|error| error.to_string(), |unpacked| seems(unpacked, &question.vault.name))
    }
}

/// So many other vaults are told apart in a folder.
const MOST_VAULTS: usize = 16;
/// So many files are named where all of them are meant.
const SHOWN_FILES: usize = 3;

impl<S: Store> Trail for Files<S> {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn sight(&self, question: &Question) -> Result<Sighting, Failure> {
        let asked = question;
        let question = question.of_own_vault();
        let mut listing = self.store.list(&question)?;
        listing.other_vaults.retain(|name| asked.vaults().all(|vault| vault.name != *name));
        let beside = listing.take_beside(&question);
        let new = || Accesses { question: &question, sighting: Sighting::default() };
        let files: Vec<&LogFile> = listing.files.iter().collect();
        let needle = Needle::secret(&question.secret);
        let copies = Copies::default();
        let (accesses, seen) = self.scan(&files, (&question, &needle, &copies), Look::AtAll, new)?;
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
        if !sighting.seen.foreign.is_empty() {
            self.recount(&question, &files, &mut sighting.seen)?;
        }
        self.look_beside((&question, &copies), &beside, &mut sighting)?;
        // Files outside of the tree do not say whose they are; their entries do.
        let found_any = !sighting.accesses.is_empty() || !sighting.before.is_empty();
        if found_any {
            sighting.seen.vaults.insert(question.vault.name.clone());
        }
        if files.iter().any(|file| file.vault.is_none()) && (question.exact_horizon || !found_any) {
            let of_vault = self.entries_of(&question.vault, &question, &files)?;
            let times = [sighting.first_and_last(), of_vault];
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
        let beside = listing.take_beside(&question);
        listing.files.extend(beside);
        let only_lines = self.only_lines.lock().unwrap_or_else(PoisonError::into_inner);
        listing.files.iter_mut().for_each(|file| file.only_lines = only_lines.contains(&file.mark()));
        drop(only_lines);
        let own = |file: &&LogFile| file.vault.as_ref().is_none_or(|vault| *vault == question.vault.name);
        let (files, elsewhere): (Vec<&LogFile>, Vec<&LogFile>) = listing.files.iter().partition(own);
        let needle = Needle::callers(callers);
        let new = || ReachOf { question: &question, callers, groups: Groups::default() };
        let copies = Copies::default();
        // In other shapes than the archive's, callers stand under any name.
        let (plain, others): (Vec<&LogFile>, Vec<&LogFile>) = files.iter().copied().partition(|file| file.only_lines);
        let (mut found, _) = self.scan(&plain, (&question, &needle, &copies), Look::AtCandidates, new)?;
        let (more, _) = self.scan(&others, (&question, &Needle::Everything, &copies), Look::AtCandidates, new)?;
        found.merge(more);
        let mut reach = Reach::default();
        for vault in &question.other_vaults {
            let of_vault = |file: &&&LogFile| file.vault.as_ref() == Some(&vault.name);
            let in_folder: Vec<&LogFile> = elsewhere.iter().filter(of_vault).copied().collect();
            let (more, seen) = self.scan(&in_folder, (&question, &needle, &copies), Look::AtAll, new)?;
            found.merge(more);
            reach.truncations.extend(unread_of(vault, &seen));
            if !seen.foreign.is_empty() {
                reach.notes.push(format!("the folder of the vault `{}` holds entries of another vault", vault.name));
            }
            let outside = files.iter().filter(|file| file.vault.is_none());
            if seen.vaults.contains(&vault.name) || found.groups.iter().any(|(key, _)| key.vault == vault.name) {
                reach.vaults.insert(vault.name.clone());
                continue;
            }
            for file in outside {
                if self.entries_of(vault, &question, &[file])?.is_some() {
                    reach.vaults.insert(vault.name.clone());
                    break;
                }
            }
        }
        reach.groups = found.groups;
        Ok(reach)
    }

    fn events(&self, question: &Question, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        let question = question.of_own_vault();
        let listing = self.store.list(&question)?;
        let copies = Copies::default();
        for file in &listing.files {
            let new = || Single { question: &question, found: Vec::new() };
            let needle = Needle::secret(&question.secret);
            let search =
                Search { question: &question, needle: &needle, look: Look::AtAll, times: self.times, copies: &copies };
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

    fn counts(&self, event: &Event<'_>) -> bool {
        event.names(&self.question.secret) || is_vault_change(&event.operation)
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

/// The entries of a vault, whatever they are about.
struct OfVault<'q> {
    vault: &'q VaultName,
    own: Reading,
    ends: Option<(Moment, Moment)>,
    /// How many entries are of other vaults.
    foreign: BTreeMap<String, u64>,
}

impl OfVault<'_> {
    fn extend(&mut self, (first, last): (Moment, Moment)) {
        self.ends = Some(match self.ends.take() {
            Some((earlier, later)) => (earlier.min(first), later.max(last)),
            None => (first, last),
        });
    }
}

impl Collect for OfVault<'_> {
    fn event(&mut self, event: &Event<'_>) {
        // No folder has spoken for what lies outside of the tree.
        if !event.names_vault() {
            return;
        }
        if event.is_of_vault(&self.vault.name, &self.vault.host) {
            self.own.entries(&event.time, &event.time, event.count);
            let moment = Moment { at: event.at, text: event.time.clone().into_owned() };
            self.extend((moment.clone(), moment));
        } else if self.foreign.len() < MOST_VAULTS || self.foreign.contains_key(event.vault_said()) {
            *self.foreign.entry(event.vault_said().to_owned()).or_default() += event.count;
        }
    }

    fn counts(&self, _: &Event<'_>) -> bool {
        false
    }

    /// What cannot be told of them was counted by the first pass.
    fn may_concern(&self, _: &Event<'_>) -> bool {
        false
    }

    fn merge(&mut self, later: Self) {
        self.own.merge(later.own);
        for (vault, count) in later.foreign {
            *self.foreign.entry(vault).or_default() += count;
        }
        if let Some(ends) = later.ends {
            self.extend(ends);
        }
    }
}

/// What is missing of what was looked for in another vault.
fn unread_of(vault: &VaultName, seen: &Reading) -> Option<String> {
    let why = seen.shown.first().map(|shown| format!(": {}", shown.why)).unwrap_or_default();
    let unread = seen.unreadable + seen.unread_files - seen.growing.min(seen.unreadable);
    (unread > 0).then(|| {
        let records = if unread == 1 { "1 record".to_owned() } else { format!("{unread} records") };
        format!("{records} of the log of the vault `{}` could not be read{why}", vault.name)
    })
}

/// The second pass: what else the unrecognised callers did.
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

    fn counts(&self, event: &Event<'_>) -> bool {
        self.callers.ids.contains(&event.caller)
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

    fn counts(&self, event: &Event<'_>) -> bool {
        event.names(&self.question.secret)
    }

    /// What cannot be told of them was counted by the first pass.
    fn may_concern(&self, _: &Event<'_>) -> bool {
        false
    }

    fn merge(&mut self, later: Self) {
        self.found.extend(later.found);
    }
}
