//! A run's message: posted once, by the process that works on the run, and changed as the run goes. Which message it is
//! lies beside the journal, so that another machine changes the same one.

use super::line::Line;
use super::told::Told;
use crate::cli::exit::Shown;
use crate::cli::session;
use crate::clock::{self, Timestamp};
use crate::failure::{Failure, Retry};
use crate::journal::{Mark, RunFolder};
use crate::slack::Posted;
use serde_json::Value;
use std::io;
use std::time::{Duration, Instant};

/// How often the journal is looked at; Slack takes about one change a second.
const PACE: Duration = Duration::from_secs(1);
/// The same of one that is kept elsewhere.
const PACE_ELSEWHERE: Duration = Duration::from_secs(3);
/// How long Slack is left alone after it did not take something.
const PAUSE: Duration = Duration::from_secs(5);
/// The same where somebody must change something first.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// The message of one run.
pub(super) struct Board {
    line: Line,
    folder: RunFolder,
    /// Whether the message is another process's to post, and to change while that one lives.
    stands_in: bool,
    posted: Option<Posted>,
    seen: Option<Mark>,
    /// When what was seen will read otherwise by itself.
    until: Option<Timestamp>,
    /// What is to be said, until it is said.
    due: Option<Value>,
    said: Option<Value>,
    has_buttons: bool,
    not_before: Option<Instant>,
    /// What was told to be wrong.
    trouble: Option<String>,
}

impl Board {
    pub(super) fn new(line: Line, folder: RunFolder) -> Self {
        Self {
            line,
            folder,
            stands_in: false,
            posted: None,
            seen: None,
            until: None,
            due: None,
            said: None,
            has_buttons: false,
            not_before: None,
            trouble: None,
        }
    }

    pub(super) fn standing_in(self) -> Self {
        Self { stands_in: true, ..self }
    }

    pub(super) fn pace(&self) -> Duration {
        if self.folder.is_shared() { PACE_ELSEWHERE } else { PACE }
    }

    pub(super) fn has_buttons(&self) -> bool {
        self.has_buttons
    }

    /// Looks at the run, and says what is new.
    pub(super) async fn pass(&mut self) {
        self.look().await;
        if self.due.is_none() || self.not_before.is_some_and(|moment| moment > Instant::now()) {
            return;
        }
        match self.say().await {
            Ok(()) => self.trouble = None,
            Err(failure) => {
                self.not_before = Some(Instant::now() + pause(failure.retry));
                if self.trouble.as_ref() != Some(&failure.summary) {
                    (self.line.tell)(&failure);
                }
                self.trouble = Some(failure.summary);
            }
        }
    }

    /// The same at the end, whether Slack wants to be left alone or not.
    pub(super) async fn last_pass(&mut self) {
        self.not_before = None;
        self.pass().await;
    }

    async fn look(&mut self) {
        let (folder, seen, stands_in) = (self.folder.clone(), self.seen.clone(), self.stands_in);
        let is_due = self.until.is_some_and(|until| until <= clock::now());
        let look = move || {
            let mark = folder.mark();
            if seen.as_ref() == Some(&mark) && !is_due {
                return None;
            }
            // Of a run that goes on elsewhere nothing is known here.
            let may_tell = stands_in && session::refuse_uploaded(&folder).is_ok();
            Some((mark, Told::look(&folder), if may_tell { folder.chat_message() } else { Ok(None) }))
        };
        let Ok(Some((mark, told, posted))) = tokio::task::spawn_blocking(look).await else { return };
        self.seen = Some(mark);
        match told {
            Ok(told) => {
                self.has_buttons = told.notice.has_buttons();
                self.until = told.until;
                let message = told.notice.message();
                let is_another_ones = self.stands_in && told.is_worked_on;
                self.due = (self.said.as_ref() != Some(&message) && !is_another_ones).then_some(message);
            }
            Err(error) => {
                if let Shown::Failure(failure) = &error.shown {
                    tracing::debug!("the run cannot be told in the chat: {}", failure.summary);
                }
            }
        }
        if self.stands_in {
            self.posted = posted.ok().flatten();
            if self.posted.is_none() {
                self.due = None;
            }
            // Whoever works on the run may have said something else meanwhile.
            self.said = None;
        }
    }

    async fn say(&mut self) -> Result<(), Failure> {
        let Some(message) = self.due.clone() else { return Ok(()) };
        let Line { app, azure, .. } = &self.line;
        if self.posted.is_none() {
            self.posted = self.remembered().await.map_err(|error| unwritable(&error))?;
        }
        match &self.posted {
            Some(posted) => app.update(posted, message.clone(), azure).await?,
            None => {
                let posted = app.post(message.clone(), azure).await?;
                self.posted = Some(posted.clone());
                let folder = self.folder.clone();
                let kept = tokio::task::spawn_blocking(move || folder.keep_chat_message(&posted)).await;
                kept.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| unwritable(&error))?;
            }
        }
        self.due = None;
        self.said = Some(message);
        Ok(())
    }

    /// The message that an earlier life of the run posted.
    async fn remembered(&self) -> io::Result<Option<Posted>> {
        let folder = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || folder.chat_message()).await;
        read.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn pause(retry: Retry) -> Duration {
    match retry {
        Retry::Never => LONG_PAUSE,
        Retry::Later => PAUSE,
        Retry::After(pause) => pause.max(PAUSE),
    }
}

fn unwritable(error: &io::Error) -> Failure {
    let failure = Failure::refused("which message of Slack's belongs to the run cannot be kept");
    failure.because(error.to_string()).retry(Retry::Later)
}
