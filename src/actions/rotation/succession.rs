//! What a new version takes over from the one that it follows: content type, tags as far as there is room, and a life of
//! the same length. It inherits nothing by itself.

use crate::clock::Timestamp;
use crate::config::is_read;
use crate::issuers::{Named, TAG_ADDRESS, TAG_CREDENTIAL, TAG_VALIDITY};
use crate::vault::{TAG_EFFECT, TAG_RUN, Version};
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// Key Vault takes no more tags than this.
const MOST_TAGS: usize = 15;
/// Key Vault takes no longer name or text of a tag.
const LONGEST_TAG: usize = 256;
/// What tools write for themselves; it goes first.
const OF_TOOLS: [&str; 3] = ["file-encoding", "created-by", "createdBy"];

/// What a new version gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Succession {
    /// How long it lives; for ever where the old one was meant to.
    pub(crate) life: Option<TimeDelta>,
    /// When the old one ends.
    pub(crate) old_ends: Option<Timestamp>,
    /// Tags of the old one that there is no room for.
    pub(crate) left_out: Vec<String>,
    /// The old one was not to be used before a time; the new one may be at once.
    pub(crate) had_not_before: bool,
}

impl Succession {
    /// What follows a version, as far as it is known before the rotation.
    pub(crate) fn of(version: &Version, named: &Named) -> Self {
        let mut more = BTreeMap::from([(TAG_RUN.to_owned(), String::new()), (TAG_EFFECT.to_owned(), String::new())]);
        more.extend(named.address.clone().map(|address| (TAG_ADDRESS.to_owned(), address)));
        if named.provider.is_behind_the_vault() {
            more.insert(TAG_CREDENTIAL.to_owned(), String::new());
        }
        Self {
            life: life(&version.tags, Some(version.created), version.expires),
            old_ends: version.expires,
            left_out: with_room(&version.tags, &more).1,
            had_not_before: version.not_before.is_some(),
        }
    }
}

/// How long a new version lives: the days that the tag says, else as long as the old one was meant to. Never up to the
/// date of the old one: that may be tomorrow.
pub(super) fn life(
    tags: &BTreeMap<String, String>,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
) -> Option<TimeDelta> {
    let days = tags.get(TAG_VALIDITY).and_then(|days| days.trim().parse::<i64>().ok());
    if let Some(days) = days.filter(|days| (1..=3_650).contains(days)) {
        return Some(TimeDelta::days(days));
    }
    Some(expires? - created?).filter(|length| *length > TimeDelta::zero())
}

/// The tags of a new version: those that are carried over, and more of its own. Where Key Vault takes no more, some of the
/// former are left out: first what tools wrote for themselves, then from the end of the alphabet; never what tells the
/// issuer, the owner or the rotation, as long as others are there. Gives those left out as well.
pub(super) fn with_room(
    carried: &BTreeMap<String, String>,
    more: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let fits = |text: &String| text.chars().count() <= LONGEST_TAG;
    // What is too long to be a tag helps nobody in part.
    let more = more.iter().filter(|(name, text)| fits(name) && fits(text));
    let mut tags = carried.clone();
    tags.extend(more.map(|(name, text)| (name.clone(), text.clone())));
    let mut candidates: Vec<&String> = carried.keys().filter(|name| !is_own(name)).collect();
    candidates.sort_by_key(|name| (rank(name), std::cmp::Reverse((*name).clone())));
    let too_many = tags.len().saturating_sub(MOST_TAGS);
    let left_out: Vec<String> = candidates.into_iter().take(too_many).cloned().collect();
    tags.retain(|name, _| !left_out.contains(name));
    (tags, left_out)
}

fn is_own(name: &str) -> bool {
    [TAG_RUN, TAG_EFFECT, TAG_ADDRESS, TAG_CREDENTIAL].contains(&name)
}

/// What goes first has the lower rank.
fn rank(name: &str) -> u8 {
    match OF_TOOLS.contains(&name) {
        true => 0,
        false if is_read(name) => 2,
        false => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{life, with_room};
    use crate::clock::Timestamp;
    use chrono::TimeDelta;
    use std::collections::BTreeMap;

    fn tags(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect()
    }

    #[test]
    fn room_is_made_by_the_rule() {
        let own = tags(&["stanch-run", "stanch-effect"]);
        let fourteen: Vec<String> = (0..11).map(|number| format!("k{number:02}")).collect();
        let mut names: Vec<&str> = fourteen.iter().map(String::as_str).collect();
        names.extend(["owner", "zz-owner", "file-encoding"]);
        let (kept, left_out) = with_room(&tags(&names), &own);
        assert_eq!((kept.len(), left_out), (15, vec!["file-encoding".to_owned()]));
        names.push("stanch-provider");
        let (kept, left_out) = with_room(&tags(&names), &own);
        assert_eq!((kept.len(), left_out), (15, vec!["file-encoding".to_owned(), "zz-owner".to_owned()]));
        assert!(kept.contains_key("owner") && kept.contains_key("stanch-provider"));
        // Those of an earlier run take no room of their own.
        let mut thirteen = names[..13].to_vec();
        thirteen.extend(["stanch-run", "stanch-effect"]);
        assert_eq!(with_room(&tags(&thirteen), &own).1, Vec::<String>::new());
        let long = BTreeMap::from([("ProviderAddress".to_owned(), "x".repeat(257))]);
        assert_eq!(with_room(&tags(&["a"]), &long).0.len(), 1);
    }

    #[test]
    fn a_life_is_a_length_and_never_a_date() {
        let at = |seconds| Timestamp::from_timestamp(seconds, 0);
        let none = BTreeMap::new();
        assert_eq!(life(&none, at(0), at(86_400)), Some(TimeDelta::days(1)));
        assert_eq!(life(&none, at(10), None), None);
        assert_eq!(life(&none, at(10), at(10)), None, "an end before the beginning is no life");
        let days = BTreeMap::from([("ValidityPeriodDays".to_owned(), "90".to_owned())]);
        assert_eq!(life(&days, at(0), at(60)), Some(TimeDelta::days(90)));
        let nonsense = BTreeMap::from([("ValidityPeriodDays".to_owned(), "soon".to_owned())]);
        assert_eq!(life(&nonsense, at(0), at(60)), Some(TimeDelta::seconds(60)));
    }
}
