//! What could not be seen, and what is left to do.

use super::access::recorded;
use super::containment::Containment;
use super::source::Source;
use crate::audit::{Coverage, Likely, SecondOrder};
use crate::clock::second;
use crate::command_line::CommandLine;
use crate::engine::{Abandoned, EffectPhase, StepStatus};
use crate::evidence::{Consumer, EffectName, Evidence, LeftToPerson, MessageOutcome, PinnedSetting, wants_value};
use crate::plan::{Aim, PlannedStep};
use crate::vault::short;
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde::Serialize;
use std::collections::BTreeSet;

/// Something left to do, with the command that does it where there is one.
#[derive(Clone, Debug, Serialize)]
pub struct FollowUp {
    pub what: String,
    pub command: String,
}

/// What a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A step that failed or waits: the run itself goes on with it.
    Step,
    /// Whether the leaked value is refused.
    Proof,
    /// A secret that may hold what leaked, and that the run left as it is.
    LeftAlone,
    /// Another secret that an unrecognised caller read.
    Exposed,
    /// Who issues the secret.
    Issuer,
    /// A consumer that loses the secret.
    Consumer,
    Other,
}

/// What could not be seen or was not proven. Never empty: a log has an end.
pub(super) fn unseen(source: &Source<'_>, containment: &Containment) -> Vec<String> {
    let mut unseen: Vec<String> = Vec::new();
    let radii = recorded(source);
    for recorded in &radii {
        for said in not_shown(&recorded.found.coverage) {
            // Secrets of one vault share a trail.
            if !unseen.contains(&said) {
                unseen.push(said);
            }
        }
    }
    let mut not_known = source.evidence().filter_map(|evidence| match evidence {
        Evidence::AccessesNotKnown { because, .. } => Some(because),
        _ => None,
    });
    if radii.is_empty() {
        let because = not_known.next().map_or("no audit trail was read", String::as_str);
        unseen.push(format!("who read the secret is not known: {because}"));
    }
    unseen.push("a copy of the value outside the vault leaves no trace in the vault's audit trail".to_owned());
    for version in &containment.not_proven {
        unseen.push(format!("whether version {} is refused: it was disabled, the proof is missing", short(version)));
    }
    for gap in &containment.issuer_not_proven {
        let version = short(&gap.version);
        unseen.push(format!("whether the value of version {version} still works at its issuer: {}", gap.because));
    }
    if source.took_the_vault_for_the_issuer() {
        unseen.push(
            "whether the leaked value works anywhere else: the vault was treated as its issuer, and nobody else was asked"
                .to_owned(),
        );
    }
    if let Some(readers) = containment.readers.as_ref().filter(|readers| !readers.because.is_empty()) {
        unseen.push(format!("who still used the old version: {}", readers.because));
    }
    for evidence in source.known.in_doubt() {
        if let Evidence::InDoubt { step, summary } = evidence {
            unseen.push(format!("whether this happened: {summary} (step `{step}`)"));
        }
    }
    unseen
}

/// What an audit trail did not show.
fn not_shown(coverage: &Coverage) -> Vec<String> {
    let mut unseen = vec![coverage.horizon.map_or_else(
        || {
            "the audit trail holds nothing for this window: this is no evidence, not a sign that nobody read it"
                .to_owned()
        },
        |horizon| format!("what happened after {} had not reached the audit trail when it was read", second(horizon)),
    )];
    for gap in &coverage.gaps {
        let likely = match gap.likely {
            Likely::Quiet => "more likely a quiet vault",
            Likely::Missing => "more likely a log that is missing",
            Likely::Unknown => "a quiet vault, or a log that was not kept",
        };
        let why = if gap.why.is_empty() { String::new() } else { format!(" ({})", gap.why) };
        let (from, to) = (second(gap.from), second(gap.to));
        unseen.push(format!("no entry in the audit trail from {from} to {to}: {likely}{why}"));
    }
    for vault in &coverage.vaults_without_log {
        unseen.push(format!("the audit trail holds nothing of the vault `{vault}`: its diagnostics may be off"));
    }
    unseen.extend(coverage.truncations.iter().map(|cut| format!("cut off: {cut}")));
    unseen.extend(coverage.notes.iter().cloned());
    if coverage.unreadable_lines > 0 {
        unseen.push(format!("{} lines of the audit trail could not be read", coverage.unreadable_lines));
    }
    unseen.extend(coverage.files_not_read().map(|files| format!("{files}: they may be parts of the audit trail")));
    unseen
}

