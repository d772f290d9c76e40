//! The log → who reads which version, and since when: what a revocation waits for.

use super::answer::Answer;
use super::coverage::coverage;
use super::groups::Group;
use super::question::{Query, Question};
use super::source::Source;
use super::trail::Sighting;
use super::who::name_of;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A principal that read the secret, and which versions it read. A principal that made both our own requests and
/// others is two readers, told apart by `own`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Its object id in lower case, or what else tells it from others; empty where the log has nothing.
    pub oid: String,
    /// Its name to show: sign-in name, else the last part of its Azure resource, else application id, else object id.
    pub name: String,
    /// Whether it was expected.
    pub known: bool,
    /// Whether these were our own requests.
    pub own: bool,
    /// What it read, the latest read first.
    pub versions: Vec<VersionRead>,
}

/// A principal's successful reads of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRead {
    /// The version in lower case; empty where the log does not say.
    pub version: String,
    /// The first read.
    pub first: Timestamp,
    /// The last read.
    pub last: Timestamp,
    /// How many reads.
    pub count: u64,
    /// Whether any of these reads asked for exactly this version: such a consumer will not take up a new one.
    pub by_number: bool,
}

/// Who read the secret's value (`SecretGet`) in the window, by object id, unless it was refused; the horizon of the answer is the
/// newest entry of the vault, whatever it is about. Blocks, and uses all cores.
///
/// # Errors
/// As [`super::blast_radius()`] has them.
pub fn readers(source: &Source, query: &Query) -> Result<Answer<Vec<Reader>>, Failure> {
    let question = Question::new(&Query { baseline: None, ..query.clone() })?;
    let question = question.with_exact_horizon();
    let trail = source.trail();
    let sighting = trail.sight(&question)?;
    let not_told_apart = sighting.left_out();
    let Sighting { accesses, mut seen, .. } = sighting;
    seen.truncations.extend(not_told_apart);
    let coverage = coverage(&seen, trail.describe(), &question, clock::now());
    let mut principals: BTreeMap<(String, bool), BTreeMap<String, Group>> = BTreeMap::new();
    for (key, group) in accesses.groups {
        // Where it is not known whether a read succeeded, it is not known that it did not.
        if key.operation == "SecretGet" && (key.succeeded() || key.class == 0) {
            let versions = principals.entry((key.caller, key.whose.is_own())).or_default();
            match versions.get_mut(&key.version) {
                Some(present) => present.merge(group),
                None => {
                    versions.insert(key.version, group);
                }
            }
        }
    }
    let readers = principals.into_iter().map(|((oid, own), versions)| reader(oid, own, versions, &question)).collect();
    Ok(Answer::new(readers, coverage))
}

fn reader(oid: String, own: bool, groups: BTreeMap<String, Group>, question: &Question) -> Reader {
    let names = groups.values().max_by(|one, other| one.last.cmp(&other.last));
    let name = names
        .map_or_else(String::new, |group| name_of(&question.names, &group.upn, &group.resource, &group.appid, &oid));
    let mut versions: Vec<VersionRead> = groups
        .into_iter()
        .map(|(version, group)| VersionRead {
            version,
            first: group.first.at,
            last: group.last.at,
            count: group.count,
            by_number: group.by_number,
        })
        .collect();
    versions.sort_by_key(|read| std::cmp::Reverse(read.last));
    Reader { known: question.is_listed(&oid), oid, name, own, versions }
}
