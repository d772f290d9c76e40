//! What a scenario file says → a [`Scenario`], or everything that is wrong with it.

use super::model::{Attacker, Caller, Consumer, POINTER, SCHEMA, Scenario, SeededSecret, SeededVersion, Targets};
use super::syntax::{
    EnteredValue, WrittenAttacker, WrittenConsumer, WrittenDuration, WrittenIssuer, WrittenScenario, WrittenSecret,
    WrittenTargets,
};
use crate::cloud::world::issuer::Issuer;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use uuid::Uuid;

/// Callers that read more often than this would be measuring the machine.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const CONSUMER_USER_AGENT: &str = "azsdk-net-Security.KeyVault.Secrets/4.7.0 (.NET 8.0.11; Linux)";
const ATTACKER_USER_AGENT: &str = "curl/8.4.0";

/// Makes a scenario of what was written.
pub(crate) fn resolve(written: WrittenScenario) -> Result<Scenario, Vec<String>> {
    let mut problems = check(&written);
    for secret in &written.secrets {
        problems.extend(check_secret(secret));
    }
    for fault in &written.faults {
        problems.extend(fault.problems().iter().map(|problem| format!("a fault: {problem}")));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let leaked = &written.secret;
    Ok(Scenario {
        consumers: written.consumers.into_iter().map(|consumer| resolve_consumer(consumer, leaked)).collect(),
        attackers: written.attackers.into_iter().map(resolve_attacker).collect(),
        secrets: written.secrets.into_iter().map(resolve_secret).collect(),
        name: written.name,
        summary: written.summary,
        runbook: written.runbook,
        inputs: written.inputs,
        values: BTreeMap::new(),
        enters: written.enters,
        vault: written.vault,
        secret: written.secret,
        faults: written.faults,
        exposure: written.exposure.0,
        targets: resolve_targets(&written.targets),
    })
}

fn check(written: &WrittenScenario) -> Vec<String> {
    let mut problems = Vec::new();
    if written.schema != SCHEMA {
        problems.push(format!("schema `{}` is not known; this program reads `{SCHEMA}`", written.schema));
    }
    if !is_vault_name(&written.vault) {
        problems.push(format!(
            "`{}` is no name of a vault: 3 to 24 letters, digits and hyphens, a letter first",
            written.vault
        ));
    }
    let secrets: Vec<&str> = written.secrets.iter().map(|secret| secret.name.as_str()).collect();
    problems.extend(repeated("secret", &secrets));
    let mut callers: Vec<&str> = written.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
    callers.extend(written.attackers.iter().map(|attacker| attacker.name.as_str()));
    problems.extend(repeated("caller", &callers));
    let mut wanted = vec![("secret".to_owned(), written.secret.as_str())];
    for consumer in &written.consumers {
        let whose = format!("consumer `{}`", consumer.name);
        problems.extend(check_pause(&whose, "refresh", consumer.refresh));
        problems.extend(check_identifiers(&whose, [&consumer.oid, &consumer.appid]));
        wanted.extend(consumer.secret.as_deref().map(|secret| (whose, secret)));
    }
    for attacker in &written.attackers {
        let whose = format!("attacker `{}`", attacker.name);
        problems.extend(check_pause(&whose, "every", attacker.every));
        problems.extend(check_identifiers(&whose, [&attacker.oid, &attacker.appid]));
        if attacker.also.contains(&written.secret) {
            problems.push(format!("{whose}: `also` is for other secrets than the leaked `{}`", written.secret));
        }
        wanted.extend(attacker.also.iter().map(|secret| (whose.clone(), secret.as_str())));
    }
    let leaked = written.secrets.iter().find(|secret| secret.name == written.secret);
    let issuer = leaked.and_then(|secret| secret.issuer.as_ref());
    if written.enters == EnteredValue::NewValue && issuer.is_none_or(|issuer| issuer.token.is_none()) {
        problems.push(format!(
            "`enters: new_value` needs somebody who makes one: give `{}` an `issuer` with a `token`",
            written.secret
        ));
    }
    if written.targets.killed_within.is_some() && issuer.is_none() {
        problems.push(format!("the target `killed_within` needs an `issuer` of `{}`, who is asked", written.secret));
    }
    for (whose, secret) in wanted {
        if !secrets.contains(&secret) {
            problems.push(format!("{whose}: there is no `{secret}` among the secrets{}", suggestion(secret, &secrets)));
        }
    }
    problems
}

fn check_secret(secret: &WrittenSecret) -> Vec<String> {
    let whose = format!("secret `{}`", secret.name);
    let mut problems = Vec::new();
    if !is_secret_name(&secret.name) {
        problems.push(format!("{whose}: a name has 1 to 127 letters, digits and hyphens"));
    }
    match secret.versions.last() {
        None => problems.push(format!("{whose}: `versions` must name at least one")),
        Some(current) if !current.enabled => {
            problems.push(format!("{whose}: its last version is the current one and must be enabled"));
        }
        Some(_) => {}
    }
    if !secret.versions.is_sorted_by(|older, newer| older.age > newer.age) {
        problems.push(format!("{whose}: `versions` go from the oldest to the newest, each with an age of its own"));
    }
    if secret.value.as_deref().is_some_and(|pointer| variable(pointer).is_none()) {
        problems
            .push(format!("{whose}: `value` must point to the environment, `env:NAME`; no value stands in a scenario"));
    }
    if secret.value.is_some() && secret.issuer.is_some() {
        problems.push(format!("{whose}: its value is issued by its `issuer` or is at `value`, not both"));
    }
    if let Some(Err(why)) = secret.issuer.as_ref().map(issuer) {
        problems.push(format!("{whose}: {why}"));
    }
    problems
}

/// The variable that a pointer names. What stands there instead may be a secret.
fn variable(pointer: &str) -> Option<&str> {
    let is_name =
        |name: &&str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    pointer.strip_prefix(POINTER).filter(is_name)
}

/// Who issued a secret's value, or what is wrong with what is said of it.
fn issuer(written: &WrittenIssuer) -> Result<Issuer, String> {
    let WrittenIssuer { account, key, application, app_id, token } = written;
    let extra = |name: &str, of: &str| Err(format!("its issuer's `{name}` goes with `{of}` only"));
    match (account, application, token) {
        (Some(_), ..) if app_id.is_some() => extra("app_id", "application"),
        (Some(id), None, None) => Issuer::account(id, key.as_deref()),
        (None, ..) if key.is_some() => extra("key", "account"),
        (None, Some(id), None) => {
            if let Some(id) = [Some(id), app_id.as_ref()].into_iter().flatten().find(|id| Uuid::try_parse(id).is_err())
            {
                return Err(format!("`{id}` is no object or client id (a UUID is wanted)"));
            }
            let app_id = app_id.clone().unwrap_or_else(|| identifier(None, "application", id));
            Ok(Issuer::Application { id: id.clone(), app_id })
        }
        (None, None, Some(_)) if app_id.is_some() => extra("app_id", "application"),
        (None, None, Some(token)) => Ok(Issuer::Token(*token)),
        _ => Err("its `issuer` is one of `account`, `application` and `token`".to_owned()),
    }
}

fn check_pause(whose: &str, field: &str, pause: WrittenDuration) -> Option<String> {
    let least = SHORTEST_PAUSE.as_millis();
    (pause.0 < SHORTEST_PAUSE).then(|| format!("{whose}: `{field}` must be at least {least}ms"))
}

fn check_identifiers(whose: &str, given: [&Option<String>; 2]) -> Vec<String> {
    let wrong = given.into_iter().flatten().filter(|id| Uuid::try_parse(id).is_err());
    wrong.map(|id| format!("{whose}: `{id}` is no object or application id (a UUID is wanted)")).collect()
}

fn repeated(what: &str, names: &[&str]) -> Vec<String> {
    let mut seen = HashSet::new();
    let twice = names.iter().filter(|name| !seen.insert(name.to_ascii_lowercase()));
    twice.map(|name| format!("there are two {what}s by the name `{name}`")).collect()
}

fn suggestion(wrong: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|name| strsim::osa_distance(wrong, name));
    match nearest.filter(|name| strsim::osa_distance(wrong, name) <= 2) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

fn is_secret_name(name: &str) -> bool {
    (1..=127).contains(&name.len())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-')
}

fn is_vault_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && is_secret_name(name)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

fn resolve_secret(written: WrittenSecret) -> SeededSecret {
    let versions =
        written.versions.iter().map(|version| SeededVersion { age: version.age.0, enabled: version.enabled });
    SeededSecret {
        name: written.name,
        content_type: written.content_type,
        tags: written.tags,
        variable: written.value.as_deref().and_then(variable).map(str::to_owned),
        issuer: written.issuer.as_ref().and_then(|written| issuer(written).ok()),
        versions: versions.collect(),
    }
}

fn resolve_consumer(written: WrittenConsumer, leaked: &str) -> Consumer {
    let [first, second, ..] = digest("address", &written.name);
    let caller = Caller {
        oid: identifier(written.oid, "object", &written.name),
        appid: identifier(written.appid, "application", &written.name),
        upn: written.upn,
        ip: written.ip.unwrap_or(IpAddr::V4(Ipv4Addr::new(10, 1, first, second))),
        user_agent: written.user_agent.unwrap_or_else(|| CONSUMER_USER_AGENT.to_owned()),
        name: written.name,
    };
    let secret = written.secret.unwrap_or_else(|| leaked.to_owned());
    Consumer { caller, secret, reads: written.reads, refresh: written.refresh.0 }
}

fn resolve_attacker(written: WrittenAttacker) -> Attacker {
    let [last, ..] = digest("address", &written.name);
    let caller = Caller {
        oid: identifier(written.oid, "object", &written.name),
        appid: identifier(written.appid, "application", &written.name),
        upn: written.upn,
        // A network that is set aside for documentation: nobody's real address.
        ip: written.ip.unwrap_or(IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))),
        user_agent: written.user_agent.unwrap_or_else(|| ATTACKER_USER_AGENT.to_owned()),
        name: written.name,
    };
    Attacker { caller, reads: written.reads, also: written.also, every: written.every.0, after: written.after.0 }
}

fn resolve_targets(written: &WrittenTargets) -> Targets {
    Targets {
        rotated_within: written.rotated_within.map(|written| written.0),
        contained_within: written.contained_within.map(|written| written.0),
        killed_within: written.killed_within.map(|written| written.0),
        consumers_down: written.consumers_down,
    }
}

/// The id that was given, else the one that follows from the name.
fn identifier(given: Option<String>, kind: &str, name: &str) -> String {
    given.unwrap_or_else(|| uuid::Builder::from_random_bytes(digest(kind, name)).into_uuid().to_string())
}

fn digest(kind: &str, name: &str) -> [u8; 16] {
    let mut start = [0; 16];
    start.iter_mut().zip(Sha256::digest(format!("{kind} {name}"))).for_each(|(byte, digit)| *byte = digit);
    start
}
