//! Vaults become an answer: every version that can be read is compared, what cannot be read is counted with its
//! reason.

use super::matched::Match;
use super::needle::Needle;
use crate::azure::{Azure, ListedSecret, SecretReading, Vault};
use crate::clock;
use crate::engine::RetryPolicy;
use crate::failure::Failure;
use crate::vault::{Current, Version};
use crate::vault::{SecretUrl, VaultUrl};
use futures::{StreamExt, stream};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many secrets of one vault are worked on at a time.
const SECRETS_AT_A_TIME: usize = 12;
/// A subscription takes five times what a vault takes.
const VAULTS_AT_A_TIME: usize = 5;
/// What a failing vault or a throttling one is given before its answer is counted as none.
const PATIENCE: RetryPolicy = RetryPolicy { max: 6, first: Duration::from_secs(1), longest: Duration::from_secs(30) };
/// The same for a list, whose every page has been asked for several times already.
const FIRST: RetryPolicy = RetryPolicy { max: 1, ..PATIENCE };

/// What was found, and how much of the vaults was seen.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The strongest first.
    pub found: Vec<Found>,
    pub vaults: Vec<Searched>,
    /// What of the leaked text was not looked for.
    pub not_tried: Vec<String>,
}

/// A version that holds the value.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Without a version.
    pub secret: SecretUrl,
    #[serde(skip)]
    pub vault: VaultUrl,
    pub version: Version,
    /// Whether everyone gets it who asks for none.
    pub current: bool,
    #[serde(flatten)]
    pub matched: Match,
}

/// What was seen of one vault.
#[derive(Debug, Serialize)]
pub struct Searched {
    pub vault: VaultUrl,
    /// Secrets it lists.
    pub secrets: usize,
    /// Versions whose value was compared.
    pub versions: usize,
    /// Versions in which what leaked stands, but only in what lets nobody in.
    pub harmless: usize,
    pub unread: Vec<Unread>,
    /// Why it could not be searched at all, or its deleted secrets not be listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Whether its secrets could be listed.
    pub listed: bool,
}

/// A secret or a version that was not compared.
#[derive(Clone, Debug, Serialize)]
pub struct Unread {
    pub secret: String,
    /// Nothing where the secret's versions could not even be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub because: Because,
}

impl Unread {
    /// Nothing of it came; else it was read, and could not be looked through.
    fn was_not_read(&self) -> bool {
        !matches!(self.because, Because::Partly | Because::Sealed)
    }
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// This identity may not; the vault's own code.
    Forbidden(String),
    Disabled,
    /// Soft-deleted.
    Deleted,
    /// No answer came, however often it was asked.
    Failed(String),
    /// It was read, and holds more texts in one another than are looked at.
    Partly,
    /// It was read, and what is in it is encrypted or compressed.
    Sealed,
}

/// How far a search is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A secret holds the value; the search goes on.
    Found(SecretUrl),
    /// A vault lists so many secrets.
    Listed(usize),
    /// A secret is done.
    Read { versions: usize },
}

impl Because {
    /// So many of them, in words: `3 versions, no get permission`.
    pub fn describe(&self, count: usize) -> String {
        let (what, why) = match self {
            Self::Forbidden(_) => ("version", "no get permission"),
            Self::Disabled => ("version", "disabled"),
            Self::Deleted => ("secret", "deleted"),
            Self::Failed(_) => ("question", "no answer"),
            Self::Partly => ("version", "not looked through to the end"),
            Self::Sealed => ("version", "encrypted or compressed"),
        };
        format!("{count} {what}{}, {why}", if count == 1 { "" } else { "s" })
    }
}

impl Answer {
    /// Whether everything there is was compared with all that leaked.
    pub fn is_complete(&self) -> bool {
        let is_whole = |searched: &Searched| searched.unread.is_empty() && searched.failures.is_empty();
        self.is_answered() && self.vaults.iter().all(is_whole)
    }

    /// Whether a miss is an answer: every vault could be searched, for all that leaked, and everything that was read looked
    /// through. What single secrets hide stands in [`Searched::unread`].
    pub fn is_answered(&self) -> bool {
        self.not_tried.is_empty()
            && self.vaults.iter().all(|searched| searched.listed && searched.unread.iter().all(Unread::was_not_read))
    }

    /// How many secrets or versions were not compared, by reason.
    pub fn unread(&self) -> BTreeMap<Because, usize> {
        let mut counts = BTreeMap::new();
        for unread in self.vaults.iter().flat_map(|searched| &searched.unread) {
            *counts.entry(unread.because.clone()).or_default() += 1;
        }
        counts
    }
}

/// Looks for a value in vaults. `progress` is told how far it is, from several tasks.
pub async fn search(azure: &Azure, vaults: &[VaultUrl], needle: &Needle, progress: &impl Fn(Progress)) -> Answer {
    let searches = vaults.iter().map(|vault| search_vault(azure, vault, needle, progress));
    let mut answers: Vec<(Searched, Vec<Found>)> =
        stream::iter(searches).buffered(VAULTS_AT_A_TIME.max(1)).collect().await;
    let mut found: Vec<Found> = answers.iter_mut().flat_map(|(_, found)| std::mem::take(found)).collect();
    found.sort_by_key(|found| (rank(found), found.secret.to_string(), std::cmp::Reverse(found.version.created)));
    let vaults = answers.into_iter().map(|(searched, _)| searched).collect();
    let mut answer = Answer { not_tried: needle.not_tried(!found.is_empty()), found, vaults };
    let sealed = answer.unread().get(&Because::Sealed).copied().unwrap_or(0);
    if sealed > 0 {
        let versions = if sealed == 1 { "1 version".to_owned() } else { format!("{sealed} versions") };
        answer.not_tried.push(format!("what is inside of {versions}: encrypted or compressed"));
    }
    answer
}

