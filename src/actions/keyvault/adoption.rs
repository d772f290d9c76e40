//! What the audit trail shows of a secret's readers → who has moved to the new version, and how much was seen.
//!
//! A reader has moved if it was seen on the new version, never because it was not seen any more. The version's own name
//! is what ties log and vault together: an entry of a read of it is younger than the rotation, whatever the clocks say.

use crate::actions::audit::trail::{NotKnown, Trail};
use crate::actions::context::Context;
use crate::audit::{self, Coverage, LATENESS, Reader, VersionRead};
use crate::azure::Vault;
use crate::clock::{self, Timestamp};
use crate::evidence::{AdoptionReader, Baseline, LogSeen};
use crate::runbook::duration;
use crate::vault::SecretUrl;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// An entry counts as younger than the rotation only if it is so by more than clocks differ.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// What the vault says of the rotation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rotation {
    /// When the new version was made, by the vault's clock.
    pub(super) at: Timestamp,
    /// Versions that nobody can read any more: whoever was seen on no other does not count.
    disabled: Vec<String>,
}

impl Rotation {
    /// Nothing but that it came before the wait.
    pub(super) fn unknown(began: Timestamp) -> Self {
        Self { at: began, disabled: Vec::new() }
    }

    /// Asks the vault. Where it does not tell, the wait itself is what the rotation came before.
    pub(super) async fn read(context: &Context, secret: &SecretUrl, version: &str, began: Timestamp) -> Self {
        let versions = match Vault::open(&secret.vault, &context.services.azure) {
            Ok(vault) => vault.versions(&secret.name).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let new = versions.iter().find(|known| known.id.eq_ignore_ascii_case(version));
        let disabled = versions.iter().filter(|known| !known.enabled).map(|known| known.id.to_lowercase());
        Self { at: new.map_or(began, |new| new.created), disabled: disabled.collect() }
    }
}

/// A reader that has not moved, and whether it will not.
pub(super) struct Old {
    pub(super) reader: AdoptionReader,
    pub(super) by_number: bool,
}

/// Where the readers stand.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) moved: Vec<AdoptionReader>,
    pub(super) waiting: Vec<Old>,
    pub(super) pinned: Vec<Old>,
}

