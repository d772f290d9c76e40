//! `stanch audit --watch --notify CHANNEL`: new accesses are told through channels, each once, also over restarts.

use super::exit::CommandError;
use super::options::Common;
use super::session::cannot_write;
use super::session::{self, Session};
use super::terminal::ui::Ui;
use crate::audit::{Query, Sight};
use crate::azure::Azure;
use crate::clock;
use crate::engine::event::Mode;
use crate::failure::Failure;
use crate::journal::{Delivery, DeliveryLog, LockError};
use crate::notify::{Channel, Message};
use crate::visible;
use std::io::ErrorKind;
use std::sync::Arc;

/// As many accesses are spelled out in a message.
const MOST_TOLD: usize = 20;

/// Those who are told, and what they were told.
pub(super) struct Listeners {
    listeners: Vec<(String, Arc<dyn Channel>, DeliveryLog)>,
    /// The secret, and its version where only that counts.
    watched: String,
    azure: Azure,
    drill: bool,
}

impl Listeners {
    /// Opens the memory of each channel.
    pub(super) fn open(
        common: &Common,
        session: &Session,
        query: &Query,
        channels: &[String],
    ) -> Result<Self, CommandError> {
        let version = query.version.as_ref().map(|version| format!("/{version}")).unwrap_or_default();
        let watched = format!("https://{}/secrets/{}{version}", query.vault_host, query.secret);
        let runs = session::runs(common)?;
        let mut listeners = Vec::new();
        for name in channels {
            let Some(channel) = session.config().channels.get(name) else {
                let known: Vec<&str> = session.config().channels.keys().map(String::as_str).collect();
                let help = match known.as_slice() {
                    [] => "configure one under `channels:` in stanch.yaml".to_owned(),
                    known => format!("the channels in stanch.yaml are: {}", known.join(", ")),
                };
                return Err(CommandError::usage(Failure::refused(format!("there is no channel `{name}`")).help(help)));
            };
            let mode = if session.mode() == Mode::Drill { "drill " } else { "" };
            let memory = format!("{mode}{} {name}", watched.to_lowercase());
            let told = DeliveryLog::open(&runs, &memory, &session::claimant()).map_err(|error| match error {
                LockError::Io(error) if error.kind() == ErrorKind::InvalidData => CommandError::refused(
                    Failure::refused(format!("what `{name}` was told cannot be read"))
                        .because(error.to_string())
                        .help("move the file away, then watch again: what lies in the window is told once more")
                        .and("nothing was changed"),
                ),
                LockError::Io(error) => cannot_write(runs.state(), &error),
                error @ (LockError::Uploaded(..) | LockError::BrokenOff(_) | LockError::Unreadable(..)) => {
                    session::locked(&error)
                }
                LockError::Held(_) => CommandError::refused(
                    Failure::refused(format!("another process watches this and tells `{name}`"))
                        .help("end that one first, or watch without `--notify`")
                        .and("nothing was changed"),
                ),
                LockError::NotKnown(holder) => CommandError::refused(
                    Failure::refused(format!("another machine may watch this and tell `{name}`"))
                        .because(holder.who())
                        .because("whether it still lives cannot be seen from here")
                        .help("end that one first, or watch without `--notify`")
                        .and("nothing was changed"),
                ),
            })?;
            listeners.push((name.clone(), Arc::clone(channel), told));
        }
        Ok(Self { listeners, watched, azure: session.azure("")?, drill: session.mode() == Mode::Drill })
    }

    /// Tells every channel what it was not told before. What cannot be sent now is sent after a later look.
    pub(super) async fn tell(&mut self, ui: Ui, sights: &[Sight]) -> Result<(), CommandError> {
        let Self { listeners, watched, azure, drill } = self;
        for (name, channel, told) in listeners {
            loop {
                if told.open_message().is_none() {
                    let new = |sight: &&Sight| !sight.own && !sight.is_challenge() && !told.has(&sight.mark);
                    let new: Vec<&Sight> = sights.iter().filter(new).collect();
                    if new.is_empty() {
                        break;
                    }
                    let marks = new.iter().map(|sight| sight.mark.clone()).collect();
                    told.begin(marks, lines(&new)).map_err(|error| not_remembered(&error))?;
                }
                let Some(message) = told.open_message() else { break };
                if let Err(failure) = send(channel.as_ref(), message, watched, azure, *drill).await {
                    let why = failure.reasons.first().map(|why| format!(": {why}")).unwrap_or_default();
                    let at = clock::now().format("%H:%M:%S");
                    ui.note(&format!("{at} `{name}` was not told: {}{why}", failure.summary));
                    break;
                }
                told.end().map_err(|error| not_remembered(&error))?;
            }
        }
        Ok(())
    }

    /// Whether something is still to be told.
    pub(super) fn owe(&self) -> bool {
        self.listeners.iter().any(|(_, _, told)| told.open_message().is_some())
    }
}

async fn send(
    channel: &dyn Channel,
    delivery: &Delivery,
    watched: &str,
    azure: &Azure,
    drill: bool,
) -> Result<(), Failure> {
    let count = delivery.marks.len();
    let accesses = if count == 1 { "1 new access".to_owned() } else { format!("{count} new accesses") };
    let unknown = delivery.lines.iter().any(|line| line.starts_with(UNKNOWN));
    let message = Message {
        title: &format!("{accesses} of {watched}"),
        summary: &delivery.lines.join("\n"),
        severity: if unknown { "sev1" } else { "sev3" },
        facts: &[],
        origin: None,
        drill,
        key: &delivery.key,
    };
    channel.send(&message, azure).await.map(drop)
}

/// How the line of a caller begins that nobody knows.
const UNKNOWN: &str = "UNKNOWN";

fn lines(sights: &[&Sight]) -> Vec<String> {
    let line = |sight: &&Sight| {
        let kind = if sight.known { "known" } else { UNKNOWN };
        let who = if sight.name.is_empty() { "nobody" } else { &sight.name };
        let (version, agent) = (sight.version.get(..8).unwrap_or(&sight.version), &sight.user_agent);
        visible::line(&format!(
            "{kind} {who} from {}: {} {version} answered {}, {} ({agent})",
            sight.ip, sight.operation, sight.status, sight.time
        ))
    };
    let mut lines: Vec<String> = sights.iter().take(MOST_TOLD).map(line).collect();
    if sights.len() > MOST_TOLD {
        lines.push(format!("and {} more", sights.len() - MOST_TOLD));
    }
    lines
}

fn not_remembered(error: &std::io::Error) -> CommandError {
    let failure = Failure::refused("what the channels were told cannot be written down").because(error.to_string());
    CommandError::program(failure.help("make room in the state directory, then watch again; nobody was told more"))
}
