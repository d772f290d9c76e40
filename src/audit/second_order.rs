//! What the unrecognised callers did to all else → rows, ranked, with the command to go on with.

use super::groups::Groups;
use super::question::{Question, is_name};
use crate::clock::Timestamp;
use crate::command_line::CommandLine;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What an unrecognised caller did to another secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondOrder {
    /// The caller's object id in lower case.
    pub oid: String,
    /// The other secret's name in lower case.
    pub secret: String,
    /// `SecretGet` and the like.
    pub operation: String,
    /// How often, refusals included.
    pub count: u64,
    /// The first time, as it stands in the log.
    pub first: String,
    /// The last time, as it stands in the log.
    pub last: String,
    /// The vault's name.
    #[serde(default)]
    pub vault: String,
    /// How often it succeeded.
    #[serde(default)]
    pub succeeded: u64,
    /// What to run next: not empty where the secret's value was given out, so that it has leaked as well.
    #[serde(default)]
    pub command: String,
}

#[derive(Clone, Debug)]
struct Row<'g> {
    count: u64,
    succeeded: u64,
    first: (Timestamp, &'g str),
    last: (Timestamp, &'g str),
}

/// Ranked: secrets whose value was given out come first, then by how often anything succeeded.
pub(super) fn second_order(reach: &Groups, question: &Question) -> Vec<SecondOrder> {
    type Place<'g> = (&'g str, &'g str);
    let mut rows: BTreeMap<(Place<'_>, &str, &str), Row<'_>> = BTreeMap::new();
    // By vault and secret: when its value was given out first, and how often anything succeeded.
    let mut places: BTreeMap<Place<'_>, (Option<Timestamp>, u64)> = BTreeMap::new();
    for (key, group) in reach.iter().filter(|(key, _)| !key.secret.is_empty()) {
        let place = (key.vault.as_str(), key.secret.as_str());
        let succeeded = if key.succeeded() { group.count } else { 0 };
        let (first, last) = ((group.first.at, &*group.first.text), (group.last.at, &*group.last.text));
        let row =
            rows.entry((place, &key.caller, &key.operation)).or_insert(Row { count: 0, succeeded: 0, first, last });
        row.count += group.count;
        row.succeeded += succeeded;
        row.first = row.first.min(first);
        row.last = row.last.max(last);
        let (leaked, successes) = places.entry(place).or_default();
        *successes += succeeded;
        if key.succeeded() && gives_the_value_out(&key.operation) {
            *leaked = Some(leaked.map_or(group.first.at, |at: Timestamp| at.min(group.first.at)));
        }
    }
    let mut ranked: Vec<_> = rows.into_iter().collect();
    ranked.sort_by_key(|((place, oid, operation), row)| {
        let (leaked, successes) = places.get(place).copied().unwrap_or_default();
        (leaked.is_none(), Reverse(successes), *place, *oid, Reverse(row.succeeded), *operation)
    });
    let rows = ranked.into_iter().map(|((place, oid, operation), row)| {
        let leaked = places.get(&place).and_then(|(leaked, _)| *leaked);
        SecondOrder {
            oid: oid.to_owned(),
            secret: place.1.to_owned(),
            operation: operation.to_owned(),
            count: row.count,
            first: row.first.1.to_owned(),
            last: row.last.1.to_owned(),
            vault: place.0.to_owned(),
            succeeded: row.succeeded,
            command: leaked.and_then(|since| command(question, place.0, place.1, since)).unwrap_or_default(),
        }
    });
    rows.collect()
}

fn gives_the_value_out(operation: &str) -> bool {
    matches!(operation, "SecretGet" | "SecretBackup")
}

/// A command that somebody will paste into a shell: nothing goes into it as it stands in the log.
fn command(question: &Question, vault: &str, secret: &str, since: Timestamp) -> Option<String> {
    let host = &question.vaults().find(|known| known.name == vault)?.host;
    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    let plan = CommandLine::stanch("plan secret-exposure");
    let plan = plan.option("-i", format!("secret=https://{host}/secrets/{secret}"));
    is_name(secret).then(|| plan.option("-i", format!("exposed_at={since}")).recorded())
}
