//! The versions of one secret, and what follows from them: which one stays, which are older, which came late.
//!
//! Version lists have no order and times have whole seconds. That an old version may be taken away is said by one type,
//! [`Kept`], and only of a version that is there, is enabled, and is what everyone gets or was followed by what everyone
//! gets.

use super::version::{Current, Version, short};
use crate::failure::{Failure, Retry};
use std::ops::Deref;

/// The tag that names the run on a version of ours.
pub const TAG_RUN: &str = "stanch-run";
/// The tag that holds the key of the effect that put a version in.
pub const TAG_EFFECT: &str = "stanch-effect";

/// All versions of a secret, as the vault listed them at one moment.
#[derive(Clone, Debug, Default)]
pub struct History {
    versions: Vec<Version>,
    seen_before: Vec<String>,
}

impl History {
    /// Takes a list as the vault gave it, in any order.
    pub fn new(versions: Vec<Version>) -> Self {
        Self { versions, seen_before: Vec::new() }
    }

    /// Says which versions a rotation saw before it put its own in: they are older, whatever the times say.
    #[must_use]
    pub fn seen_before(mut self, versions: Vec<String>) -> Self {
        self.seen_before = versions;
        self
    }

    /// All of them, in no order.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version that everyone gets; where it is disabled, so that nobody can read which one it is, the newest. Nothing
    /// where there is no secret.
    pub fn latest(&self, current: &Current) -> Option<&Version> {
        match current {
            Current::Enabled(id) => self.version(id),
            Current::Disabled => self.versions.iter().max_by_key(|version| version.created),
            Current::Missing => None,
        }
    }

    /// Those of the newest second: one that is put in now may be of the same.
    pub fn newest(&self) -> impl Iterator<Item = &Version> {
        let last = self.versions.iter().map(|version| version.created).max();
        self.versions.iter().filter(move |version| Some(version.created) == last)
    }

    /// The version that an effect put in: the oldest of those that carry its key. Who reads the key can copy it to another
    /// version, but only once the effect's own is there.
    pub fn put_in_by(&self, effect: &str) -> Option<&Version> {
        let carries = |version: &&Version| version.tags.get(TAG_EFFECT).is_some_and(|tag| tag == effect);
        self.versions.iter().filter(carries).min_by_key(|version| version.created)
    }

    /// Those that a run put in.
    pub fn of_run(&self, run: &str) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(move |version| is_of(version, run))
    }

    /// The version that took the place of others, if the vault lists it.
    pub fn successor(&self, id: &str) -> Result<Successor<'_>, Failure> {
        let found = self.version(id).map(|version| Successor { history: self, version });
        found.ok_or_else(|| {
            Failure::refused(format!("the version to keep, `{id}`, is not in the vault"))
                .help("it is the one that a rotation put in: `keep: ${{ steps.rotate.outputs.version }}`")
        })
    }

    /// The version that stays while older ones are taken away, once it is certain that nobody is left without a value.
    pub fn keeping(&self, id: &str, current: &Current) -> Result<Kept<'_>, Failure> {
        let successor = self.successor(id)?;
        if !successor.enabled {
            return Err(Failure::refused(format!("the version to keep, `{id}`, is disabled"))
                .help("enable it or rotate again: without an enabled current version every reader gets 403"));
        }
        let Some(everyone) = current.enabled() else {
            return Err(Failure::refused("the version that everyone gets is disabled")
                .help("somebody put a disabled version in after the rotation; enable it or rotate again"));
        };
        let older = successor.older(current);
        if let Some(version) = older.iter().find(|version| version.id == everyone) {
            return Err(Failure::refused(format!(
                "the vault gives everyone {}, which is older than the new version",
                short(&version.id)
            ))
            .because("nothing is taken away as long as it is what everyone reads")
            .help("if the vault takes a while to follow, resume; else rotate once more, in another run")
            .retry(Retry::Later));
        }
        Ok(Kept { successor, older })
    }

    fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }
}

fn is_of(version: &Version, run: &str) -> bool {
    version.tags.get(TAG_RUN).is_some_and(|tag| tag == run)
}

/// A version that took the place of others. Whether those may be taken away is another question: see [`Kept`].
#[derive(Clone, Copy, Debug)]
pub struct Successor<'a> {
    history: &'a History,
    version: &'a Version,
}

