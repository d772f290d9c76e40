//! What a secret, its readers and its audit trail look like before anything is changed.

use super::findings::{Broken, Check, Verdict};
use crate::audit::{self, BlastRadius, Own, Place, Query, Reader, Source};
use crate::azure::{Azure, Vault};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::failure::Failure;
use crate::vault::SecretUrl;
use crate::vault::short;
use crate::vault::{Current, Version};

/// How far back a reader counts as one.
const BASELINE: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// What was seen of one secret.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) checks: Vec<Check>,
    pub(super) versions: usize,
    pub(super) enabled: usize,
    /// How many principals read it of late.
    pub(super) readers: usize,
    /// Those that ask for a version by its number.
    pub(super) pinned: Vec<Broken>,
}

pub(super) async fn look(
    secret: &SecretUrl,
    azure: &Azure,
    config: &Config,
    own: &[String],
    (since, now): (Timestamp, Timestamp),
) -> Seen {
    let mut seen = Seen::default();
    match versions(secret, azure).await {
        Ok((versions, current)) => {
            seen.versions = versions.len();
            seen.enabled = versions.iter().filter(|version| version.enabled).count();
            seen.checks.push(Check::fine(format!("can list and read the versions of `{}`", secret.name)));
            seen.checks.push(state(secret, &versions, &current));
            let unseen =
                format!("whether versions of `{}` may be set and disabled: the first write tells", secret.name);
            seen.checks.push(Check::new(Verdict::Unseen, unseen));
        }
        Err(failure) => seen.checks.push(Check::of(Verdict::Failed, &failure)),
    }
    let Some(place) = config.archive(&secret.vault.name) else {
        let what = format!("no audit source for `{}`: who read it will not be known", secret.vault.name);
        let help = "name one under `audit:` in stanch.yaml; without one the whole overlap is waited for";
        seen.checks.push(Check::new(Verdict::Warning, what).help(help));
        return seen;
    };
    match trail(secret, azure, config, own, &place, (since, now)).await {
        Ok((radius, readers)) => {
            seen.checks.push(coverage(&radius, now));
            // Where the known callers are listed, a stranger is nobody that a revocation could break.
            let listed = !config.known_callers(secret).is_empty();
            let (known, strangers): (Vec<&Reader>, Vec<&Reader>) =
                readers.iter().filter(|reader| !reader.own).partition(|reader| reader.known || !listed);
            seen.checks.extend(unknown(&strangers));
            seen.readers = known.len();
            seen.pinned = known.into_iter().filter_map(pinned).collect();
        }
        Err(failure) => seen.checks.push(Check::of(Verdict::Warning, &failure)),
    }
    seen
}

async fn versions(secret: &SecretUrl, azure: &Azure) -> Result<(Vec<Version>, Current), Failure> {
    let vault = Vault::open(&secret.vault, azure)?;
    let versions = vault.versions(&secret.name).await?;
    let current = vault.current(&secret.name).await?;
    if versions.is_empty() || current == Current::Missing {
        let help = match vault.deleted(&secret.name).await {
            Ok(true) => "it is soft-deleted; recover it first",
            Ok(false) | Err(_) => "check the URL; names are shown by `az keyvault secret list`",
        };
        return Err(
            Failure::refused(format!("there is no secret `{}` in `{}`", secret.name, secret.vault.name)).help(help)
        );
    }
    if versions.iter().any(|version| version.managed) {
        return Err(Failure::refused(format!("`{}` belongs to a certificate of the vault", secret.name))
            .help("rotate the certificate: Key Vault writes this secret by itself"));
    }
    Ok((versions, current))
}

fn state(secret: &SecretUrl, versions: &[Version], current: &Current) -> Check {
    let enabled = versions.iter().filter(|version| version.enabled).count();
    let count = if versions.len() == 1 { "1 version".to_owned() } else { format!("{} versions", versions.len()) };
    match current {
        Current::Enabled(id) => {
            let since = versions.iter().find(|version| version.id == *id).map(|version| version.created);
            let since = since.map(|since| format!(" since {}", since.format("%Y-%m-%d"))).unwrap_or_default();
            Check::fine(format!("{count} of `{}`, {enabled} enabled; current {}{since}", secret.name, short(id)))
        }
        Current::Disabled | Current::Missing => {
            let what = format!("the current version of `{}` is disabled: everyone who reads it fails", secret.name);
            Check::new(Verdict::Warning, what).help("a rotation puts a new one in, which brings them back")
        }
    }
}

async fn trail(
    secret: &SecretUrl,
    azure: &Azure,
    config: &Config,
    own: &[String],
    place: &Place,
    (since, now): (Timestamp, Timestamp),
) -> Result<(BlastRadius, Vec<Reader>), Failure> {
    let source = Source::open(place, azure, &secret.vault.host)?;
    let query = Query {
        own: Own { prefixes: own.to_vec() },
        known: config.known_callers(secret),
        names: config.caller_names(secret),
        ..Query::new(secret, since, now)
    };
    let asked = tokio::task::spawn_blocking(move || {
        let radius = audit::blast_radius(&source, &query)?;
        let baseline = Query { since: now - BASELINE, ..query };
        Ok((radius, audit::readers(&source, &baseline)?))
    });
    asked.await.map_err(|error| Failure::refused(format!("the audit trail could not be read: {error}")))?
}

fn coverage(radius: &BlastRadius, now: Timestamp) -> Check {
    let coverage = &radius.coverage;
    let Some(horizon) = coverage.horizon else {
        let what = "the audit trail answers, and holds no entry of this vault since the exposure";
        return Check::new(Verdict::Warning, what)
            .help("a quiet vault looks the same as one whose diagnostic settings send nothing");
    };
    let behind = (now - horizon).num_minutes();
    let first = coverage.first.get(..16).unwrap_or(&coverage.first).replace('T', " ");
    let what =
        format!("the audit trail answers, from {first} to {} ({behind} minutes behind)", horizon.format("%H:%M"));
    match coverage.gaps.len() {
        0 => Check::fine(what),
        gaps => {
            let help = "an hour without entries is a quiet vault, or a log that was not kept";
            let gaps = if gaps == 1 { "1 stretch".to_owned() } else { format!("{gaps} stretches") };
            Check::new(Verdict::Warning, format!("{what}, with {gaps} without any entry")).help(help)
        }
    }
}

fn unknown(strangers: &[&Reader]) -> Option<Check> {
    let names: Vec<&str> = strangers.iter().map(|reader| reader.name.as_str()).collect();
    let what = match names.as_slice() {
        [] => return None,
        [name] => format!("{name} read it of late, and is none of the known callers"),
        names => format!("{} read it of late, and are none of the known callers", names.join(", ")),
    };
    Some(Check::new(Verdict::Warning, what).help("the blast radius will show what else they touched"))
}

fn pinned(reader: &Reader) -> Option<Broken> {
    let read = reader.versions.iter().find(|read| read.by_number)?;
    let times = if read.count == 1 { "once".to_owned() } else { format!("{} times", read.count) };
    Some(Broken {
        consumer: reader.name.clone(),
        version: read.version.clone(),
        because: format!("it asked for it by its number {times}, last at {}", read.last.format("%Y-%m-%d %H:%M:%SZ")),
        help: "drop the version from its reference".to_owned(),
    })
}
