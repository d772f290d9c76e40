//! What is asked of the log, and the same made ready for comparing.

use super::event::Event;
use super::thresholds::Thresholds;
use crate::azure::Caller;
use crate::clock::Timestamp;
use crate::correlation::{MARK, Prefix};
use crate::failure::Failure;
use crate::vault::{SecretUrl, VaultUrl};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of the log: who touched this secret in this window.
#[derive(Clone, Debug)]
pub struct Query {
    /// The vault's name, `kv-drill`; the archive's folders are chosen by it.
    pub vault: String,
    /// The vault's host, `kv-drill.vault.azure.net`; it speaks for entries that do not name their resource.
    pub vault_host: String,
    /// The secret's name; case does not count.
    pub secret: String,
    /// The version that leaked, where it is known.
    pub version: Option<String>,
    /// The first moment that counts.
    pub since: Timestamp,
    /// The first moment that no longer counts.
    pub until: Timestamp,
    /// How long before `since` the log is read to learn what is ordinary. Whoever used the secret then is known.
    pub baseline: Option<TimeDelta>,
    /// Object ids of the principals expected to read the secret; case does not count.
    pub known: BTreeSet<String>,
    /// Readable names of object ids and application ids.
    pub names: BTreeMap<String, String>,
    /// Other vaults in which to look for what the unrecognised callers did.
    pub other_vaults: Vec<VaultUrl>,
    /// Which requests were our own.
    pub own: Own,
    /// From when on what is ordinary becomes a finding.
    pub thresholds: Thresholds,
}

impl Query {
    /// A question about a secret in a window, with nobody known and nothing our own.
    pub fn new(secret: &SecretUrl, since: Timestamp, until: Timestamp) -> Self {
        Self {
            vault: secret.vault.name.clone(),
            vault_host: secret.vault.host.clone(),
            secret: secret.name.clone(),
            version: secret.version.clone(),
            since,
            until,
            baseline: None,
            known: BTreeSet::new(),
            names: BTreeMap::new(),
            other_vaults: Vec::new(),
            own: Own::default(),
            thresholds: Thresholds::default(),
        }
    }
}

/// Which requests were this program's own.
///
/// An entry is ours if its request id begins as those of a run do that this state directory knows. Of runs elsewhere only
/// the mark is known that all our ids begin with ([`correlation::MARK`]). Anybody can copy it, so it is believed only of the
/// principal that we sign in as ourselves: that one the vault has read off a token that it verified, no caller chooses it.
/// Under another principal, or where it is not known who we are, such an entry only claims to be ours: it is named so, and
/// counts as a stranger's. Our principal without the mark is not ours either: somebody may use our identity. Whoever has
/// our identity and copies the mark is believed; who could do that could read as us anyway.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The beginnings of the request ids we send; case does not count, and an empty one matches nothing.
    pub prefixes: Vec<Prefix>,
    /// The run that asks, whose requests are told from those of other runs.
    pub run: Option<String>,
    /// Who we are, if we have signed in.
    pub caller: Option<Caller>,
}

/// Whose request an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    #[default]
    Others,
    /// Its id begins as ours do, and nothing shows that it is ours.
    Claimed,
    AnotherRun,
    ThisRun,
}

impl Whose {
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::AnotherRun | Self::ThisRun)
    }
}

/// A vault, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultName {
    pub(crate) name: String,
    pub(crate) host: String,
}

/// A [`Query`] that passed its checks, everything to compare in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The secret's own vault.
    pub(crate) vault: VaultName,
    pub(crate) other_vaults: Vec<VaultName>,
    pub(crate) secret: String,
    pub(crate) version: Option<String>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// Where the baseline begins; `since` where there is none.
    pub(crate) from: Timestamp,
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) thresholds: Thresholds,
    /// With beginnings in lower case, none of them empty.
    pub(crate) own: Own,
    /// Whether the newest entry of the vault must be found exactly, also in files that do not say whose they are.
    pub(crate) exact_horizon: bool,
    known: BTreeSet<String>,
}

