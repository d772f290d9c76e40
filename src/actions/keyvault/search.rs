//! `keyvault/search`: a leaked value, asked for at a hidden prompt or read from standard input, becomes the secrets that
//! hold it.
//!
//! Recorded are their addresses, what the value is to them, and its keyed fingerprint. The value itself is kept
//! nowhere, so after a crash it is asked for again, unless what was found stands in the journal already.

use crate::actions::action::Action;
use crate::actions::context::Context;
use crate::actions::rotation::{ask, issued_by, providers};
use crate::command_line::CommandLine;
use crate::correlation;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::find::{Answer, Found, Needle, Progress, search};
use crate::issuers::IssuerKind;
use crate::plan::{Aim, Class, Fact};
use crate::vault::VaultUrl;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The vaults to look in, by their URLs.
    vaults: Vec<VaultUrl>,
    /// What is asked.
    #[serde(default = "prompt")]
    prompt: String,
    /// The issuers whose secrets are rotated; all unless given. Secrets of another one are named in `by_hand`.
    #[serde(default = "all")]
    providers: Vec<String>,
    /// Whether what the secrets' tags say of their issuers is left aside.
    #[serde(default)]
    ignore_tags: bool,
}

fn all() -> Vec<String> {
    IssuerKind::names().map(str::to_owned).collect()
}

fn prompt() -> String {
    "paste the leaked value, it will not be shown or stored: ".to_owned()
}

#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    /// The secret that holds it most clearly, by its URL.
    secret: String,
    /// All secrets that hold it and can be rotated, by their URLs.
    secrets: Vec<String>,
    /// Secrets that hold it and are left to a person, each with the reason.
    by_hand: Vec<ByHand>,
    /// The versions that hold it.
    versions: Vec<Holding>,
    /// Secrets that have a short part in common with the leaked text, which may be chance: they are not among `secrets`.
    doubtful: Vec<String>,
    /// A keyed hash of the value.
    fingerprint: String,
    /// How many versions were compared.
    versions_read: usize,
    /// What could not be compared, in words.
    not_read: Vec<String>,
}

/// A secret that is left to a person.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct ByHand {
    secret: String,
    because: String,
}

/// A version that holds the value.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Holding {
    secret: String,
    version: String,
    current: bool,
    /// What the value is to it.
    how: String,
}

const EXAMPLE: &str = r#"- id: find
  uses: keyvault/search
  with: { vaults: ["https://kv-prod.vault.azure.net"] }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "keyvault/search",
        Class::Read,
        "asks for a leaked value without showing it, and finds the secrets that hold it",
        "asks for the value again, unless what was found is in the journal",
        run,
    )
    .aim(Aim::Search)
    .fact(fact)
    .idempotency("it only reads; what was found is in the journal, and asked for no more")
    .example(EXAMPLE)
}

fn fact(outputs: &Outputs) -> Fact {
    let more =
        if outputs.secrets.len() > 1 { format!(" and {} more", outputs.secrets.len() - 1) } else { String::new() };
    let listed = |what: &str, names: &[&str]| {
        if names.is_empty() { String::new() } else { format!("; {what}: {}", names.join(", ")) }
    };
    let by_hand: Vec<&str> = outputs.by_hand.iter().map(|held| held.secret.as_str()).collect();
    let not_read: Vec<&str> = outputs.not_read.iter().map(String::as_str).collect();
    Fact::from(format!(
        "in {}{more}{}{}",
        outputs.secret,
        listed("action required", &by_hand),
        listed("not read", &not_read)
    ))
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    if let Some(found) = context.recorded::<Outputs>("found")? {
        context.lock(&found.secrets).await?;
        return Ok(found);
    }
    let found = find(context, &parameters, &providers(&parameters.providers)?).await?;
    if !found.secrets.is_empty() {
        context.note("found", &found).await?;
        context.lock(&found.secrets).await?;
        return Ok(found);
    }
    if !found.by_hand.is_empty() {
        let summary = format!("{} holds the value, and is rotated by other means", found.secret);
        let because = found.by_hand.into_iter().map(|held| format!("{}: {}", held.secret, held.because));
        let failure = because.fold(Failure::refused(summary), Failure::because);
        let help = "begin the runbook that fits: `stanch find` names it for each secret";
        return Err(failure.help(help).and("nothing was changed").into());
    }
    // A miss is not recorded: what was pasted may have been something else.
    let vaults: Vec<&str> = parameters.vaults.iter().map(|vault| vault.name.as_str()).collect();
    let summary =
        format!("no secret of {} holds the value; {} versions were read", vaults.join(", "), found.versions_read);
    let doubtful = found
        .doubtful
        .into_iter()
        .map(|url| format!("{url} and the leaked text have a part in common, which may be chance"));
    let failure = found.not_read.into_iter().chain(doubtful).fold(Failure::refused(summary), Failure::because);
    let again = CommandLine::stanch("resume").name(&context.services.run);
    let failure = failure.help(format!("`{again}` asks again; other vaults need another run"));
    Err(failure.and("nothing was changed").into())
}

