//! What the runs of a state directory did to which secrets, and which runbooks were practised: from their journals.

use crate::clock::Timestamp;
use crate::engine::State;
use crate::engine::event::{Event, Mode, RunStatus};
use crate::journal::{RunFolder, Runs};
use std::collections::BTreeSet;

/// All runs that could be read.
#[derive(Debug, Default)]
pub(crate) struct Past {
    runs: Vec<Run>,
    /// Runs whose journal is damaged.
    pub(crate) unreadable: usize,
}

#[derive(Debug)]
struct Run {
    id: String,
    runbook: String,
    mode: Mode,
    completed: bool,
    last_at: Timestamp,
    /// The secrets it worked on, by their URLs in lower case.
    secrets: BTreeSet<String>,
}

impl Past {
    /// Reads every journal.
    pub(crate) fn read(runs: &Runs) -> std::io::Result<Self> {
        let mut past = Self::default();
        for id in runs.list()? {
            match runs.folder(&id).ok().and_then(|folder| run(&id, &folder)) {
                Some(run) => past.runs.push(run),
                None => past.unreadable += 1,
            }
        }
        Ok(past)
    }

    /// When a runbook was practised to its end last.
    pub(crate) fn drilled(&self, runbook: &str) -> Option<Timestamp> {
        let drills = self.runs.iter().filter(|run| run.mode == Mode::Drill && run.completed && run.runbook == runbook);
        drills.map(|run| run.last_at).max()
    }

    /// The latest run on a secret, and when it was last at work.
    pub(crate) fn last_run(&self, secret: &str, mode: Mode) -> Option<(&str, Timestamp)> {
        let secret = secret.to_lowercase();
        let on_it = self.runs.iter().filter(|run| run.mode == mode && run.secrets.contains(&secret));
        on_it.max_by_key(|run| run.last_at).map(|run| (run.id.as_str(), run.last_at))
    }
}

fn run(id: &str, folder: &RunFolder) -> Option<Run> {
    let mut state = State::outline();
    let mut secrets = BTreeSet::new();
    let mut take = |text: Option<&str>| {
        secrets.extend(text.filter(|text| text.contains("/secrets/")).map(str::to_lowercase));
    };
    let read = folder.fold(|record, _| {
        match &record.event {
            Event::RunOpened(opened) => take(opened.inputs.get("secret").and_then(|secret| secret.as_str())),
            Event::LoopOpened { items, .. } => items.iter().for_each(|item| take(item.as_str())),
            _ => {}
        }
        state.apply(record.at, &record.event)
    });
    read.ok()?;
    let opened = state.opened()?;
    Some(Run {
        id: id.to_owned(),
        runbook: opened.runbook.clone(),
        mode: opened.mode,
        completed: state.ended() == Some(RunStatus::Completed),
        last_at: state.last_at()?,
        secrets,
    })
}