/// What is left to do, the gravest first, and what each task is about.
pub(super) fn follow_ups(source: &Source<'_>, containment: &Containment) -> Vec<(About, FollowUp)> {
    let mut left = Vec::new();
    let mut add = |about: About, tasks: Vec<FollowUp>| left.extend(tasks.into_iter().map(|task| (about, task)));
    let (steps, messages): (Vec<_>, Vec<_>) = source
        .steps
        .iter()
        .filter_map(|planned| Some((planned, of_step(source, planned)?)))
        .partition(|(planned, _)| source.known.state().step(&planned.id).status != StepStatus::Done);
    add(About::Step, steps.into_iter().map(|(_, task)| task).collect());
    let not_proven = containment.issuer_not_proven.iter().map(|gap| FollowUp {
        what: format!(
            "make sure at the issuer that it refuses the value of version {}: nothing proves it",
            short(&gap.version)
        ),
        command: String::new(),
    });
    add(About::Proof, not_proven.collect());
    add(About::LeftAlone, left_by_search(source));
    add(About::LeftAlone, staging(source));
    add(About::Exposed, second_order(source));
    if source.took_the_vault_for_the_issuer() {
        let what = "nothing names who issues the secret: say so in the inventory or by the tag `stanch-provider`, `random` if the vault does; if another system issued the value, it may still work there";
        add(About::Issuer, vec![FollowUp { what: what.to_owned(), command: String::new() }]);
    }
    add(About::Consumer, readers(source));
    add(About::Consumer, pinned_settings(source));
    if let Some(Abandoned { by, because, .. }) = source.known.state().abandoned() {
        let what = format!("the run was abandoned by {by}: {because}; what it did not do is for you to do");
        add(About::Other, vec![FollowUp { what, command: String::new() }]);
    }
    add(About::Other, messages.into_iter().map(|(_, task)| task).collect());
    left
}

/// What a step leaves to do.
fn of_step(source: &Source<'_>, planned: &PlannedStep) -> Option<FollowUp> {
    let (id, step) = (&planned.id, source.known.state().step(&planned.id));
    let run = source.run();
    match step.status {
        StepStatus::Failed => {
            let why = step.error.as_ref().map(|error| error.summary.clone()).unwrap_or_default();
            // A run that is over is not resumed for its report: it is built from the journal at any time.
            let command = if planned.aim == Aim::Report {
                CommandLine::stanch("report").name(run).recorded()
            } else {
                String::new()
            };
            Some(FollowUp { what: format!("the step `{id}` failed: {why}"), command })
        }
        StepStatus::Done if planned.aim == Aim::Tell => {
            let item = source.known.items().iter().rev().find(|item| item.step == *id)?;
            let Evidence::Message { outcome: MessageOutcome::NotDelivered, because, .. } = &item.evidence else {
                return None;
            };
            let what = format!("nobody was told by `{id}`: {because}; tell them yourself");
            Some(FollowUp { what, command: String::new() })
        }
        // Nobody can answer an abandoned run.
        StepStatus::Waiting | StepStatus::Unknown if source.known.state().abandoned().is_some() => Some(FollowUp {
            what: format!("the step `{id}` waited for a person, and was not ended"),
            command: String::new(),
        }),
        StepStatus::Waiting if wants_value(step) => Some(FollowUp {
            what: format!("the step `{id}` waits for a value that only a person has"),
            command: CommandLine::stanch("resume").name(run).recorded(),
        }),
        StepStatus::Waiting => Some(FollowUp {
            what: format!("the step `{id}` waits for an answer"),
            command: CommandLine::stanch("approve")
                .name(run)
                .name(id)
                .words(source.known.state().says_who(id))
                .recorded(),
        }),
        StepStatus::Unknown => Some(FollowUp {
            what: format!("the step `{id}` needs a decision: nobody knows whether its effect happened"),
            command: CommandLine::stanch("settle")
                .name(run)
                .name(id)
                .words("--as 'done|not-done' --because TEXT")
                .recorded(),
        }),
        _ => None,
    }
}

/// Readers that have not moved.
fn readers(source: &Source<'_>) -> Vec<FollowUp> {
    let mut left = Vec::new();
    for evidence in source.evidence() {
        let Evidence::Adopted(adoption) = evidence else { continue };
        let pinned = adoption
            .pinned
            .iter()
            .map(|reader| (reader, "is pinned to an old version", "take the version out of its reference"));
        let behind = adoption
            .left_behind
            .iter()
            .map(|reader| (reader, "was not seen on the new version", "make it read the secret again"));
        for (reader, what, remedy) in pinned.chain(behind) {
            let Consumer { name, version, last, .. } = reader;
            let what = format!("{name} {what} ({}, last {last}); {remedy}", short(version));
            left.push(FollowUp { what, command: String::new() });
        }
    }
    left
}

