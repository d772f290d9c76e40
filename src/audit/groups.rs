//! Events → groups: who, from where, did what to which version, how often, from when to when.

use super::event::Event;
use super::pace::Pace;
use super::question::Whose;
use crate::clock::Timestamp;
use crate::redaction::without_credentials;
use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The longest text that is kept from an entry: what callers choose must not fill the memory.
const LONGEST_TEXT_BYTES: usize = 512;
const MOST_AGENTS: usize = 16;
const MOST_RUNS: usize = 16;
const MOST_NAMES: usize = 8;
/// More groups than this are not told apart any more: only a caller that changes its address or its path all the time
/// makes so many.
const MOST_GROUPS: usize = 50_000;

/// What makes events one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// What tells the caller from others: its object id, where the log has one.
    pub(crate) caller: String,
    pub(crate) ip: String,
    /// The vault's name in lower case.
    pub(crate) vault: String,
    /// The secret's name in lower case; empty where the entry names none.
    pub(crate) secret: String,
    pub(crate) operation: String,
    pub(crate) version: String,
    /// The HTTP status divided by 100.
    pub(crate) class: u16,
    pub(crate) whose: Whose,
}

impl Key {
    pub(crate) fn new(event: &Event<'_>, vault: &str, secret: &str, version: &str, whose: Whose) -> Self {
        Self {
            caller: clip(&event.caller).into_owned(),
            ip: clip(&event.ip).into_owned(),
            vault: vault.to_owned(),
            secret: clip(secret).into_owned(),
            operation: clip(&event.operation).into_owned(),
            version: clip(version).into_owned(),
            class: event.status / 100,
            whose,
        }
    }

    /// Whether these were our own requests, of this run or another.
    pub(crate) fn is_own(&self) -> bool {
        self.whose.is_own()
    }

    /// Whether these succeeded, or their status is not known.
    pub(crate) fn may_have_succeeded(&self) -> bool {
        self.succeeded() || self.class == 0
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.class == 2
    }
}

/// What is known of a group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) count: u64,
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    /// Ids and names as its first event has them, or the next that has them.
    pub(crate) oid: String,
    pub(crate) appid: String,
    pub(crate) upn: String,
    pub(crate) resource: String,
    /// All sign-in names, the first few.
    pub(crate) upns: BTreeSet<String>,
    /// Whether an event asked for exactly this version.
    pub(crate) by_number: bool,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// User agents, the first few.
    pub(crate) agents: BTreeMap<String, u64>,
    pub(crate) pace: Pace,
    /// Which of our runs these were, as far as it is known; the first few.
    pub(crate) runs: BTreeSet<String>,
}

/// A time, to compare and as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) text: String,
}

impl Moment {
    fn is_after(&self, at: Timestamp, text: &str) -> bool {
        (self.at, &*self.text) > (at, text)
    }
}

impl Group {
    /// One without any event, whose first is going to be this one.
    fn before(event: &Event<'_>) -> Self {
        let first = Moment { at: event.at, text: clip(&event.time).into_owned() };
        Self {
            count: 0,
            last: first.clone(),
            first,
            oid: clip(&event.oid).into_owned(),
            appid: String::new(),
            upn: String::new(),
            resource: String::new(),
            upns: BTreeSet::new(),
            by_number: false,
            statuses: BTreeMap::new(),
            agents: BTreeMap::new(),
            pace: Pace::default(),
            runs: BTreeSet::new(),
        }
    }

    /// Takes in an event of the same key.
    fn take(&mut self, event: &Event<'_>, run: Option<&str>) {
        self.count += event.count;
        let is_first = self.first.is_after(event.at, &event.time);
        let names =
            [(&mut self.appid, &event.appid), (&mut self.upn, &event.upn), (&mut self.resource, &event.resource)];
        for (name, given) in names {
            if !given.is_empty() && (is_first || name.is_empty()) {
                *name = clip(given).into_owned();
            }
        }
        if !event.upn.is_empty() && self.upns.len() < MOST_NAMES && !self.upns.contains(&*event.upn) {
            self.upns.insert(clip(&event.upn).into_owned());
        }
        self.by_number |= event.asked_by_number();
        if is_first {
            self.first = Moment { at: event.at, text: clip(&event.time).into_owned() };
        }
        let (last, at) = event.last.as_ref().map_or((&*event.time, event.at), |(text, at)| (text, *at));
        if !self.last.is_after(at, last) {
            self.last = Moment { at, text: clip(last).into_owned() };
        }
        *self.statuses.entry(event.status).or_insert(0) += event.count;
        let agent = clip(&event.user_agent);
        let is_full = self.agents.len() >= MOST_AGENTS;
        match self.agents.get_mut(&*agent) {
            Some(present) => *present += event.count,
            None if is_full => {}
            None => drop(self.agents.insert(agent.into_owned(), event.count)),
        }
        self.pace.take(minute_of(event.at), event.count);
        self.add_runs(run.map(|run| clip(run).into_owned()));
    }