/// What everyone gets, seen from a version that took the place of others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Served<'a> {
    /// The version itself.
    Itself,
    /// Another one of the same run: the same value, put in again.
    Again(&'a Version),
    /// A later one, which somebody else put in since.
    Later(&'a Version),
    /// Nothing, or something older; or the version can be read by nobody.
    Otherwise,
}

impl<'a> Successor<'a> {
    /// The version itself.
    pub fn version(&self) -> &'a Version {
        self.version
    }

    /// The versions that came before.
    ///
    /// A version of the same second counts as older unless everyone gets it: taking it away takes nothing from them, and
    /// leaving it might leave the leaked value. What somebody else put in afterwards is not ours to take away.
    pub fn older(&self, current: &Current) -> Vec<&'a Version> {
        let came_before = |version: &&Version| {
            let same_second = version.created == self.version.created && current.enabled() != Some(version.id.as_str());
            let is_older = version.created < self.version.created || same_second;
            version.id != self.version.id && (is_older || self.history.seen_before.contains(&version.id))
        };
        self.history.versions.iter().filter(came_before).collect()
    }

    /// What the effect that put this version in put in once more: a request whose answer was lost arrived after all.
    pub fn late(&self) -> Vec<&'a Version> {
        let came_late = |version: &&Version| {
            let same = |tag| version.tags.get(tag) == self.version.tags.get(tag);
            version.id != self.version.id
                && self.version.tags.contains_key(TAG_EFFECT)
                && same(TAG_RUN)
                && same(TAG_EFFECT)
        };
        self.history.versions.iter().filter(came_late).collect()
    }

    /// Whether a late version stands in the way of this one. It may be the current one although it is disabled, which
    /// leaves every reader with 403.
    pub fn is_hidden_by(&self, late: &Version, current: &Current) -> bool {
        match current {
            Current::Enabled(id) => *id == late.id,
            Current::Disabled => self.version.created <= late.created,
            Current::Missing => false,
        }
    }

    /// What everyone gets in this version's place. `run` is the one that put it in.
    pub fn served(&self, current: &Current, run: &str) -> Served<'a> {
        let everyone = current.enabled().and_then(|id| self.history.version(id)).filter(|_| self.version.enabled);
        match everyone {
            Some(version) if version.id == self.version.id => Served::Itself,
            Some(version) if is_of(version, run) => Served::Again(version),
            Some(version) if version.created >= self.version.created => Served::Later(version),
            Some(_) | None => Served::Otherwise,
        }
    }
}

impl Deref for Successor<'_> {
    type Target = Version;

    fn deref(&self) -> &Version {
        self.version
    }
}

/// A version that stays, with those that may be taken away.
#[derive(Clone, Debug)]
pub struct Kept<'a> {
    successor: Successor<'a>,
    older: Vec<&'a Version>,
}

impl<'a> Kept<'a> {
    /// The versions that came before.
    pub fn older(&self) -> &[&'a Version] {
        &self.older
    }
}

impl<'a> Deref for Kept<'a> {
    type Target = Successor<'a>;

    fn deref(&self) -> &Successor<'a> {
        &self.successor
    }
}

#[cfg(test)]
mod tests {
    use super::{History, Served, TAG_EFFECT, TAG_RUN};
    use crate::vault::{Current, Version};
    use std::collections::BTreeMap;

    /// `ID@SECOND`, `!` behind it for a disabled one, `#EFFECT` for one that our run put in.
    fn version(text: &str) -> Version {
        let (place, effect) = text.split_once('#').map_or((text, None), |(place, effect)| (place, Some(effect)));
        let (id, second) = place.trim_end_matches('!').split_once('@').unwrap();
        let created = chrono::DateTime::from_timestamp(second.parse().unwrap(), 0).unwrap();
        let tags = effect.into_iter().flat_map(|effect| [(TAG_RUN, "r"), (TAG_EFFECT, effect)]);
        Version {
            id: id.to_owned(),
            enabled: !place.ends_with('!'),
            created,
            updated: created,
            expires: None,
            not_before: None,
            content_type: None,
            tags: tags.map(|(tag, text)| (tag.to_owned(), text.to_owned())).collect::<BTreeMap<_, _>>(),
            managed: false,
        }
    }

    fn history(versions: &str, seen: &str) -> History {
        let seen = seen.split_whitespace().map(str::to_owned).collect();
        History::new(versions.split_whitespace().map(version).collect()).seen_before(seen)
    }

    fn current(text: &str) -> Current {
        match text {
            "disabled" => Current::Disabled,
            "missing" => Current::Missing,
            id => Current::Enabled(id.to_owned()),
        }
    }