/// A staging secret that something may have been put into, and that no step took away, holds a credential that may be alive.
fn staging(source: &Source<'_>) -> Vec<FollowUp> {
    let mut left = Vec::new();
    if source.evidence().any(|evidence| matches!(evidence, Evidence::Closed)) {
        return left;
    }
    for item in source.known.items() {
        let effect = source.known.state().step(&item.step).effects.get(&EffectName::Stage.to_string());
        if let Evidence::Staged { secret } = &item.evidence
            && effect.is_some_and(|effect| effect.phase != EffectPhase::Refused)
        {
            left.push(FollowUp {
                what: format!("the staging secret `{secret}` may hold a living credential; end the run, or delete it"),
                command: CommandLine::stanch("resume").name(source.run()).recorded(),
            });
        }
    }
    left
}

/// Secrets that hold the leaked value and were not rotated.
fn left_by_search(source: &Source<'_>) -> Vec<FollowUp> {
    let mut left = Vec::new();
    for evidence in source.evidence() {
        if let Evidence::LeftToPerson(LeftToPerson { secret, because }) = evidence {
            left.push(FollowUp {
                what: format!("{secret} holds what may have leaked; {because}"),
                command: String::new(),
            });
        }
    }
    left
}

/// Settings of sites that never follow.
fn pinned_settings(source: &Source<'_>) -> Vec<FollowUp> {
    let mut left = Vec::new();
    for evidence in source.evidence() {
        if let Evidence::Pinned(PinnedSetting { site, setting, version, remedy }) = evidence {
            let version = short(version);
            let what = format!("the setting `{setting}` of {site} is pinned to {version}; {remedy}");
            left.push(FollowUp { what, command: String::new() });
        }
    }
    left
}

/// What the unrecognised callers read elsewhere has leaked as well.
fn second_order(source: &Source<'_>) -> Vec<FollowUp> {
    let mut left = Vec::new();
    let url = source.secret();
    let Some((vault, _)) = url.split_once("/secrets/") else { return left };
    let radii = recorded(source);
    let touched: Vec<&SecondOrder> = radii.iter().flat_map(|recorded| &recorded.found.second_order).collect();
    let read = touched.iter().filter(|touched| touched.operation == "SecretGet");
    let secrets: BTreeSet<(&str, &str)> =
        read.map(|touched| (touched.vault.as_str(), touched.secret.as_str())).collect();
    for (place, secret) in secrets {
        // What the run looked at itself is no news.
        if radii.iter().any(|recorded| is_of(&recorded.secret, place, secret)) {
            continue;
        }
        let mut times = touched.iter().filter(|touched| touched.vault == place && touched.secret == secret);
        // The audit knows the vault's address; journals of earlier versions hold none.
        let known = times.clone().map(|touched| touched.command.clone()).find(|command| !command.is_empty());
        let since = times.clone().filter_map(|touched| DateTime::parse_from_rfc3339(&touched.first).ok()).min();
        let own = place.is_empty().then(|| command(vault, secret, since)).flatten();
        let command = known.or(own).unwrap_or_default();
        // Where its value was refused throughout, nothing leaked.
        if place.is_empty() || times.any(|touched| touched.succeeded > 0) {
            left.push(FollowUp {
                what: format!("an unrecognised caller also read `{secret}`: treat it as leaked"),
                command,
            });
        }
    }
    left
}

/// Whether a URL is that of a secret in a vault of this name.
fn is_of(url: &str, vault: &str, secret: &str) -> bool {
    let Some((host, name)) = url.split_once("/secrets/") else { return false };
    let host = host.trim_start_matches("https://").split('.').next().unwrap_or_default();
    name.eq_ignore_ascii_case(secret) && host.eq_ignore_ascii_case(vault)
}

/// A command that somebody will paste into a shell: nothing goes into it as it stands in the log.
fn command(vault: &str, secret: &str, since: Option<DateTime<FixedOffset>>) -> Option<String> {
    let valid = |character: char| character.is_ascii_alphanumeric() || character == '-';
    if secret.is_empty() || secret.len() > 127 || !secret.chars().all(valid) {
        return None;
    }
    let since = since?.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Secs, true);
    let plan = CommandLine::stanch("plan secret-exposure");
    let plan = plan.option("-i", format!("secret={vault}/secrets/{secret}"));
    Some(plan.option("-i", format!("exposed_at={since}")).recorded())
}