    fn add_runs(&mut self, runs: impl IntoIterator<Item = String>) {
        self.runs.extend(runs);
        while self.runs.len() > MOST_RUNS {
            self.runs.pop_first();
        }
    }

    /// Takes in another group of the same key.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        let names = [(&mut self.appid, other.appid), (&mut self.upn, other.upn), (&mut self.resource, other.resource)];
        for (name, other_name) in names {
            if name.is_empty() || (other.first < self.first && !other_name.is_empty()) {
                *name = other_name;
            }
        }
        self.upns.extend(other.upns);
        self.by_number |= other.by_number;
        if other.first < self.first {
            self.first = other.first;
        }
        if other.last > self.last {
            self.last = other.last;
        }
        add(&mut self.statuses, other.statuses, usize::MAX);
        add(&mut self.agents, other.agents, MOST_AGENTS);
        self.pace.merge(other.pace);
        self.add_runs(other.runs);
    }

    /// The HTTP status: the lowest where events of one class differ (a 403 says more than a 404), 0 if the log has none.
    pub(crate) fn status(&self) -> u16 {
        self.statuses.keys().next().copied().unwrap_or(0)
    }

    /// The user agents, the most used first.
    pub(crate) fn agents(&self) -> String {
        let mut agents: Vec<_> = self.agents.iter().filter(|(agent, _)| !agent.is_empty()).collect();
        agents.sort_by(|one, other| other.1.cmp(one.1));
        agents.into_iter().map(|(agent, _)| agent.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// All groups, in the order of their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    pub(crate) groups: BTreeMap<Key, Group>,
    /// How many events found no group any more.
    pub(crate) left_out: u64,
}

impl Groups {
    /// Takes an event in; `run` is the run of ours that made the request, where one did.
    pub(crate) fn add(&mut self, key: Key, event: &Event<'_>, run: Option<&str>) {
        let is_full = self.groups.len() >= MOST_GROUPS;
        match self.groups.entry(key) {
            Entry::Occupied(mut present) => present.get_mut().take(event, run),
            Entry::Vacant(_) if is_full => self.left_out += event.count,
            Entry::Vacant(place) => place.insert(Group::before(event)).take(event, run),
        }
    }

    pub(crate) fn merge(&mut self, later: Self) {
        self.left_out += later.left_out;
        for (key, group) in later.groups {
            self.put(key, group);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Group)> {
        self.groups.iter()
    }

    pub(crate) fn put(&mut self, key: Key, group: Group) {
        let is_full = self.groups.len() >= MOST_GROUPS;
        match self.groups.get_mut(&key) {
            Some(present) => present.merge(group),
            None if is_full => self.left_out += group.count,
            None => {
                self.groups.insert(key, group);
            }
        }
    }
}

pub(crate) fn minute_of(at: Timestamp) -> i64 {
    at.timestamp().div_euclid(60)
}

/// Adds counts up; new keys are taken only up to a limit.
fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, others: BTreeMap<K, u64>, limit: usize) {
    for (key, count) in others {
        if let Some(present) = counts.get_mut(&key) {
            *present += count;
        } else if counts.len() < limit {
            counts.insert(key, count);
        }
    }
}

/// At most the first 512 bytes.
fn clip(text: &str) -> Cow<'_, str> {
    let text = without_credentials(text);
    if text.len() <= LONGEST_TEXT_BYTES {
        return text;
    }
    let mut end = LONGEST_TEXT_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(text.get(..end).unwrap_or_default().to_owned())
}
