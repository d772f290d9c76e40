//! A vault's lists, page by page, to their end: which a vault that is none could put off for ever.

use super::retry;
use crate::failure::Failure;
use crate::vault::Version;
use azure_core::http::pager::PagerContinuation;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// A list of thousands takes minutes.
const LONGEST: Duration = Duration::from_secs(600);
/// Most pages have 25 entries; one may have none and still not be the last.
const MOST_PAGES: usize = 10_000;
/// So many of those one behind the other are no list.
const MOST_EMPTY_PAGES: usize = 100;
/// About how many bytes of memory a list may take: more than a hundred thousand entries.
const HEAVIEST: usize = 32 << 20;
/// What each entry of a map takes beside its texts.
const MAP_ENTRY: usize = 100;

/// Where a list goes on.
pub(super) type Next = Option<PagerContinuation>;

/// What lists are made of.
pub(super) trait Entry {
    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize;
}

impl Entry for String {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Entry for Version {
    fn weight(&self) -> usize {
        let tags = self.tags.iter().map(|(name, value)| name.weight() + value.weight() + MAP_ENTRY);
        // The first entry of a map makes room for ten more.
        let map = if self.tags.is_empty() { 0 } else { 5 * MAP_ENTRY };
        let texts = self.id.capacity() + self.content_type.as_ref().map_or(0, String::capacity);
        size_of::<Self>() + texts + map + tags.sum::<usize>()
    }
}

/// All pages of a list of `vault`. One that fails for a moment is asked for again, not the whole list.
pub(super) async fn all_pages<T: Entry>(
    vault: &str,
    page: impl AsyncFn(Next) -> Result<(Vec<T>, Next), Failure>,
) -> Result<Vec<T>, Failure> {
    let begun = Instant::now();
    let (mut all, mut weight) = (Vec::new(), 0);
    let (mut from, mut followed) = (None::<PagerContinuation>, HashSet::new());
    let mut empty = 0;
    loop {
        let (entries, next) = retry::read(async || page(from.clone()).await).await?;
        empty = if entries.is_empty() { empty + 1 } else { 0 };
        weight += entries.iter().map(Entry::weight).sum::<usize>();
        all.extend(entries);
        let Some(next) = next else { return Ok(all) };
        let endless = if !followed.insert(hash(next.as_ref())) {
            Some("a page points back to an earlier one, or to itself".to_owned())
        } else if weight > HEAVIEST {
            Some(format!("after {} entries it still goes on, and no more are kept in memory", all.len()))
        } else if empty >= MOST_EMPTY_PAGES {
            Some(format!("{empty} pages one behind the other hold nothing, and it still goes on"))
        } else if followed.len() >= MOST_PAGES {
            Some(format!("after {MOST_PAGES} pages, with {} entries, it still goes on", all.len()))
        } else if begun.elapsed() > LONGEST {
            Some(format!("after {} s, with {} entries, it still goes on", LONGEST.as_secs(), all.len()))
        } else {
            None
        };
        if let Some(why) = endless {
            return Err(
                unreadable(vault, &why).help("find out what answers in the vault's place, if it holds less than that")
            );
        }
        tracing::info!(vault, entries = all.len(), "listing goes on");
        from = Some(next);
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A list that is not whole is none: what it leaves out would never be revoked.
/// What an entry of a list has that none can have, or lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Misshapen(pub(super) &'static str);

/// The entries of a page, if each is what it should be: one that is passed over would be one that nobody acts on.
pub(super) fn whole<T>(vault: &str, entries: impl Iterator<Item = Result<T, Misshapen>>) -> Result<Vec<T>, Failure> {
    let (mut whole, mut wrong) = (Vec::new(), BTreeMap::<Misshapen, usize>::new());
    for entry in entries {
        match entry {
            Ok(entry) => whole.push(entry),
            Err(misshapen) => *wrong.entry(misshapen).or_default() += 1,
        }
    }
    let Some((Misshapen(what), count)) = wrong.iter().next() else { return Ok(whole) };
    let all = whole.len() + wrong.values().sum::<usize>();
    Err(unreadable(vault, &format!("{count} of {all} entries of a page have {what}"))
        .help("find out what answers in the vault's place")
        .and("nothing was done on the word of this list"))
}

pub(super) fn unreadable(vault: &str, why: &str) -> Failure {
    Failure::refused(format!("the list of `{vault}` cannot be read")).because(why)
}
