//! A [`Query`] and a [`Source`] → the [`BlastRadius`].
//!
//! Two questions to the source: who touched the secret, then what else the unknown among them touched. What our own
//! requests did is marked, and never makes a caller unknown.

use super::coverage::{Coverage, coverage};
use super::findings::Finding;
use super::groups::{Group, Groups, Key};
use super::question::{Query, Question, Whose};
use super::rules::{Facts, find};
use super::second_order::{SecondOrder, second_order};
use super::source::Source;
use super::trail::{Callers, Reach, Sighting, left_out};
use super::who;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who touched a secret, what else they touched, and what the log could not show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// The secret's name, as it was asked for.
    pub secret: String,
    /// The time asked about.
    pub window: Window,
    /// Who did what to the secret, in the order of time.
    pub accesses: Vec<Access>,
    /// Callers that were not expected, in lower case: their object ids, or what else tells them apart ([`Access::id`]).
    pub unknown_callers: Vec<String>,
    /// What the unrecognised callers did to other secrets, what matters most first.
    pub second_order: Vec<SecondOrder>,
    /// What deserves attention, the gravest first.
    pub findings: Vec<Finding>,
    /// What the log could, and could not, show.
    pub coverage: Coverage,
}

/// A stretch of time, its end outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first moment that counts.
    pub since: Timestamp,
    /// The first moment that no longer counts.
    pub until: Timestamp,
}

/// One principal doing one thing to one version from one address. What the log does not say is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The caller's object id in lower case; empty in the answers to requests that carried no token.
    pub oid: String,
    /// The application's id.
    pub appid: String,
    /// A person's sign-in name.
    pub upn: String,
    /// The Azure resource whose managed identity called.
    pub resource: String,
    /// The caller's address.
    pub ip: String,
    /// `SecretGet` and the like.
    pub operation: String,
    /// The version that was returned, else the one asked for, else empty; in lower case.
    pub version: String,
    /// The HTTP status; the lowest of its class (2xx, 4xx, …) where a group has several; 0, and nothing in JSON, where it is
    /// not known.
    #[serde(default, with = "super::status::or_null")]
    pub status: u16,
    /// All of them, where a group has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
    /// How often.
    pub count: u64,
    /// The first time, as it stands in the log.
    pub first: String,
    /// The last time, as it stands in the log.
    pub last: String,
    /// Whether the caller was expected.
    pub known: bool,
    /// Whether these were our own requests, of this run or another. Where a principal made both, each has a row of its own.
    pub own: bool,
    /// Whether their ids begin as ours do and nothing shows that they are ours: a row of its own, and a stranger's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claims_to_be_own: bool,
    /// Which of our runs these were, where this state directory knows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
    /// The caller in words.
    #[serde(default)]
    pub name: String,
    /// What makes it known: `listed` (in the configuration, its inventory, or a list of the question's own), `baseline`,
    /// or empty.
    #[serde(default)]
    pub known_by: String,
    /// The user agents, the most used first.
    #[serde(default)]
    pub user_agent: String,
}

impl BlastRadius {
    /// How often the secret's value was given to others than us.
    pub fn reads(&self) -> u64 {
        let reads =
            self.others().filter(|access| (200..300).contains(&access.status) && access.operation == "SecretGet");
        reads.map(|access| access.count).sum()
    }

    /// What others than we did to the secret.
    pub fn others(&self) -> impl Iterator<Item = &Access> {
        self.accesses.iter().filter(|access| !access.own)
    }
}

impl Access {
    /// What tells the caller from others, in lower case: its object id, else its sign-in name, its application or its
    /// resource. Empty for requests without a token.
    pub fn id(&self) -> String {
        let ids = [&self.oid, &self.upn, &self.appid, &self.resource];
        ids.into_iter().find(|id| !id.is_empty()).map_or_else(String::new, |id| id.to_lowercase())
    }

    /// The caller in words.
    /// Every HTTP status of these; empty where none is known.
    pub(crate) fn all_statuses(&self) -> String {
        match (self.statuses.as_slice(), self.status) {
            ([], 0) => String::new(),
            ([], status) => status.to_string(),
            (all, _) => all.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
        }
    }

    pub(crate) fn caller(&self) -> &str {
        // Journals of earlier versions have no name.
        let named = [&self.name, &self.upn, &self.appid, &self.oid];
        named.into_iter().find(|name| !name.is_empty()).map_or("", |name| name.as_str())
    }
}

