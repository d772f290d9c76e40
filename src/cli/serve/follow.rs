//! A run's journal, looked at again and again → what the page gets.

use crate::cli::exit::{self, CommandError};
use crate::cli::room::Room;
use crate::clock;
use crate::journal::RunFolder;
use crate::redaction::without_credentials;
use crate::visible;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often the journal is looked at.
const PACE: Duration = Duration::from_millis(500);
/// The same of one that is kept elsewhere.
const PACE_ELSEWHERE: Duration = Duration::from_secs(2);

/// A text of JSON, as the page gets it.
pub(super) type Shown = Arc<str>;

/// Why there is nothing newer to show.
#[derive(Serialize)]
struct Trouble {
    read_at: String,
    trouble: String,
}

/// Follows a run until nobody looks any more.
///
/// # Errors
/// If it cannot be read now. Where it cannot be read later, the page says so.
pub(super) async fn follow(folder: RunFolder) -> Result<watch::Receiver<Shown>, CommandError> {
    let (sender, receiver) = watch::channel(look(&folder)?);
    tokio::spawn(async move {
        let mut pace = tokio::time::interval(if folder.is_shared() { PACE_ELSEWHERE } else { PACE });
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut folder = folder;
        let mut before = folder.mark();
        while !sender.is_closed() {
            pace.tick().await;
            let looked = tokio::task::spawn_blocking(move || {
                let now = folder.mark();
                let news = (now != before).then(|| look(&folder).unwrap_or_else(|error| trouble(&error)));
                (folder, now, news)
            });
            let Ok((same, now, news)) = looked.await else { return };
            (folder, before) = (same, now);
            if let Some(news) = news {
                sender.send_replace(news);
            }
        }
    });
    Ok(receiver)
}

fn look(folder: &RunFolder) -> Result<Shown, CommandError> {
    Ok(text(&Room::look(folder)?))
}

fn trouble(error: &CommandError) -> Shown {
    let trouble = match &error.shown {
        exit::Shown::Failure(failure) => {
            let all = std::iter::once(&failure.summary).chain(&failure.reasons).chain(&failure.help);
            all.map(String::as_str).collect::<Vec<_>>().join("\n")
        }
        exit::Shown::Page(_) => "the run cannot be read".to_owned(),
    };
    text(&Trouble { read_at: clock::second(clock::now()), trouble })
}

fn text(shown: &impl Serialize) -> Shown {
    let value = serde_json::to_value(shown)
        .unwrap_or_else(|error| serde_json::json!({ "trouble": format!("what is known cannot be written: {error}") }));
    fit(value).to_string().into()
}

/// The value with texts that are fit to be seen: nothing in them acts on whoever sees it, and what a journal of an earlier
/// program kept of an address lets nobody in.
fn fit(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let text = without_credentials(&text);
            Value::String(text.split('\n').map(visible::line).collect::<Vec<_>>().join("\n"))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(fit).collect()),
        Value::Object(members) => Value::Object(members.into_iter().map(|(name, value)| (name, fit(value))).collect()),
        other => other,
    }
}
