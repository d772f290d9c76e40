//! A run's journal, looked at again and again → what the page gets.

use crate::cli::exit::{self, CommandError};
use crate::cli::room::Room;
use crate::clock;
use crate::journal::{RunFolder, Runs};
use crate::redaction::{each_text, without_credentials};
use crate::visible;
use serde::Serialize;
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

/// What the page shows before there is a run.
#[derive(Serialize)]
struct NoRun {
    read_at: String,
    waits: &'static str,
}

/// Follows a run until nobody looks any more; where there is none yet, the first that begins among `runs`.
///
/// # Errors
/// If it cannot be read now. Where it cannot be read later, the page says so.
pub(super) async fn follow(folder: Option<RunFolder>, runs: Runs) -> Result<watch::Receiver<Shown>, CommandError> {
    let (sender, receiver) = watch::channel(match &folder {
        Some(folder) => look(folder)?,
        None => text(&NoRun { read_at: clock::second(clock::now()), waits: "for the first run that begins here" }),
    });
    tokio::spawn(async move {
        let Some(folder) = until_one_begins(folder, runs, &sender).await else { return };
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

/// The run that is followed; nothing where nobody looks any more.
async fn until_one_begins(folder: Option<RunFolder>, runs: Runs, looked: &watch::Sender<Shown>) -> Option<RunFolder> {
    let mut found = folder;
    let runs = Arc::new(runs);
    while found.is_none() && !looked.is_closed() {
        clock::sleep(PACE_ELSEWHERE).await;
        let runs = Arc::clone(&runs);
        let first =
            move || runs.list().ok()?.iter().find_map(|run| runs.folder(run).ok().filter(|run| run.opened().is_ok()));
        let folder = tokio::task::spawn_blocking(first).await.ok()?;
        if let Some(folder) = &folder {
            looked.send_replace(look(folder).unwrap_or_else(|error| trouble(&error)));
        }
        found = folder;
    }
    found
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
    each_text(value, &fit).to_string().into()
}

/// A text that is fit to be seen: nothing in it acts on whoever sees it, and what a journal of an earlier program kept of an
/// address lets nobody in.
fn fit(text: &str) -> String {
    without_credentials(text).split('\n').map(visible::line).collect::<Vec<_>>().join("\n")
}