    fn ids<'a>(versions: impl IntoIterator<Item = &'a Version>) -> String {
        versions.into_iter().map(|version| version.id.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn older_versions_are_told_in_every_history() {
        for (versions, seen, everyone, older) in [
            ("new@9#e old@1 older@0", "old", "new", "old older"),
            ("old@1! new@9#e", "old", "new", "old"),
            // Of the same second: older, unless everyone gets it and the rotation did not see it before.
            ("new@9#e twin@9", "", "new", "twin"),
            ("new@9#e twin@9", "", "twin", ""),
            ("new@9#e twin@9", "twin", "twin", "twin"),
            ("new@9#e twin@9", "", "disabled", "twin"),
            // Somebody else's, put in since.
            ("new@9#e theirs@10 old@1", "old", "theirs", "old"),
            ("new@9#e theirs@10 old@1 twin@9", "old twin", "theirs", "old twin"),
            // The vault's clock went back between the two.
            ("new@9#e leaked@12", "leaked", "new", "leaked"),
            ("new@9#e", "", "new", ""),
        ] {
            let history = history(versions, seen);
            let successor = history.successor("new").unwrap();
            assert_eq!(ids(successor.older(&current(everyone))), older, "{versions}, everyone gets {everyone}");
        }
    }

    #[test]
    fn nothing_is_taken_away_unless_everyone_gets_a_value_that_stays() {
        for (versions, seen, everyone, outcome) in [
            ("new@9#e old@1", "old", "new", Ok("old")),
            ("new@9#e old@1 theirs@10", "old", "theirs", Ok("old")),
            ("new@9#e twin@9", "", "twin", Ok("")),
            ("new@9#e", "", "new", Ok("")),
            ("old@1", "old", "old", Err("is not in the vault")),
            ("", "", "missing", Err("is not in the vault")),
            ("new@9!#e old@1", "old", "old", Err("`new`, is disabled")),
            ("new@9#e old@1", "old", "disabled", Err("everyone gets is disabled")),
            ("new@9#e old@1", "old", "missing", Err("everyone gets is disabled")),
            ("new@9#e old@1", "old", "old", Err("gives everyone old, which is older")),
            ("new@9#e twin@9", "twin", "twin", Err("gives everyone twin, which is older")),
        ] {
            let history = history(versions, seen);
            let kept = history.keeping("new", &current(everyone)).map(|kept| ids(kept.older().iter().copied()));
            match (kept, outcome) {
                (Ok(older), Ok(expected)) => assert_eq!(older, expected, "{versions}, everyone gets {everyone}"),
                (Err(failure), Err(expected)) => assert!(failure.summary.contains(expected), "{}", failure.summary),
                (got, expected) => panic!("{versions}, everyone gets {everyone}: {got:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_came_late_is_of_the_same_effect_and_may_hide_what_stays() {
        let history = history("new@9#e again@10#e other@11#f theirs@12 off@8!#e", "");
        let successor = history.successor("new").unwrap();
        assert_eq!(ids(successor.late()), "again off");
        assert_eq!(ids(history.of_run("r")), "new again other off");
        assert_eq!(history.put_in_by("f").map(|version| version.id.as_str()), Some("other"));
        assert_eq!(ids(history.successor("theirs").unwrap().late()), "", "a version without our tags has no late ones");
        let [again, off] = successor.late()[..] else { panic!() };
        for (late, everyone, hidden) in [
            (again, "again", true),
            (again, "new", false),
            (again, "theirs", false),
            (again, "disabled", true),
            (off, "disabled", false),
            (again, "missing", false),
        ] {
            assert_eq!(successor.is_hidden_by(late, &current(everyone)), hidden, "{} {everyone}", late.id);
        }
    }

    #[test]
    fn what_everyone_gets_in_its_place_has_a_name() {
        for (versions, everyone, served) in [
            ("new@9#e old@1", "new", "itself"),
            ("new@9#e again@10#f", "again", "again"),
            ("new@9#e theirs@10", "theirs", "later"),
            ("new@9#e theirs@9", "theirs", "later"),
            ("new@9#e old@1", "old", "otherwise"),
            ("new@9#e old@1", "disabled", "otherwise"),
            ("new@9#e old@1", "missing", "otherwise"),
            ("new@9!#e theirs@10", "theirs", "otherwise"),
        ] {
            let history = history(versions, "");
            let got = match history.successor("new").unwrap().served(&current(everyone), "r") {
                Served::Itself => "itself",
                Served::Again(_) => "again",
                Served::Later(_) => "later",
                Served::Otherwise => "otherwise",
            };
            assert_eq!(got, served, "{versions}, everyone gets {everyone}");
        }
    }

    #[test]
    fn the_latest_is_the_current_one_or_else_the_newest() {
        let history = history("one@1 two@2 also@2", "");
        assert_eq!(ids(history.latest(&current("one"))), "one");
        assert!(["two", "also"].contains(&ids(history.latest(&current("disabled"))).as_str()));
        assert_eq!(ids(history.latest(&current("missing"))), "");
        assert_eq!(ids(history.newest()), "two also");
        assert_eq!(ids(History::default().newest()), "");
    }
}
