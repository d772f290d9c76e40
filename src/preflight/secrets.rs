//! What a secret, its readers and its audit trail look like before anything is changed.

use super::findings::{Broken, Check, CheckResult};
use crate::actions::{Asker, NotKnown, READERS_BASELINE, Standing, Trail, standing};
use crate::audit::{self, BlastRadius, Coverage, Reader};
use crate::azure::{Azure, Vault};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::correlation::Prefix;
use crate::failure::Failure;
use crate::report::fact::counted;
use crate::runbook::duration;
use crate::vault::{Current, SecretUrl, Version, short};
use std::time::Duration;

/// A log that is no further behind than this is not late.
const SHORT: Duration = Duration::from_secs(60);
/// A log that is so far behind is late, or a quiet vault's.
const LAGGING: Duration = Duration::from_secs(10 * 60);

/// What was seen of one secret.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) checks: Vec<Check>,
    pub(super) versions: usize,
    pub(super) enabled: usize,
    /// How many principals read it of late.
    pub(super) readers: usize,
    /// Those that are pinned to a version.
    pub(super) pinned: Vec<Broken>,
}

pub(super) async fn look(
    secret: &SecretUrl,
    azure: &Azure,
    config: &Config,
    own: &[Prefix],
    (since, now): (Timestamp, Timestamp),
    overlap: Option<Duration>,
) -> Seen {
    let mut seen = Seen::default();
    match stands(secret, azure).await {
        Ok(Standing { versions, current }) => {
            seen.versions = versions.len();
            seen.enabled = versions.iter().filter(|version| version.enabled).count();
            seen.checks.push(Check::fine(format!("can list and read the versions of `{}`", secret.name)));
            seen.checks.push(state(secret, &versions, &current));
            let unseen =
                format!("write permission on `{}` cannot be tested in advance: the first write shows it", secret.name);
            seen.checks.push(Check::new(CheckResult::Unseen, unseen));
        }
        Err(failure) => seen.checks.push(Check::of(CheckResult::Failed, &failure)),
    }
    let asker = Asker { azure, config, prefixes: own, run: None };
    match trail(secret, asker, (since, now)).await {
        Ok((radius, readers)) => {
            seen.checks.push(coverage(&radius, now));
            let (readers, baseline) = readers.into_parts();
            seen.checks.extend(adoption(secret, &baseline, overlap, now));
            // Where the known callers are listed, a stranger is nobody that a revocation could break.
            let listed = !config.known_callers(secret).is_empty();
            let (known, strangers): (Vec<&Reader>, Vec<&Reader>) =
                readers.iter().filter(|reader| !reader.own).partition(|reader| reader.known || !listed);
            seen.checks.extend(unknown(&strangers));
            seen.readers = known.len();
            seen.pinned = known.into_iter().filter_map(pinned).collect();
        }
        Err(not_known) => seen.checks.push(unseen(secret, &not_known, overlap)),
    }
    seen
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
            Check::new(CheckResult::Warning, what).help("a rotation puts a new one in, which brings them back")
        }
    }
}

/// How a secret stands.
pub(super) async fn stands(secret: &SecretUrl, azure: &Azure) -> Result<Standing, Failure> {
    standing(&Vault::open(&secret.vault, azure)?, secret).await
}

async fn trail(
    secret: &SecretUrl,
    asker: Asker<'_>,
    (since, now): (Timestamp, Timestamp),
) -> Result<(BlastRadius, audit::Answer<Vec<Reader>>), NotKnown> {
    // A moment that is still to come, by another clock, is as good as the present.
    let since = since.min(now - chrono::TimeDelta::seconds(1));
    let trail = Trail::open(asker, secret, (since, now)).await?;
    let radius = trail.answer(audit::blast_radius).await.map_err(NotKnown::Unreadable)?;
    let baseline = asker.config.audit_trail(&secret.vault.name).baseline.unwrap_or(READERS_BASELINE);
    let from = now.checked_sub_signed(baseline).unwrap_or(Timestamp::MIN_UTC);
    Ok((radius, trail.within(from, now).ask(audit::readers).await?))
}

/// Without anything to look at, who reads the secret is not known, before the rotation and after it.
fn unseen(secret: &SecretUrl, not_known: &NotKnown, overlap: Option<Duration>) -> Check {
    let waited = if overlap.is_some() { "; the whole overlap is waited for" } else { "" };
    let help = match not_known {
        NotKnown::NoSource(_) => {
            let what = format!("no audit source for `{}`: who read it will not be known{waited}", secret.vault.name);
            return Check::new(CheckResult::Warning, what).help("name one under `audit:` in stanch.yaml");
        }
        NotKnown::Empty(_) => "a quiet vault looks the same as one whose diagnostic settings send nothing".to_owned(),
        NotKnown::Unreadable(failure) => failure.help.clone().unwrap_or_else(|| "see to the audit source".to_owned()),
    };
    let what = format!("who reads `{}` will not be known: {}{waited}", secret.name, not_known.because());
    Check::new(CheckResult::Warning, what).help(help)
}

/// How much the log will be able to show of who has moved, where readers are waited for.
fn adoption(secret: &SecretUrl, baseline: &Coverage, overlap: Option<Duration>, now: Timestamp) -> Option<Check> {
    let overlap = overlap?;
    let length = duration::format(overlap);
    let help = "the whole overlap is waited for, unless the log comes past the rotation by then";
    if let Some(why) = baseline.in_part() {
        let what = format!("who has moved to a new version of `{}` may not be seen: {why}", secret.name);
        return Some(Check::new(CheckResult::Warning, what).help(help));
    }
    let behind = (now - baseline.horizon?).to_std().unwrap_or_default();
    // Readers need their share of the overlap, too. Where none is waited for here, it was before the step.
    let enough = if overlap.is_zero() { LAGGING } else { (overlap / 2).max(SHORT) };
    if behind < enough {
        return None;
    }
    let with = if overlap.is_zero() { String::new() } else { format!("with an overlap of {length} ") };
    let what = format!(
        "the log is {} behind: {with}it may not show who has moved to a new version of `{}`",
        counted(behind.as_secs() / 60, "minute"),
        secret.name
    );
    Some(Check::new(CheckResult::Warning, what).help(help))
}

fn coverage(radius: &BlastRadius, now: Timestamp) -> Check {
    let coverage = &radius.coverage;
    let Some(horizon) = coverage.horizon else {
        let what = "the audit trail answers, and holds no entry of this vault since the exposure";
        return Check::new(CheckResult::Warning, what)
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
            Check::new(CheckResult::Warning, format!("{what}, with {gaps} without any entry")).help(help)
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
    Some(Check::new(CheckResult::Warning, what).help("the blast radius will show what else they touched"))
}

fn pinned(reader: &Reader) -> Option<Broken> {
    let read = reader.versions.iter().find(|read| read.by_number)?;
    let times = if read.count == 1 { "once".to_owned() } else { format!("{} times", read.count) };
    Some(Broken {
        consumer: reader.name.clone(),
        version: read.version.clone(),
        because: format!("it asked for exactly that version {times}, last at {}", crate::clock::second(read.last)),
        help: "drop the version from its reference".to_owned(),
    })
}
