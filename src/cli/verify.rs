//! `stanch verify`: checks a journal's hash chain, prints its head, and says what that proves and what not.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::runs;
use super::session::{self, Session};
use super::terminal::ui::Ui;
use crate::clock::Timestamp;
use crate::command_line::CommandLine;
use crate::engine::State;
use crate::engine::event::Mode;
use crate::failure::Failure;
use crate::journal::{Journal, Record, RunFolder, stamps_beside};
use crate::timestamp::{Certificates, Stamp};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id, or the path of a journal [default: the latest run]
    #[arg(value_name = "RUN|JOURNAL", add = completing::runs())]
    journal: Option<String>,
    /// A head that a message carried off the machine; the journal must hold it, or it was cut off or written anew. Can
    /// be given several times
    #[arg(long, value_name = "SHA256", value_parser = head)]
    head: Vec<String>,
    /// Check the time stamps beside the journal: each must be on a line of it, by the authority of the configuration or
    /// of `--tsa-ca`
    #[arg(long)]
    timestamp: bool,
    /// The authority's certificates, in PEM [default: `timestamp.ca` of the configuration]
    #[arg(long, value_name = "FILE", requires = "timestamp")]
    tsa_ca: Option<PathBuf>,
}

/// A head that was sent off the machine, and where it stands.
#[derive(Debug, Serialize)]
struct Sent {
    head: String,
    /// The line that ends in it, counted from 1; nothing where none does.
    line: Option<u64>,
    at: Option<Timestamp>,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let meant = match &args.journal {
        Some(named) => Meant::by(common, named)?,
        None => Meant::Run(session::existing(common, &runs::meant(common, ui, None)?)?),
    };
    let path = meant.place();
    let stamps = if args.timestamp { stamps(common, &meant, args.tsa_ca.as_deref())? } else { Vec::new() };
    let mut state = State::outline();
    let mut stamped: Vec<(&Stamp, Option<u64>)> = stamps.iter().map(|stamp| (stamp, None)).collect();
    let mut sent: Vec<Sent> = args.head.iter().map(|head| Sent { head: head.clone(), line: None, at: None }).collect();
    let take = |record: &Record, hash: &str| {
        for sent in sent.iter_mut().filter(|sent| sent.head == hash) {
            (sent.line, sent.at) = (Some(record.seq + 1), Some(record.at));
        }
        for (_, line) in stamped.iter_mut().filter(|(stamp, _)| stamp.imprint == hash) {
            *line = Some(record.seq + 1);
        }
        state.apply(record.at, &record.event)
    };
    let journal = match &meant {
        Meant::Run(folder) => folder.fold(take),
        Meant::File(path) => Journal::fold_file(path, None, take),
    };
    let journal = journal.map_err(|error| session::unreadable(&path, &error))?;
    let reaches = sent.iter().filter_map(|sent| sent.line).max();
    let stamped_to = stamped.iter().filter_map(|(stamp, line)| Some(((*line)?, *stamp))).max_by_key(|(line, _)| *line);
    let (proven, not_proven) = proof(&journal, reaches, stamped_to);
    if ui.json {
        ui.json(&json!({
            "journal": path, "run": state.opened().map(|opened| &opened.run), "records": journal.records,
            "head": format!("sha256:{}", journal.head), "torn_bytes": journal.torn,
            "heads": sent.iter().map(Sent::shown).collect::<Vec<_>>(),
            "timestamps": stamped.iter().map(|(stamp, line)| {
                json!({ "at": stamp.at, "authority": stamp.authority, "head": format!("sha256:{}", stamp.imprint), "line": line })
            }).collect::<Vec<_>>(),
            "proves": proven, "does_not_prove": not_proven,
        }));
    } else {
        ui.data(&Page::of(format!("sha256:{}", journal.head)));
        tell(ui, &state, &journal, &sent);
        proven.iter().for_each(|proven| ui.note(&format!("proven      {proven}")));
        not_proven.iter().for_each(|not| ui.note(&format!("not proven  {not}")));
    }
    let missing = sent.iter().find(|sent| sent.line.is_none()).map(|sent| sent.head.as_str());
    let missing =
        missing.or_else(|| stamped.iter().find(|(_, line)| line.is_none()).map(|(stamp, _)| stamp.imprint.as_str()));
    missing.map_or(Ok(Exit::Done), |head| Err(not_held(&path, &journal, head)))
}

impl Sent {
    /// As it is written everywhere.
    fn shown(&self) -> serde_json::Value {
        json!({ "head": format!("sha256:{}", self.head), "line": self.line, "at": self.at })
    }
}

/// What is in the journal.
fn tell(ui: Ui, state: &State, journal: &Journal, sent: &[Sent]) {
    let drill = if state.opened().is_some_and(|opened| opened.mode == Mode::Drill) { "DRILL  " } else { "" };
    let run = state.opened().map(|opened| opened.run.as_str()).unwrap_or_default();
    let second = |at: Option<Timestamp>| at.map(crate::clock::second).unwrap_or_default();
    let (from, to) = (second(state.opened_at()), second(journal.last_at));
    ui.note(&format!("{drill}run {run}: {} records, {from} to {to}", journal.records));
    if journal.torn > 0 {
        let resume = CommandLine::stanch("resume").name(run);
        ui.note(&format!("a torn write of {} bytes stands after them; `{resume}` cuts it off", journal.torn));
    }
    for Sent { head, line, at } in sent {
        match line {
            Some(line) => {
                ui.note(&format!("the head {head} stands at line {line} of {}, {}", journal.records, second(*at)));
            }
            None => ui.note(&format!("the head {head} stands nowhere")),
        }
    }
}

