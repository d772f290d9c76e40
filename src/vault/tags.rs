//! The tags that a new version takes over from its predecessor: as many as Key Vault takes beside those of our own, and
//! none that it would refuse.

use super::history::{TAG_EFFECT, TAG_RUN};
use std::collections::BTreeMap;

/// Key Vault takes no more.
const MOST_TAGS: usize = 15;
/// Key Vault takes no more characters of a name, and none of a text.
const LONGEST_TAG_TEXT: usize = 512;
/// Those that somebody is known to read are kept before others; in lower case.
const READ: [&str; 12] = [
    "owner",
    "team",
    "issuer",
    "issued-by",
    "provider",
    "stanch-provider",
    "provideraddress",
    "credentialid",
    "validityperioddays",
    "rotate-every",
    "runbook",
    "stanch-runbook",
];

/// What a new version takes over, with `own` in its place; and the names of those that are left out. Whoever may tag a
/// secret must not stop its containment by many tags.
pub fn taken_over(
    tags: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let ours = |name: &String| own.contains_key(name) || name == TAG_RUN || name == TAG_EFFECT;
    let mut carried: Vec<(&String, &String)> = tags.iter().filter(|(name, _)| !ours(name)).collect();
    carried.sort_by_key(|(name, _)| !READ.contains(&name.to_lowercase().as_str()));
    let (mut carried, too_long): (Vec<_>, Vec<_>) =
        carried.into_iter().partition(|(name, text)| fits(name) && fits(text));
    let own_run = [TAG_RUN, TAG_EFFECT].iter().filter(|name| !own.contains_key(**name)).count();
    let room = MOST_TAGS.saturating_sub(own.len() + own_run).min(carried.len());
    let left_out = carried.split_off(room).into_iter().chain(too_long).map(|(name, _)| shown(name)).collect();
    let carried = carried.into_iter().map(|(name, value)| (name.clone(), value.clone()));
    (carried.chain(own.clone()).collect(), left_out)
}

/// A name that may be longer than a line.
fn shown(name: &str) -> String {
    let mut letters = name.chars();
    let start: String = letters.by_ref().take(60).collect();
    if letters.next().is_some() { format!("{start}…") } else { start }
}

fn fits(text: &str) -> bool {
    text.chars().count() <= LONGEST_TAG_TEXT
}

#[cfg(test)]
mod tests {
    use super::taken_over;
    use std::collections::BTreeMap;

    fn tags(names: impl Iterator<Item = String>) -> BTreeMap<String, String> {
        names.map(|name| (name, "x".to_owned())).collect()
    }

    #[test]
    fn what_key_vault_would_refuse_is_left_out() {
        let longest = "é".repeat(512);
        let mut some = tags(["team".to_owned(), longest.clone(), "x".repeat(513)].into_iter());
        some.insert("note".to_owned(), "x".repeat(513));
        some.insert("text".to_owned(), longest.clone());
        let (kept, left_out) = taken_over(&some, &BTreeMap::new());
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["team", "text", &longest]);
        assert_eq!(left_out, ["note".to_owned(), format!("{}…", "x".repeat(60))]);
    }

    #[test]
    fn what_somebody_reads_is_left_out_last() {
        let many = tags((0..14).map(|number| format!("a{number:02}")).chain(["owner".to_owned()]));
        let own = tags(["CredentialId", "stanch-run", "stanch-effect"].map(str::to_owned).into_iter());
        let (kept, left_out) = taken_over(&many, &own);
        assert_eq!((kept.len(), left_out.len()), (15, 3));
        assert!(kept.contains_key("owner") && kept.contains_key("CredentialId"), "{kept:?}");
        let (kept, left_out) = taken_over(&kept, &own);
        assert_eq!((kept.len(), left_out.len()), (15, 0), "the next rotation has room");
    }
}
