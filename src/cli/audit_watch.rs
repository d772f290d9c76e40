//! `stanch audit --watch`: accesses of the secret, as they reach the log. One line each, or one JSON object each.

use super::audit_tell::Listeners;
use super::exit::{CommandError, Exit, Outcome};
use super::page::Page;
use super::terminal::ui::Ui;
use crate::audit::{Query, Sight, Source, Watch};
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use chrono::TimeDelta;

/// How often it is looked, and until when.
pub(super) struct Pace {
    pub(super) every: TimeDelta,
    pub(super) until: Option<Timestamp>,
}

pub(super) async fn run(ui: Ui, source: Source, query: Query, pace: Pace, mut listeners: Listeners) -> Outcome {
    let Pace { every, until } = pace;
    ui.note(&format!(
        "watching `{}`{} in {}; entries reach the log some minutes late",
        query.secret,
        query.version.as_ref().map(|version| format!(" version {version}")).unwrap_or_default(),
        source.describe()
    ));
    let mut watch = Watch::new(source, query);
    // What is told once the message before it has arrived.
    let mut waiting: Vec<Sight> = Vec::new();
    loop {
        let (back, found) = tokio::task::spawn_blocking(move || {
            let found = watch.look();
            (watch, found)
        })
        .await
        .map_err(|error| {
            CommandError::program(Failure::refused("the watch ended by itself").because(error.to_string()))
        })?;
        watch = back;
        match found {
            Ok(found) => {
                found.iter().for_each(|sight| show(ui, sight));
                waiting.extend(found);
                listeners.tell(ui, &waiting).await?;
                if !listeners.owe() {
                    waiting.clear();
                }
            }
            // What cannot be asked now may answer at the next look.
            Err(failure) => {
                ui.note(&format!("{} could not look: {}", clock::now().format("%H:%M:%S"), failure.summary))
            }
        }
        let now = clock::now();
        if until.is_some_and(|until| now >= until) {
            return Ok(Exit::Done);
        }
        let next = until.map_or(now + every, |until| until.min(now + every));
        clock::sleep_until(next).await;
    }
}

fn show(ui: Ui, sight: &Sight) {
    if ui.json {
        ui.json_line(sight);
        return;
    }
    let kind = match (sight.own, sight.known, sight.name.is_empty()) {
        (true, _, _) => "own",
        (_, true, _) => "known",
        (_, _, true) => "no token",
        _ => "UNKNOWN",
    };
    let who = if sight.name.is_empty() { "nobody" } else { &sight.name };
    let line = format!(
        "{}  {kind:8}  {who}  {}  {}  {}  {}  {}",
        sight.time,
        sight.ip,
        sight.operation,
        sight.version.get(..8).unwrap_or(&sight.version),
        sight.status,
        sight.user_agent
    );
    ui.data(&Page::of(line.trim_end()));
}
