//! What people press becomes an answer, on the way of every other answer; why one is not taken is told to them alone.

use super::board::Board;
use super::line::{Line, sentences};
use crate::cli::answer;
use crate::cli::exit::{CommandError, Shown};
use crate::cli::question::{Given, Word};
use crate::cli::session;
use crate::cli::terminal::ui::Ui;
use crate::engine::person::Seen;
use crate::journal::{Presence, RunFolder, Runs};
use crate::slack::{Posted, Press};
use serde_json::Map;
use std::io;

/// Nothing of it is printed: what is to be said is said in the chat.
const SILENT: Ui = Ui { json: false, quiet: true, color: false, results: false };

/// Where presses are looked at.
pub(crate) struct Desk {
    line: Line,
    runs: Runs,
}

impl Desk {
    /// Any run of the store may be meant: Slack sends a press to one of those who listen, whichever it is.
    pub(crate) fn new(line: Line, runs: Runs) -> Self {
        Self { line, runs }
    }

    /// Takes a press. Whoever pressed is told why it is no answer.
    pub(super) async fn take(&self, press: Press) {
        let taken = self.answer(&press).await;
        if let Err(why) = taken {
            let Line { app, azure, tell } = &self.line;
            if let Err(failure) = app.whisper(&press.message.channel, &press.who.user, &why, azure).await {
                tell(&failure);
            }
        }
        if let Ok(folder) = self.runs.folder(&press.pressed.run) {
            Board::new(self.line.clone(), folder).standing_in().pass().await;
        }
    }

    async fn answer(&self, press: &Press) -> Result<(), String> {
        let Some(name) = self.line.app.people.get(&press.who.user) else {
            let user = &press.who.user;
            return Err(format!(
                "Not taken: nobody in stanch.yaml has your Slack id, {user}. Whoever may change it adds \
                 `{user}: NAME` below `slack`, `people`."
            ));
        };
        let folder = self.folder(press)?;
        let by = name.clone();
        let seen = Seen { terminal: None, chat: Some(press.who.clone()), ..session::seen() };
        let word = if press.is_yes { Word::Approve } else { Word::Reject };
        let given = Given { word, by, seen, because: None, answers: Map::new() };
        let taken = answer::in_chat(SILENT, &folder, &press.pressed.step, &press.pressed.plan, given).await;
        taken.map(drop).map_err(|error| said(&error))
    }

    /// The run that is meant, if the message is its own. One that nobody remembers, because the process that posted it died
    /// at that moment, is from now on.
    fn folder(&self, press: &Press) -> Result<RunFolder, String> {
        let unreadable = |error: io::Error| format!("Not taken: {error}.");
        let elsewhere = || {
            let run = &press.pressed.run;
            format!("Not taken: the run {run} is not kept in {}, where this listener looks.", self.runs.place())
        };
        let folder = self.runs.folder(&press.pressed.run).map_err(|_| elsewhere())?;
        if folder.presence().map_err(unreadable)? != Presence::There {
            return Err(elsewhere());
        }
        let remembered: Option<Posted> = folder.chat_message().map_err(unreadable)?;
        match remembered {
            Some(message) if message != press.message => {
                Err("Not taken: these buttons are not those of the run's own message.".to_owned())
            }
            Some(_) => Ok(folder),
            None => folder.keep_chat_message(&press.message).map_err(unreadable).map(|()| folder),
        }
    }
}

/// A refusal as it is told in the chat.
fn said(error: &CommandError) -> String {
    match &error.shown {
        Shown::Failure(failure) => format!("Not taken: {}", sentences(failure).join("\n")),
        Shown::Page(page) => format!("Not taken: {}", page.lines().join("\n")),
    }
}