impl Question {
    pub(crate) fn new(query: &Query) -> Result<Self, Failure> {
        if !is_name(&query.secret) {
            return Err(Failure::refused(format!("`{}` is not a secret's name", query.secret))
                .help("give the name alone: 1 to 127 letters, digits and dashes"));
        }
        if !is_vault_name(&query.vault) {
            return Err(Failure::refused(format!("`{}` is not a vault's name", query.vault))
                .help("give the name alone, as in https://NAME.vault.azure.net"));
        }
        if query.since >= query.until {
            return Err(Failure::refused(format!("the window from {} to {} is empty", query.since, query.until))
                .help("let `since` be before `until`"));
        }
        let lower = |text: &String| text.trim().to_lowercase();
        let vault = VaultName { name: lower(&query.vault), host: lower(&query.vault_host) };
        let mut other_vaults = Vec::new();
        for other in &query.other_vaults {
            let other = VaultName { name: lower(&other.name), host: lower(&other.host) };
            if other != vault && !other_vaults.contains(&other) {
                other_vaults.push(other);
            }
        }
        let prefixes = query.own.prefixes.iter().map(|own| Prefix { text: lower(&own.text), run: own.run.clone() });
        Ok(Self {
            vault,
            other_vaults,
            secret: lower(&query.secret),
            version: query.version.as_ref().map(lower),
            since: query.since,
            until: query.until,
            from: query.baseline.and_then(|length| query.since.checked_sub_signed(length)).unwrap_or(query.since),
            names: query.names.iter().map(|(id, name)| (lower(id), name.clone())).collect(),
            thresholds: query.thresholds.clone(),
            own: Own { prefixes: prefixes.filter(|prefix| !prefix.text.is_empty()).collect(), ..query.own.clone() },
            exact_horizon: false,
            known: query.known.iter().map(lower).filter(|oid| !oid.is_empty()).collect(),
        })
    }

    /// All vaults that are looked into, the secret's own first.
    pub(crate) fn vaults(&self) -> impl Iterator<Item = &VaultName> {
        std::iter::once(&self.vault).chain(&self.other_vaults)
    }

    /// The same question about the secret's own vault alone.
    pub(crate) fn of_own_vault(&self) -> Self {
        Self { other_vaults: Vec::new(), ..self.clone() }
    }

    /// The same question without the baseline before the window.
    pub(crate) fn without_baseline(&self) -> Self {
        Self { from: self.since, ..self.clone() }
    }

    /// The same question, whose answer must know the newest entry of the vault.
    pub(crate) fn with_exact_horizon(self) -> Self {
        Self { exact_horizon: true, ..self }
    }

    /// Whether a moment lies in the window: from `since` on, before `until`.
    pub(crate) fn is_in_window(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// Whether a moment lies in the baseline before the window.
    pub(crate) fn is_before(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.since
    }

    /// Whether an entry is of the secret's own vault.
    pub(crate) fn is_of_own_vault(&self, event: &Event<'_>) -> bool {
        event.is_of_vault(&self.vault.name, &self.vault.host)
    }

    /// The name of the vault an entry is of, if it is one of those that are looked into.
    pub(crate) fn vault_of(&self, event: &Event<'_>) -> Option<&str> {
        self.vaults().find(|vault| event.is_of_vault(&vault.name, &vault.host)).map(|vault| vault.name.as_str())
    }

    pub(crate) fn is_listed(&self, caller: &str) -> bool {
        self.known.contains(caller)
    }

    /// Whether anything says who is meant to read the secret.
    pub(crate) fn has_reference(&self) -> bool {
        !self.known.is_empty() || self.from < self.since
    }

    /// Whose request an entry is, and of which run, where that is known.
    pub(crate) fn whose(&self, event: &Event<'_>) -> (Whose, Option<&str>) {
        let id = event.correlation.as_bytes();
        let begins =
            |with: &str| id.get(..with.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(with.as_bytes()));
        match self.own.prefixes.iter().rev().find(|prefix| begins(&prefix.text)) {
            Some(prefix) if prefix.run.is_some() && prefix.run == self.own.run => {
                (Whose::ThisRun, prefix.run.as_deref())
            }
            Some(prefix) => (Whose::AnotherRun, prefix.run.as_deref()),
            None if !begins(MARK) => (Whose::Others, None),
            None if self.own.caller.as_ref().is_some_and(|we| is_of(event, we)) => (Whose::AnotherRun, None),
            None => (Whose::Claimed, None),
        }
    }
}

/// Whether a principal made a request. Its object id decides: all who use the same program share an application's id,
/// which counts only where neither side has more.
fn is_of(event: &Event<'_>, caller: &Caller) -> bool {
    let same = |one: &str, other: &str| !one.is_empty() && one.eq_ignore_ascii_case(other);
    let nameless = caller.oid.is_empty() && event.oid.is_empty() && event.upn.is_empty();
    same(&caller.oid, &event.oid) || (nameless && same(&caller.appid, &event.appid))
}

/// Whether a text can be a secret's name; such a text needs no escape anywhere.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text can be a vault's name, or the address of a server on this machine that stands for one.
fn is_vault_name(text: &str) -> bool {
    is_name(text) || text.parse::<std::net::IpAddr>().is_ok()
}
