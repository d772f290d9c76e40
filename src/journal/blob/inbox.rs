//! Answers that were left at the store, looked for meanwhile: whoever drives a run never waits for that.

use super::reach::Reach;
use crate::azure::WritableContainer;
use crate::clock;
use crate::failure::Failure;
use crate::files::LARGEST_TEXT;
use crate::journal::run_store::LeftAnswer;
use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the answers are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The answers to a run that nobody has replied to yet, the oldest first, each once.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Behind a lock for whoever shares the store; one takes.
    left: Mutex<Receiver<LeftAnswer>>,
    looking: Option<JoinHandle<()>>,
}

impl Inbox {
    pub(super) fn open(reach: &Arc<Reach>, folder: &str) -> Self {
        let (found, left) = mpsc::sync_channel(64);
        let looking = reach.spawn(look(reach.container.clone(), format!("{folder}/answers/"), found));
        Self { left: Mutex::new(left), looking }
    }

    pub(super) fn take(&self) -> Option<LeftAnswer> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if let Some(looking) = self.looking.take() {
            looking.abort();
        }
    }
}

async fn look(container: WritableContainer, folder: String, found: SyncSender<LeftAnswer>) {
    let mut seen = BTreeSet::new();
    loop {
        // Where the store does not answer, they lie there a moment longer.
        if let Ok(answers) = unanswered(&container, &folder, &mut seen).await {
            for answer in answers {
                if found.try_send(answer).is_err() {
                    return;
                }
            }
        }
        clock::sleep(LOOK_EVERY).await;
    }
}

async fn unanswered(
    container: &WritableContainer,
    folder: &str,
    seen: &mut BTreeSet<String>,
) -> Result<Vec<LeftAnswer>, Failure> {
    let names: Vec<String> = container.list(folder).await?.into_iter().map(|(name, _)| name).collect();
    let replied: BTreeSet<&str> = names.iter().filter_map(|name| name.strip_suffix(".reply")).collect();
    let mut answers = Vec::new();
    for name in names.iter().filter_map(|name| name.strip_suffix(".json")) {
        if replied.contains(name) || seen.contains(name) {
            continue;
        }
        let Some(answer) = container.read(&format!("{name}.json"), 0, LARGEST_TEXT).await? else { continue };
        seen.insert(name.to_owned());
        let short = name.strip_prefix(folder).unwrap_or(name).to_owned();
        answers.push(LeftAnswer { name: short, owner: None, answer });
    }
    Ok(answers)
}
