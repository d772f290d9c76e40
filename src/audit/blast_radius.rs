//! A [`Query`] and a folder of logs → the [`BlastRadius`].
//!
//! Two passes over the files: the first finds who touched the secret, the second what else the unknown among them
//! touched. What our own requests did is marked, and never makes a caller unknown.

use super::archive::find_files;
use super::coverage::Coverage;
use super::event::Event;
use super::findings::{Facts, Finding, find};
use super::groups::{Group, Groups, Key, Moment};
use super::question::{Query, Question};
use super::scan::{Collect, scan};
use super::search::Needle;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Who touched a secret, what else they touched, and what the log could not show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// The secret's name, as it was asked for.
    pub secret: String,
    /// The time asked about.
    pub window: Window,
    /// Who did what to the secret, in the order of time.
    pub accesses: Vec<Access>,
    /// Object ids, in lower case, of callers that were not expected.
    pub unknown_callers: Vec<String>,
    /// What the unknown callers did to other secrets of the vault.
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
    /// The HTTP status; the lowest of its class (2xx, 4xx, …) where a group has several, 0 where the log has none.
    pub status: u16,
    /// How often.
    pub count: u64,
    /// The first time, as it stands in the log.
    pub first: String,
    /// The last time, as it stands in the log.
    pub last: String,
    /// Whether the caller was expected.
    pub known: bool,
    /// Whether these were our own requests. Where a principal made both, each has a row of its own.
    pub own: bool,
}

impl Access {
    /// The caller in words: sign-in name, else the resource's last part, else application id, else object id.
    pub(crate) fn caller(&self) -> &str {
        caller(&self.upn, &self.resource, &self.appid, &self.oid)
    }
}

/// What an unknown caller did to another secret.
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
}

/// Reads the archive and answers the query. Blocks, and uses all cores.
///
/// `archive` is the `insights-logs-auditevent` folder, the folder it lies in, one below it, or a single file. An archive
/// without a file for the vault and window gives an answer with the finding `no-evidence`.
///
/// # Errors
/// Refused if the archive does not exist or cannot be listed, or the query makes no sense.
pub fn blast_radius(archive: &Path, query: &Query) -> Result<BlastRadius, Failure> {
    let question = Question::new(query)?;
    let files = find_files(archive, &question)?;
    let new = || Accesses { question: &question, groups: Groups::default() };
    let (accesses, seen) = scan(&files, &Needle::secret(&question.secret)?, new);
    let accesses = accesses.groups;
    let unknown: BTreeSet<String> = accesses
        .iter()
        .filter(|(key, _)| !key.own && !key.oid.is_empty() && !question.is_known(&key.oid))
        .map(|(key, _)| key.oid.clone())
        .collect();
    let reach = if unknown.is_empty() {
        Groups::default()
    } else {
        let new = || Reach { question: &question, callers: &unknown, groups: Groups::default() };
        scan(&files, &Needle::callers(unknown.iter())?, new).0.groups
    };
    let source = archive.display().to_string();
    let coverage = seen.coverage(source, files.len(), question.since, question.until, clock::now());
    let facts = Facts {
        question: &question,
        accesses: &accesses,
        reach: &reach,
        unknown: &unknown,
        seen: &seen,
        coverage: &coverage,
    };
    Ok(BlastRadius {
        secret: query.secret.clone(),
        window: Window { since: question.since, until: question.until },
        accesses: access_rows(&accesses, &question),
        second_order: second_order(&reach),
        findings: find(&facts),
        coverage,
        unknown_callers: unknown.into_iter().collect(),
    })
}

/// The first pass: what names the secret.
pub(crate) struct Accesses<'q> {
    pub(crate) question: &'q Question,
    pub(crate) groups: Groups,
}

impl Collect for Accesses<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let secret = &self.question.secret;
        if event.names(secret) && self.question.covers(event) {
            let key = Key::new(event, secret, event.version_of(secret), self.question.is_own(event));
            self.groups.add(key, event);
        }
    }

    fn merge(&mut self, later: Self) {
        self.groups.merge(later.groups);
    }
}

/// The second pass: what else the unknown callers did.
struct Reach<'q> {
    question: &'q Question,
    callers: &'q BTreeSet<String>,
    groups: Groups,
}

impl Collect for Reach<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let question = self.question;
        let sought = self.callers.contains(&event.oid) && !event.names(&question.secret);
        if sought && question.covers(event) && !question.is_own(event) {
            let named = event.returned.as_ref().or(event.asked.as_ref());
            let secret = named.map_or("", |named| named.secret.as_str());
            self.groups.add(Key::new(event, secret, "", false), event);
        }
    }

    fn merge(&mut self, later: Self) {
        self.groups.merge(later.groups);
    }
}

/// A caller in words: sign-in name, else the resource's last part, else application id, else object id.
pub(crate) fn caller<'a>(upn: &'a str, resource: &'a str, appid: &'a str, oid: &'a str) -> &'a str {
    let resource = resource.rsplit('/').next().unwrap_or("");
    [upn, resource, appid, oid].into_iter().find(|name| !name.is_empty()).unwrap_or("")
}

fn access_rows(groups: &Groups, question: &Question) -> Vec<Access> {
    let mut rows: Vec<(&Key, &Group)> = groups.iter().collect();
    rows.sort_by(|one, other| (&one.1.first, one.0).cmp(&(&other.1.first, other.0)));
    let row = |(key, group): (&Key, &Group)| Access {
        oid: key.oid.clone(),
        appid: group.appid.clone(),
        upn: group.upn.clone(),
        resource: group.resource.clone(),
        ip: key.ip.clone(),
        operation: key.operation.clone(),
        version: key.version.clone(),
        status: group.status(),
        count: group.count,
        first: group.first.text.clone(),
        last: group.last.text.clone(),
        known: question.is_known(&key.oid),
        own: key.own,
    };
    rows.into_iter().map(row).collect()
}

fn second_order(reach: &Groups) -> Vec<SecondOrder> {
    let mut rows: BTreeMap<(&str, &str, &str), (u64, &Moment, &Moment)> = BTreeMap::new();
    for (key, group) in reach.iter().filter(|(key, _)| !key.secret.is_empty()) {
        let row = rows.entry((&key.oid, &key.secret, &key.operation)).or_insert((0, &group.first, &group.last));
        *row = (row.0 + group.count, row.1.min(&group.first), row.2.max(&group.last));
    }
    let row =
        |((oid, secret, operation), (count, first, last)): ((&str, &str, &str), (u64, &Moment, &Moment))| SecondOrder {
            oid: oid.to_owned(),
            secret: secret.to_owned(),
            operation: operation.to_owned(),
            count,
            first: first.text.clone(),
            last: last.text.clone(),
        };
    rows.into_iter().map(row).collect()
}