/// Looks at the trail again and again: at the whole baseline once, then at what is new.
pub(super) struct Watch<'a> {
    pub(super) context: &'a Context,
    pub(super) secret: &'a SecretUrl,
    /// In lower case.
    pub(super) version: String,
    pub(super) rotation: Rotation,
    pub(super) baseline: Baseline,
    /// What was seen so far, by object id and whether it was us.
    readers: BTreeMap<(String, bool), Reader>,
    /// The newest entry of the vault.
    horizon: Option<Timestamp>,
    /// Whether the baseline was seen whole.
    has_baseline: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        context: &'a Context,
        secret: &'a SecretUrl,
        version: &str,
        rotation: Rotation,
        from: Timestamp,
    ) -> Self {
        Self {
            context,
            secret,
            version: version.to_lowercase(),
            rotation,
            baseline: Baseline { from, log_begins: None },
            readers: BTreeMap::new(),
            horizon: None,
            has_baseline: false,
        }
    }

    /// How much of the log is seen now.
    pub(super) async fn look(&mut self) -> LogSeen {
        let now = clock::now();
        let until = now + TimeDelta::seconds(1);
        // Entries come late and out of order: what is new lies up to so far back.
        let new = self.rotation.at.checked_sub_signed(LATENESS * 2).filter(|_| self.has_baseline);
        let since = new.map_or(self.baseline.from, |new| new.max(self.baseline.from).min(now));
        let trail = match Trail::open(self.context, self.secret, (since, until)).await {
            Ok(trail) => trail,
            Err(not_known) => return self.without(not_known),
        };
        match trail.ask(audit::readers).await {
            Ok(answer) => {
                let (readers, coverage) = answer.into_parts();
                self.take(readers, &coverage)
            }
            // An empty stretch is one thing, an empty log another.
            Err(NotKnown::Empty(_)) if self.has_baseline && self.horizon.is_some() => self.reach(),
            Err(not_known) => self.without(not_known),
        }
    }

    /// Whether any entry of the vault was seen.
    pub(super) fn has_seen_any(&self) -> bool {
        self.horizon.is_some()
    }

    fn without(&self, not_known: NotKnown) -> LogSeen {
        let because = not_known.because();
        match not_known {
            NotKnown::NoSource(_) => LogSeen::NoSource,
            NotKnown::Unreadable(_) => LogSeen::Unreadable { because },
            NotKnown::Empty(_) => LogSeen::Empty { because },
        }
    }

    fn take(&mut self, readers: Vec<Reader>, coverage: &Coverage) -> LogSeen {
        for reader in readers {
            match self.readers.get_mut(&(reader.oid.clone(), reader.own)) {
                Some(known) => merge(known, reader),
                None => drop(self.readers.insert((reader.oid.clone(), reader.own), reader)),
            }
        }
        self.horizon = self.horizon.max(coverage.horizon);
        if !self.has_baseline {
            self.baseline.log_begins = coverage.log_begins.filter(|begins| *begins > self.baseline.from);
        }
        if let Some(because) = coverage.in_part() {
            return LogSeen::Unreadable { because };
        }
        self.has_baseline = true;
        self.reach()
    }

    /// A read of the new version, ours to prove it among them, shows that the log has come past the rotation; else the
    /// clocks must.
    fn reach(&self) -> LogSeen {
        let reads = self.readers.values().flat_map(|reader| &reader.versions);
        let of_new = reads.filter(|read| read.version == self.version).map(|read| read.last).max();
        let (rotated_at, horizon) = (self.rotation.at, self.horizon.max(of_new));
        let is_younger = |horizon: Timestamp| horizon.signed_duration_since(rotated_at) >= SKEW;
        match horizon {
            Some(horizon) if of_new.is_some() || is_younger(horizon) => LogSeen::Reaches { horizon },
            Some(horizon) => LogSeen::EndsBefore { horizon, rotated_at },
            None => LogSeen::Empty { because: "the audit trail holds no entry of this vault".to_owned() },
        }
    }

    /// Where the readers stand that count: where known callers are listed, nobody waits for a stranger.
    pub(super) fn standing(&self) -> Standing {
        let listed = !self.context.services.config.known_callers(self.secret).is_empty();
        let mut standing = Standing::default();
        for reader in self.readers.values().filter(|reader| !reader.own && (reader.known || !listed)) {
            self.place(reader, &mut standing);
        }
        standing
    }

    fn place(&self, reader: &Reader, standing: &mut Standing) {
        let is_gone = |read: &VersionRead| self.rotation.disabled.contains(&read.version);
        let (new, old): (Vec<&VersionRead>, Vec<&VersionRead>) =
            reader.versions.iter().filter(|read| !is_gone(read)).partition(|read| read.version == self.version);
        let Some(moved) = new.first() else {
            let Some(last) = old.iter().max_by_key(|read| read.last) else { return };
            let list = if last.by_number { &mut standing.pinned } else { &mut standing.waiting };
            return list.push(Old { reader: as_seen(reader, last), by_number: last.by_number });
        };
        // Where one of several instances goes on asking for an old version, it does not help it that the others moved.
        match old.iter().find(|read| read.by_number && read.last > moved.first) {
            Some(read) => standing.pinned.push(Old { reader: as_seen(reader, read), by_number: true }),
            None => standing.moved.push(as_seen(reader, moved)),
        }
    }

    /// What must be said with the lists, where they do not speak for themselves.
    pub(super) fn because(&self, log: &LogSeen, waiting: bool) -> Option<String> {
        let moment = |at: &Timestamp| crate::clock::second(*at);
        let said = match log {
            LogSeen::NoSource => {
                return Some(format!("no audit source is configured for `{}`", self.secret.vault.name));
            }
            LogSeen::Unreadable { because } | LogSeen::Empty { because } => return Some(because.clone()),
            LogSeen::EndsBefore { horizon, rotated_at } => Some(format!(
                "the audit trail ends at {}, and the new version is of {}: who has moved is not known",
                moment(horizon),
                moment(rotated_at)
            )),
            LogSeen::Reaches { horizon } if waiting => {
                Some(format!("the audit trail was seen until {}", moment(horizon)))
            }
            LogSeen::Reaches { .. } => None,
        };
        let missed = self.baseline.log_begins.map(|begins| {
            let held = about(self.rotation.at - begins);
            format!(
                "the log begins at {}: readers that read less often than every {held} may be missed",
                moment(&begins)
            )
        });
        let all: Vec<String> = said.into_iter().chain(missed).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// A length of time as people say it: `45s`, `14m`, `30h`.
pub(super) fn about(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(1).unsigned_abs();
    let unit = [3600, 60, 1].into_iter().find(|unit| seconds >= 2 * unit).unwrap_or(1);
    duration::format(Duration::from_secs(seconds - seconds % unit))
}

/// Takes in a later look at the same reader; looks overlap, so the larger count is the better one.
fn merge(known: &mut Reader, later: Reader) {
    for read in later.versions {
        match known.versions.iter_mut().find(|present| present.version == read.version) {
            Some(present) => {
                present.first = present.first.min(read.first);
                present.last = present.last.max(read.last);
                present.count = present.count.max(read.count);
                present.by_number |= read.by_number;
            }
            None => known.versions.push(read),
        }
    }
}

fn as_seen(reader: &Reader, read: &VersionRead) -> AdoptionReader {
    let reads: u64 = reader.versions.iter().map(|read| read.count).sum();
    let first = reader.versions.iter().map(|read| read.first).min();
    let last = reader.versions.iter().map(|read| read.last).max();
    let span = first.zip(last).map(|(first, last)| (last - first).num_milliseconds());
    let between = reads.checked_sub(1).filter(|intervals| *intervals > 0);
    AdoptionReader {
        oid: reader.oid.clone(),
        name: reader.name.clone(),
        version: read.version.clone(),
        last_read: read.last,
        reads,
        interval_ms: span.zip(between).and_then(|(span, intervals)| Some(u64::try_from(span).ok()? / intervals)),
    }
}