/// What is proven by now, and what is not: with the heads that were sent off the machine the journal `reaches` to a line,
/// and with those that were `stamped` to another.
fn proof(journal: &Journal, reaches: Option<u64>, stamped: Option<(u64, &Stamp)>) -> (Vec<String>, Vec<String>) {
    let mut proven =
        vec!["hash chain valid: every line follows from the one before, from the first to the last".to_owned()];
    let mut not_proven = Vec::new();
    if let Some(line) = reaches {
        proven.push(format!("up to line {line} nothing was cut off or changed since that head was sent"));
    }
    if let Some((line, stamp)) = stamped {
        let at = crate::clock::second(stamp.at);
        proven.push(format!("up to line {line} nothing was cut off or changed since {at}, says {}", stamp.authority));
    }
    match reaches.max(stamped.map(|(line, _)| line)) {
        Some(line) => {
            if line < journal.records {
                not_proven.push(format!("that none was cut off after line {line}, or written anew from there on"));
            }
        }
        None => {
            not_proven.push("that no line was cut off at the end".to_owned());
            not_proven.push(
                "that the file was not written anew as a whole, by somebody who can write it: add `--head` with the head of a message that the run sent"
                    .to_owned(),
            );
        }
    }
    (proven, not_proven)
}

fn not_held(place: &str, journal: &Journal, head: &str) -> CommandError {
    CommandError::refused(
        Failure::refused(format!("the journal does not hold the head `{head}`"))
            .because(format!("{place} has {} whole lines, none of which ends in it", journal.records))
            .help("its end was cut off, it was written anew, or the head is another run's"),
    )
}

/// The time stamps beside a journal, each by an authority that is believed.
fn stamps(common: &Common, journal: &Meant, certificates: Option<&Path>) -> Result<Vec<Stamp>, CommandError> {
    let configured = || -> Result<Option<PathBuf>, CommandError> {
        // Not the configuration that the journal names: whoever wrote the journal anew would choose the authority.
        let session = Session::open(common, None)?;
        let config = session.config();
        Ok(config.timestamp.as_ref().and_then(|authority| authority.certificates.clone()))
    };
    let path = certificates.map(|path| Ok(Some(path.to_owned()))).unwrap_or_else(configured)?;
    let Some(path) = path else {
        let failure = Failure::refused("nothing says which time-stamping authority is believed");
        return Err(CommandError::usage(failure.help("add `--tsa-ca FILE` with its root certificate, in PEM")));
    };
    let certificates = Certificates::read(&path).map_err(CommandError::usage)?;
    let (place, found) = match journal {
        Meant::Run(folder) => (folder.place_of("timestamps"), folder.stamps()),
        Meant::File(path) => (path.with_file_name("timestamps").display().to_string(), stamps_beside(path)),
    };
    let found = found.map_err(|error| {
        CommandError::refused(Failure::refused("the time stamps cannot be read").because(error.to_string()))
    })?;
    if found.is_empty() {
        let failure = Failure::refused("there is no time stamp beside the journal");
        return Err(CommandError::refused(
            failure.because(place).help("`timestamp.url` in stanch.yaml says who stamps runs"),
        ));
    }
    let read = |(place, answer): (String, Vec<u8>)| {
        let stamp = Stamp::read(&answer, Some(&certificates));
        stamp.map_err(|failure| CommandError::refused(failure.because(place)))
    };
    found.into_iter().map(read).collect()
}

/// The journal that is meant.
enum Meant {
    /// That of a run, which must be the run's own.
    Run(RunFolder),
    /// A file, wherever it was copied to.
    File(PathBuf),
}

impl Meant {
    fn by(common: &Common, named: &str) -> Result<Self, CommandError> {
        let path = PathBuf::from(named);
        let is_there = path.symlink_metadata().is_ok();
        if named.contains('/') {
            return if is_there { Ok(Self::File(path)) } else { Err(no_file(named)) };
        }
        match session::existing(common, named) {
            Ok(folder) => Ok(Self::Run(folder)),
            Err(_) if is_there => Ok(Self::File(path)),
            Err(error) => Err(error),
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Run(folder) => folder.journal(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

fn no_file(named: &str) -> CommandError {
    let failure = Failure::refused(format!("there is no file `{named}`"));
    CommandError::usage(failure.help("name a run, or the path of a journal"))
}

/// A head as messages carry it: `sha256:` and 64 hex digits.
fn head(text: &str) -> Result<String, String> {
    let digits = text.trim().to_lowercase();
    let digits = digits.strip_prefix("sha256:").unwrap_or(&digits);
    let is_one = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_one {
        Ok(digits.to_owned())
    } else {
        Err("a head is 64 hex digits, whole, as a message carried it".to_owned())
    }
}
