//! How long a new version lives: as long as the one that it follows was meant to. It inherits nothing by itself.

use crate::clock::Timestamp;
use crate::issuers::TAG_VALIDITY;
use crate::vault::Version;
use chrono::{Datelike, TimeDelta};
use std::collections::BTreeMap;

/// What a new version gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Succession {
    /// How long it lives; for ever where the old one was meant to.
    pub(crate) life: Option<TimeDelta>,
    /// Whether a tag says so, rather than the old one's own life.
    pub(crate) from_tag: bool,
    /// When the old one ends.
    pub(crate) old_ends: Option<Timestamp>,
    /// The old one was not to be used before a time; the new one may be at once.
    pub(crate) had_not_before: bool,
}

impl Succession {
    /// What follows a version.
    pub(crate) fn of(version: &Version) -> Self {
        Self {
            life: life(&version.tags, Some(version.created), version.expires),
            from_tag: said(&version.tags).is_some(),
            old_ends: version.expires,
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
    said(tags).or_else(|| Some(expires? - created?).filter(|length| *length > TimeDelta::zero()))
}

/// The days that the tag says.
fn said(tags: &BTreeMap<String, String>) -> Option<TimeDelta> {
    let days = tags.get(TAG_VALIDITY).and_then(|days| days.trim().parse::<i64>().ok());
    days.filter(|days| (1..=3_650).contains(days)).map(TimeDelta::days)
}

/// When a version ends that is made now. No vault knows a later year than 9999: who wrote that meant never to end.
pub(crate) fn ends(life: TimeDelta, now: Timestamp) -> Option<Timestamp> {
    now.checked_add_signed(life).filter(|end| end.year() <= 9_999)
}

#[cfg(test)]
mod tests {
    use super::{ends, life};
    use crate::clock::Timestamp;
    use chrono::TimeDelta;
    use std::collections::BTreeMap;

    #[test]
    fn a_life_is_a_length_and_never_a_date() {
        let at = |seconds| Timestamp::from_timestamp(seconds, 0);
        let none = BTreeMap::new();
        assert_eq!(life(&none, at(0), at(86_400)), Some(TimeDelta::days(1)));
        assert_eq!(life(&none, at(10), None), None);
        assert_eq!(life(&none, at(10), at(10)), None, "an end before the beginning is no life");
        let days = BTreeMap::from([("ValidityPeriodDays".to_owned(), "90".to_owned())]);
        assert_eq!(life(&days, at(0), at(60)), Some(TimeDelta::days(90)));
        let february = Timestamp::from_timestamp(1_709_078_400, 0).unwrap();
        let end = ends(TimeDelta::days(366), february).unwrap();
        assert_eq!(end.to_rfc3339(), "2025-02-28T00:00:00+00:00", "over a leap day it is days that count");
        assert_eq!(ends(TimeDelta::days(365 * 7_990), february), None, "no year that a vault does not know");
        let nonsense = BTreeMap::from([("ValidityPeriodDays".to_owned(), "soon".to_owned())]);
        assert_eq!(life(&nonsense, at(0), at(60)), Some(TimeDelta::seconds(60)));
    }
}