async fn find(context: &Context, parameters: &Parameters, providers: &[IssuerKind]) -> Result<Outputs, Stop> {
    let value = ask(context, &parameters.prompt).await?;
    let needle = Needle::new(slice::from_ref(&value))?;
    let fingerprint = context.services.fingerprints.fingerprint(&value);
    drop(value);
    let (secrets, versions) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |progress| {
        if let Progress::Read { versions: read } = progress {
            let secrets = secrets.fetch_add(1, Ordering::Relaxed) + 1;
            let versions = versions.fetch_add(read, Ordering::Relaxed) + read;
            context.progress(format!("{secrets} secrets, {versions} versions read"));
        }
    };
    let searched = search(&context.services.azure, &parameters.vaults, &needle, &progress);
    let answer = correlation::scope(format!("{}/find", context.step), searched).await;
    let outputs = outputs(context, (providers, parameters.ignore_tags), &answer, fingerprint).await;
    // Containment does not wait for a vault that cannot be searched; a miss without it would be no answer.
    let mut closed = answer.vaults.iter().filter(|vault| !vault.listed).flat_map(|vault| &vault.failures);
    match closed.next() {
        Some(failure) if outputs.secret.is_empty() => Err(failure.clone().into()),
        _ => Ok(outputs),
    }
}

async fn outputs(
    context: &Context,
    (providers, ignore_tags): (&[IssuerKind], bool),
    answer: &Answer,
    fingerprint: String,
) -> Outputs {
    let (doubtful, sure): (Vec<_>, Vec<_>) = answer.found.iter().partition(|found| !found.matched.is_sure());
    let urls = |found: &[&Found]| {
        let mut urls: Vec<String> = Vec::new();
        for found in found {
            let url = found.secret.to_string();
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls
    };
    let holding = |found: &&Found| Holding {
        secret: found.secret.to_string(),
        version: found.version.id.clone(),
        current: found.current,
        how: found.matched.describe(),
    };
    let mut held: Vec<(String, Result<IssuerKind, String>)> = Vec::new();
    for found in &sure {
        let secret = found.secret.to_string();
        if held.iter().all(|(known, _)| *known != secret) {
            held.push((secret, issued_by(context, &found.secret, &found.version, providers, ignore_tags).await));
        }
    }
    let (secrets, by_hand) = share_out(held);
    let closed = answer.vaults.iter().filter(|vault| !vault.listed);
    let not_searched = closed.map(|vault| format!("the vault {} was not searched", vault.vault.name));
    let unread = answer.unread();
    let not_tried = answer.not_tried.iter().map(|part| format!("not looked for: {part}"));
    let not_read = unread.iter().map(|(because, count)| because.describe(*count)).chain(not_tried);
    Outputs {
        secret: secrets.first().or_else(|| by_hand.first().map(|held| &held.secret)).cloned().unwrap_or_default(),
        by_hand,
        versions: sure.iter().map(holding).collect(),
        doubtful: urls(&doubtful),
        secrets,
        fingerprint,
        versions_read: answer.vaults.iter().map(|vault| vault.versions).sum(),
        not_read: not_searched.chain(not_read).collect(),
    }
}

/// Which secrets are rotated, and which are left to a person.
///
/// One credential may stand in several secrets, but its issuer replaces it once: the first is rotated there, and the
/// others need what it then holds. A random value would fit none of them.
fn share_out(held: Vec<(String, Result<IssuerKind, String>)>) -> (Vec<String>, Vec<ByHand>) {
    let has_issuer =
        |(_, issuer): &&(_, Result<IssuerKind, _>)| issuer.as_ref().is_ok_and(|kind| kind.is_behind_the_vault());
    let first = held.iter().find(has_issuer).map(|(secret, _)| secret.clone());
    let (mut secrets, mut by_hand) = (Vec::new(), Vec::new());
    for (secret, issuer) in held {
        let because = match (&first, issuer) {
            (Some(first), _) if *first != secret => {
                format!("it holds the same credential as {first}: put in what that one holds once this run is over")
            }
            (_, Err(because)) => because,
            (_, Ok(_)) => {
                secrets.push(secret);
                continue;
            }
        };
        by_hand.push(ByHand { secret, because });
    }
    (secrets, by_hand)
}
