//! Asking again what was answered too early: logs are late, and a run ends when the secret is contained.
//!
//! A step puts its later looks off as follow-ups, whose times are durable. When one is due and the run is gone on with,
//! the step begins once more: it asks, records what is new as an amendment (one record, with the whole answer), tells
//! those who were told of the incident if the picture has changed, and only then lets the time count as served. A process
//! that dies in between leaves a record from which the next one goes on.

use crate::actions::announce::{Announcement, announce};
use crate::actions::context::Context;
use crate::audit::{BlastRadius, LateLook, NoAnswer};
use crate::clock::{self, Timestamp};
use crate::durable::Stop;
use crate::evidence::ObservationName;
use crate::failure::Failure;
use crate::vault::SecretUrl;
use crate::visible;

/// As many callers and findings stand in a message; the report holds all.
const MOST_TOLD: usize = 10;

/// The latest answer that the journal holds, if it holds one.
pub(super) fn latest(context: &Context) -> Result<Option<BlastRadius>, Stop> {
    let mut amendments: Vec<LateLook> = Vec::new();
    for (timer, _) in context.follow_ups() {
        amendments.extend(context.recorded::<LateLook>(ObservationName::LateLook(timer))?);
    }
    match amendments.into_iter().max_by_key(|amendment| amendment.asked_at) {
        Some(latest) => Ok(Some(latest.blast_radius)),
        None => context.recorded(ObservationName::BlastRadius),
    }
}

/// What an earlier life of the step was answered where that said nothing: a later look amends it.
pub(super) fn nothing_yet(context: &Context) -> Result<Option<BlastRadius>, Stop> {
    Ok(context.recorded::<NoAnswer>(ObservationName::BlastRadiusNotKnown)?.and_then(|not_known| not_known.answer))
}

/// When the log is still to be asked, in the order of time.
pub(super) fn to_come(context: &Context) -> Vec<Timestamp> {
    let open = context.follow_ups().into_iter().filter(|(_, timer)| !timer.fired);
    open.map(|(_, timer)| timer.until).collect()
}

/// Whether a later look is due.
pub(super) fn is_due(context: &Context, now: Timestamp) -> bool {
    to_come(context).first().is_some_and(|until| *until <= now)
}

/// An answer of that moment serves every look that was due by then.
pub(super) async fn answered(context: &Context, asked_at: Timestamp) -> Result<(), Stop> {
    let due = |timer: &crate::engine::TimerState| !timer.fired && timer.until <= asked_at;
    for (name, _) in context.follow_ups().into_iter().filter(|(_, timer)| due(timer)) {
        context.end_timer(&name).await?;
    }
    Ok(())
}

/// Makes the later looks that are due. Gives the answer that holds now.
pub(super) async fn look(
    context: &Context,
    secret: &SecretUrl,
    mut latest: BlastRadius,
    ask: impl AsyncFn() -> Result<BlastRadius, Failure>,
) -> Result<BlastRadius, Stop> {
    loop {
        let next = context.follow_ups().into_iter().find(|(_, timer)| !timer.fired);
        let Some((timer, _)) = next.filter(|(_, timer)| timer.until <= clock::now()) else { return Ok(latest) };
        let name = ObservationName::LateLook(timer.clone());
        let amendment = match context.recorded::<LateLook>(&name)? {
            // A process died after it had asked.
            Some(amendment) => amendment,
            None => {
                let asked_at = clock::now();
                let amendment = LateLook::new(&latest, ask().await?, asked_at);
                context.note(&name, &amendment).await?;
                amendment
            }
        };
        if amendment.late.changes_the_picture() {
            announce(context, &timer, &announcement(secret, &amendment)).await?;
        }
        context.end_timer(&timer).await?;
        answered(context, amendment.asked_at).await?;
        latest = amendment.blast_radius;
    }
}

fn announcement(secret: &SecretUrl, amendment: &LateLook) -> Announcement {
    let late = &amendment.late;
    let of = |oid: &String| {
        let name =
            late.accesses.iter().find(|access| access.id() == *oid).map_or(oid.as_str(), |access| access.caller());
        let places: std::collections::BTreeSet<&str> =
            late.accesses.iter().filter(|access| access.id() == *oid).map(|access| access.ip.as_str()).collect();
        visible::line(&format!("{name} from {}", places.into_iter().collect::<Vec<_>>().join(", ")))
    };
    let mut facts = Vec::new();
    let callers: Vec<String> = late.unknown_callers.iter().take(MOST_TOLD).map(of).collect();
    if !callers.is_empty() {
        facts.push(("unrecognised callers".to_owned(), callers.join("; ")));
    }
    let findings: Vec<String> =
        late.findings.iter().take(MOST_TOLD).map(|finding| visible::line(&finding.summary)).collect();
    if !findings.is_empty() {
        facts.push(("findings".to_owned(), findings.join("; ")));
    }
    let touched: std::collections::BTreeSet<String> =
        late.second_order.iter().map(|row| visible::line(&format!("{}/{}", row.vault, row.secret))).collect();
    if !touched.is_empty() {
        facts
            .push(("they also touched".to_owned(), touched.into_iter().take(MOST_TOLD).collect::<Vec<_>>().join(", ")));
    }
    Announcement {
        title: format!("More is known of {}", secret),
        summary: format!(
            "The audit trail was asked again at {} and shows what it had not shown before.",
            crate::clock::second(amendment.asked_at)
        ),
        facts,
    }
}