/// Asks the source and answers the query. Blocks, and uses all cores.
///
/// A source without an entry for the vault and window gives an answer with the finding `no-evidence`.
///
/// # Errors
/// Refused if the source does not exist, cannot be listed or asked, or the query makes no sense.
pub fn blast_radius(source: &Source, query: &Query) -> Result<BlastRadius, Failure> {
    let question = Question::new(query)?;
    let trail = source.trail();
    let sighting = trail.sight(&question)?;
    let not_told_apart = sighting.left_out();
    let odd_statuses = sighting.odd_statuses();
    let Sighting { accesses, before, vault_changes, vault_changes_before, mut seen, .. } = sighting;
    let known_before: BTreeSet<&str> = before
        .iter()
        .filter(|(key, _)| !key.is_own() && !key.caller.is_empty() && key.succeeded())
        .map(|(key, _)| key.caller.as_str())
        .collect();
    let known_by = |oid: &str| match oid {
        oid if question.is_listed(oid) => "listed",
        oid if known_before.contains(oid) => "baseline",
        _ => "",
    };
    let strangers =
        accesses.iter().filter(|(key, _)| !key.is_own() && !key.caller.is_empty() && known_by(&key.caller).is_empty());
    let mut callers = Callers::default();
    strangers.for_each(|(key, group)| callers.take(&key.caller, !group.oid.is_empty()));
    let strangers = callers;
    let reach = if strangers.ids.is_empty() { Reach::default() } else { trail.reach(&question, &strangers)? };
    let unknown = strangers.ids;
    seen.truncations.extend(not_told_apart.into_iter().chain(left_out(reach.groups.left_out)));
    seen.truncations.extend(reach.truncations);
    seen.notes.extend(reach.notes);
    if !unknown.is_empty() {
        seen.vaults.extend(reach.vaults);
    } else {
        // Nobody was looked for elsewhere, so nothing is said of the other vaults.
        seen.vaults.extend(question.other_vaults.iter().map(|vault| vault.name.clone()));
    }
    seen.notes.extend(claims(&accesses, &question).into_iter().chain(odd_statuses));
    seen.notes.extend(several_names(&accesses));
    seen.notes.extend(listed_applications(&accesses, &question, &unknown));
    let coverage = coverage(&seen, trail.describe(), &question, clock::now());
    let facts = Facts {
        question: &question,
        accesses: &accesses,
        before: &before,
        vault_changes: &vault_changes,
        vault_changes_before: &vault_changes_before,
        reach: &reach.groups,
        unknown: &unknown,
        unreadable: seen.unreadable_relevant,
        coverage: &coverage,
    };
    Ok(BlastRadius {
        secret: query.secret.clone(),
        window: Window { since: question.since, until: question.until },
        accesses: access_rows(&accesses, &question, known_by),
        second_order: second_order(&reach.groups, &question),
        findings: find(&facts),
        coverage,
        unknown_callers: unknown.iter().cloned().collect(),
    })
}

/// What must be said of requests whose ids alone say that they are ours. One without a principal is the vault's challenge
/// before a token is sent: it claims nothing of whom it is.
fn claims(accesses: &Groups, question: &Question) -> Option<String> {
    let claimed = accesses.iter().filter(|(key, _)| key.whose == Whose::Claimed && !key.caller.is_empty());
    let count: u64 = claimed.map(|(_, group)| group.count).sum();
    let why = match question.own.caller {
        Some(_) => "by another principal than stanch signs in as here",
        None => "and as whom stanch signs in is not known here",
    };
    (count > 0)
        .then(|| format!("{count} requests have ids as stanch makes them, {why}: they are not taken for our own"))
}

/// One id has one row, whatever its callers were called: a name that is not shown there is said.
fn several_names(accesses: &Groups) -> Vec<String> {
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (key, group) in accesses.iter().filter(|(key, _)| !key.is_own() && !key.caller.is_empty()) {
        names.entry(&key.caller).or_default().extend(group.upns.iter().map(|upn| upn.to_lowercase()));
    }
    let several = names.into_iter().filter(|(_, names)| names.len() > 1);
    let said = |(caller, names): (&str, BTreeSet<String>)| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("the caller `{caller}` has several names: {}", names.join(", "))
    };
    several.map(said).collect()
}

/// A list of known callers that names an application knows nobody by it: all who use one program share that id.
fn listed_applications(accesses: &Groups, question: &Question, unknown: &BTreeSet<String>) -> BTreeSet<String> {
    let strangers = accesses.iter().filter(|(key, _)| unknown.contains(&key.caller)).map(|(_, group)| group);
    let listed = strangers.filter(|group| !group.oid.is_empty() && question.is_listed(&group.appid.to_lowercase()));
    let said = |group: &Group| {
        let (appid, oid) = (&group.appid, &group.oid);
        format!(
            "`{appid}` in the list of known callers is an application's id, by which nobody is known: its caller here is `{oid}`"
        )
    };
    listed.map(said).collect()
}

fn access_rows<'k>(groups: &Groups, question: &Question, known_by: impl Fn(&str) -> &'k str) -> Vec<Access> {
    let mut rows: Vec<(&Key, &Group)> = groups.iter().collect();
    rows.sort_by(|one, other| (&one.1.first, one.0).cmp(&(&other.1.first, other.0)));
    let row = |(key, group): (&Key, &Group)| Access {
        oid: group.oid.clone(),
        appid: group.appid.clone(),
        upn: group.upn.clone(),
        resource: group.resource.clone(),
        ip: key.ip.clone(),
        operation: key.operation.clone(),
        version: key.version.clone(),
        status: group.status(),
        statuses: Some(&group.statuses)
            .filter(|all| all.len() > 1)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .copied()
            .collect(),
        count: group.count,
        first: group.first.text.clone(),
        last: group.last.text.clone(),
        known: !known_by(&key.caller).is_empty(),
        own: key.is_own(),
        claims_to_be_own: key.whose == Whose::Claimed,
        runs: group.runs.iter().cloned().collect(),
        name: who::shown_as(
            who::name_of(&question.names, &group.upn, &group.resource, &group.appid, &key.caller),
            key.whose,
        ),
        known_by: known_by(&key.caller).to_owned(),
        user_agent: group.agents(),
    };
    rows.into_iter().map(row).collect()
}