/// The value itself before what holds it; what is current before what is not.
fn rank(found: &Found) -> (u8, bool) {
    (found.matched.rank(), !found.current)
}

async fn search_vault(
    azure: &Azure,
    url: &VaultUrl,
    needle: &Needle,
    progress: &impl Fn(Progress),
) -> (Searched, Vec<Found>) {
    let mut searched = Searched {
        vault: url.clone(),
        secrets: 0,
        versions: 0,
        harmless: 0,
        unread: Vec::new(),
        failures: Vec::new(),
        listed: false,
    };
    let listed = async {
        let vault = Vault::open(url, azure)?;
        // A vault that cannot be reached at all must not hold up what the others hold.
        let secrets = asked(FIRST, async || vault.secrets().await).await?;
        Ok((vault, secrets))
    };
    let (vault, secrets) = match listed.await {
        Ok(listed) => listed,
        Err(failure) => {
            searched.failures.push(failure);
            return (searched, Vec::new());
        }
    };
    searched.listed = true;
    searched.secrets = secrets.len();
    progress(Progress::Listed(secrets.len()));
    let one = |secret: ListedSecret| {
        let vault = &vault;
        async move {
            let read = read_secret(vault, url, &secret.name, needle).await;
            if let Some(found) = read.found.first() {
                progress(Progress::Found(found.secret.clone()));
            }
            progress(Progress::Read { versions: read.versions });
            read
        }
    };
    let read: Vec<Read> = stream::iter(secrets).map(one).buffer_unordered(SECRETS_AT_A_TIME).collect().await;
    let mut found = Vec::new();
    for read in read {
        searched.versions += read.versions;
        searched.harmless += read.harmless;
        searched.unread.extend(read.unread);
        found.extend(read.found);
    }
    match asked(FIRST, async || vault.deleted_secrets().await).await {
        Ok(deleted) => searched.unread.extend(deleted.into_iter().map(|secret| Unread {
            secret,
            version: None,
            because: Because::Deleted,
        })),
        // Whoever may read secrets may not always list deleted ones.
        Err(failure) => searched.failures.push(failure),
    }
    searched.unread.sort_by(|one, other| (&one.secret, &one.version).cmp(&(&other.secret, &other.version)));
    (searched, found)
}

/// What reading one secret gave.
#[derive(Default)]
struct Read {
    versions: usize,
    harmless: usize,
    unread: Vec<Unread>,
    found: Vec<Found>,
}

async fn read_secret(vault: &Vault, url: &VaultUrl, name: &str, needle: &Needle) -> Read {
    let mut read = Read::default();
    let unread = |version: Option<&Version>, because| Unread {
        secret: name.to_owned(),
        version: version.map(|version| version.id.clone()),
        because,
    };
    let versions = match asked(PATIENCE, async || vault.versions(name).await).await {
        Ok(versions) => versions,
        Err(failure) => {
            read.unread.push(unread(None, Because::Failed(failure.summary)));
            return read;
        }
    };
    let mut held = Vec::new();
    for version in versions {
        if !version.enabled {
            // Asking would be answered with 403, and would stand in the audit trail.
            read.unread.push(unread(Some(&version), Because::Disabled));
            continue;
        }
        let because = match asked(PATIENCE, async || vault.read(name, &version.id).await).await {
            Ok(SecretReading::Value(value)) => {
                read.versions += 1;
                let compared = needle.compare(&value);
                read.harmless += usize::from(compared.harmless);
                let because = match () {
                    () if !compared.whole => Some(Because::Partly),
                    () if compared.sealed => Some(Because::Sealed),
                    () => None,
                };
                let because = because.filter(|_| compared.matched.is_none());
                read.unread.extend(because.map(|because| unread(Some(&version), because)));
                held.extend(compared.matched.map(|matched| (version, matched)));
                continue;
            }
            Ok(SecretReading::Disabled) => Because::Disabled,
            Ok(SecretReading::Forbidden(code)) => Because::Forbidden(code),
            Ok(SecretReading::Gone) => Because::Deleted,
            Err(failure) => Because::Failed(failure.summary),
        };
        read.unread.push(unread(Some(&version), because));
    }
    if held.is_empty() {
        return read;
    }
    let current = asked(PATIENCE, async || vault.current(name).await).await;
    for (version, matched) in held {
        let is_current = matches!(&current, Ok(Current::Enabled(current)) if *current == version.id);
        let secret = SecretUrl { vault: url.clone(), name: name.to_owned(), version: None };
        read.found.push(Found { secret, vault: url.clone(), version, current: is_current, matched });
    }
    read
}

/// Asks, and asks again where it may help. How often the vault is asked by all of us is the transport's affair.
async fn asked<T>(patience: RetryPolicy, ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut attempt = 1;
    loop {
        let failure = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let Some(wait) = patience.wait(attempt, failure.retry, None, &failure.summary) else { return Err(failure) };
        clock::sleep(wait).await;
        attempt += 1;
    }
}
