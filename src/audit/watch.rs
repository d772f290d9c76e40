//! New accesses of a secret, as they reach the log.
//!
//! Entries come late and out of order, so each look begins a while before the newest one that was seen; what was told
//! once is not told again.

use super::coverage::LATENESS;
use super::event::Event;
use super::question::{Query, Question};
use super::source::Source;
use super::who::{name_of, shown_as};
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How far back each look goes.
const LOOK_BACK: chrono::TimeDelta = chrono::TimeDelta::minutes(2 * LATENESS.num_minutes());

/// One access of the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// The time, as it stands in the log.
    pub time: String,
    /// The caller's object id in lower case.
    pub oid: String,
    /// The caller in words.
    pub name: String,
    /// The caller's address.
    pub ip: String,
    /// `SecretGet` and the like.
    pub operation: String,
    /// The version that was returned, else the one asked for, else empty.
    pub version: String,
    /// The HTTP status.
    pub status: u16,
    /// The caller's user agent.
    pub user_agent: String,
    /// Whether the caller is listed as known.
    pub known: bool,
    /// Whether it was our own request.
    pub own: bool,
    /// How many of the same at the same moment.
    pub count: u64,
    /// What tells it from all others, also to another process.
    #[serde(skip)]
    pub mark: String,
}

impl Sight {
    /// Whether it is what every client is answered that comes without a token, before it brings one.
    pub fn is_challenge(&self) -> bool {
        self.status == 401 && self.name.is_empty()
    }
}

/// Looks at a source again and again.
#[derive(Debug)]
pub struct Watch {
    source: Source,
    query: Query,
    /// Only this version counts, where one is given.
    version: Option<String>,
    /// What was told, and when it happened.
    told: BTreeMap<String, Timestamp>,
}

impl Watch {
    /// Watches from the query's `since` on; its `until` does not count. If it names a version, only that one counts.
    pub fn new(source: Source, query: Query) -> Self {
        let version = query.version.as_ref().map(|version| version.to_lowercase());
        Self { source, query, version, told: BTreeMap::new() }
    }

    /// What is new since the last look, in the order of time. Blocks.
    ///
    /// # Errors
    /// If the source cannot be asked.
    pub fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let until = clock::now() + chrono::TimeDelta::seconds(1);
        let newest = self.told.values().max().copied();
        let since = newest.map_or(self.query.since, |newest| (newest - LOOK_BACK).max(self.query.since));
        if since >= until {
            return Ok(Vec::new());
        }
        let question = Question::new(&Query { since, until, baseline: None, ..self.query.clone() })?;
        let mut found: Vec<(Timestamp, Sight)> = Vec::new();
        let (told, version) = (&mut self.told, &self.version);
        self.source.trail().events(&question, &mut |event| {
            let sight = sight(&question, event);
            let counts = version.as_ref().is_none_or(|version| *version == sight.version);
            if counts && told.insert(sight.mark.clone(), event.at).is_none() {
                found.push((event.at, sight));
            }
        })?;
        if let Some(newest) = self.told.values().max().copied() {
            self.told.retain(|_, at| *at >= newest - LOOK_BACK);
        }
        found.sort_by(|one, other| (one.0, &one.1.oid).cmp(&(other.0, &other.1.oid)));
        Ok(found.into_iter().map(|(_, sight)| sight).collect())
    }
}

fn sight(question: &Question, event: &Event<'_>) -> Sight {
    let (whose, _) = question.whose(event);
    let mut sight = Sight {
        mark: String::new(),
        time: event.time.clone().into_owned(),
        oid: event.oid.clone(),
        name: shown_as(name_of(&question.names, &event.upn, &event.resource, &event.appid, &event.oid), whose),
        ip: event.ip.clone(),
        operation: event.operation.clone().into_owned(),
        version: event.version_of(&question.secret).to_owned(),
        status: event.status,
        user_agent: event.user_agent.clone().into_owned(),
        known: question.is_listed(&event.caller),
        own: whose.is_own(),
        count: event.count,
    };
    sight.mark = mark(event, &sight);
    sight
}

/// Tells one entry from another. The request's id alone does not: callers choose it.
fn mark(event: &Event<'_>, sight: &Sight) -> String {
    let mut digest = Sha256::new();
    for part in [&sight.time, &event.caller, &sight.ip, &sight.operation, &sight.version, &*event.correlation] {
        digest.update(part);
        digest.update([0]);
    }
    digest.update(sight.status.to_le_bytes());
    hex::encode(digest.finalize()).chars().take(32).collect()
}
