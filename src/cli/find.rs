//! `stanch find`: a leaked value, or a scanner's report, becomes the secret and version that hold it, and the run that
//! fits. Only reads are sent; the value is asked for without being shown, and kept nowhere.

use super::driving::{self, Args as RunArgs};
use super::ending::InOrder;
use super::exit::{CommandError, Exit, Outcome};
use super::found::{Leak, Shown};
use super::options::Common;
use super::page::Page;
use super::reported::{self, Chosen, Reported, reported};
use super::run;
use super::session::{self, Session};
use super::terminal::modes::{self, Mode};
use super::terminal::secret_prompt::{StandardInput, cut};
use super::terminal::ui::Ui;
use crate::clock::Timestamp;
use crate::command_line::CommandLine;
use crate::failure::Failure;
use crate::find::{Needle, Progress, search};
use crate::intake::{self, NOT_STATED, ScanReport};
use crate::secret::{Secret, SecretPrompt};
use chrono::{DateTime, SubsecRound, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PROMPT: &str = "paste the leaked value, it will not be shown or stored: ";
const PROMPT_OR_HASH: &str = "paste the leaked value, it will not be shown or stored; Enter alone looks for its hash: ";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A vault to look in, by its URL; several may be given [default: the vaults of the configuration]
    #[arg(long, value_name = "URL")]
    vault: Vec<String>,
    /// A scanner's report in place of the value, of any kind that `--formats` lists; `-` for standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// List the reports that can be read: how each is told, and what it gives
    #[arg(long, conflicts_with_all = ["from", "run", "finding"])]
    formats: bool,
    /// Which finding of the report, counted from 1
    #[arg(long, value_name = "N", requires = "from")]
    finding: Option<usize>,
    /// Since when the value has been out (RFC 3339) [default: what the report says]
    #[arg(long, value_name = "TIME")]
    exposed_at: Option<String>,
    /// Begin the run that fits, if one secret was found
    #[arg(long)]
    run: bool,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let in_order = InOrder::hold();
    // Until the answer is there nothing but reads is sent, and a hidden prompt gives its terminal back when dropped.
    let begun = match in_order.or(find(common, ui, &args)).await {
        Ok(begun) => begun?,
        Err(told) => return Ok(told),
    };
    drop(in_order);
    match begun {
        Next::End(exit) => Ok(exit),
        Next::Run(args) => run::run(common, ui, run::RunArgs::of(*args)).await,
    }
}

/// What follows the search.
enum Next {
    End(Exit),
    Run(Box<RunArgs>),
}

async fn find(common: &Common, ui: Ui, args: &Args) -> Result<Next, CommandError> {
    if args.formats {
        reported::formats(ui);
        return Ok(Next::End(Exit::Done));
    }
    if args.run {
        driving::nobody_is_there(common, ui, "the run that fits")?;
    }
    let session = Session::open(common, None)?;
    let vaults = session.vaults(&args.vault)?;
    let given = args.exposed_at.as_deref().map(time).transpose()?;
    // Until the answer is there nothing that is typed is echoed, and nothing of it reaches the shell: it may be the rest
    // of the value.
    let listening = std::io::stdin().is_terminal().then(|| modes::take(Mode::Keys).ok()).flatten();
    let mut chosen = match &args.from {
        Some(path) => match reported(ui, args.finding, path).await? {
            Reported::Leak(chosen) => chosen,
            Reported::Several => return Ok(Next::End(Exit::Usage)),
            Reported::Clean => return Ok(Next::End(Exit::Done)),
        },
        None => Box::new(Chosen {
            values: vec![ask(ui, PROMPT).await.and_then(no_report)?],
            parts: Vec::new(),
            hash: None,
            leak: Leak::default(),
        }),
    };
    if let (true, Some(path)) = (chosen.values.is_empty(), &args.from)
        && let Some(value) = hidden(path, &chosen, ui).await?
    {
        chosen.values.push(value);
    }
    let Chosen { values, parts, hash, mut leak } = *chosen;
    if given.is_some() {
        (leak.exposed_at, leak.exposed_at_is, leak.zone_assumed) = (given, None, false);
        leak.exposed_at_not_taken = None;
    }
    let needle = match hash.filter(|_| values.is_empty()) {
        Some(hash) => Needle::recognised(hash),
        None => Needle::new(&values).map(|needle| needle.pointing(&parts)),
    };
    let needle = needle.map_err(CommandError::usage)?;
    leak.found_at = leak.found_at.map(|place| intake::said(&needle.redact(&place)));
    leak.rule = leak.rule.map(|rule| intake::said(&needle.redact(&rule)));
    let fingerprints = session::fingerprints(&session::runs(common)?)?;
    let fingerprint = values.first().map(|value| fingerprints.fingerprint(value)).unwrap_or_default();
    drop((values, parts));

    let azure = session.azure(&fingerprints.request_prefix())?;
    let (bar, versions) = (progress_bar(ui), AtomicUsize::new(0));
    let progress = |progress| {
        match (progress, &bar) {
            // Whoever waits for the last vault has something to begin with.
            (Progress::Found(secret), Some(bar)) => bar.suspend(|| ui.note(&format!("found in {secret}; going on"))),
            (Progress::Listed(secrets), Some(bar)) => bar.inc_length(secrets as u64),
            (Progress::Read { versions: read }, Some(bar)) => {
                let versions = versions.fetch_add(read, Ordering::Relaxed) + read;
                bar.inc(1);
                bar.set_message(ui.shown(&format!("{versions} versions")));
            }
            (Progress::Found(secret), None) => ui.note(&format!("found in {secret}; going on")),
            (Progress::Listed(_) | Progress::Read { .. }, None) => {}
        }
    };
    let answer = search(&azure, &vaults, &needle, &progress).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let more_came = listening.is_some() && modes::more_came();
    drop(listening);
    if answer.found.is_empty() && more_came {
        return Err(CommandError::usage(cut("more came after it was taken")));
    }
    let shown = Shown::new(&answer, session.config(), &leak, fingerprint);
    match (args.run, ui.json) {
        // What the run prints is the command's data then.
        (true, _) => ui.notes(&shown.text(ui)),
        (false, true) => shown.json(ui),
        (false, false) => ui.data(&shown.text(ui)),
    }
    if shown.holders.is_empty() && !answer.is_answered() {
        let failure = Failure::refused("it was not found, and not everything could be searched");
        let failure =
            answer.not_tried.iter().fold(failure, |failure, part| failure.because(format!("not looked for: {part}")));
        return Err(CommandError::refused(
            failure.help("mend what is said above, then ask again: the value may be there"),
        ));
    }
    if args.run {
        return begin(&shown).map(Next::Run);
    }
    if let Some(report) = leak.report.as_ref().filter(|report| !report.unread.is_empty()) {
        let why = if report.is_whole {
            "the scanner did not look at everything"
        } else {
            "the report could not be read whole"
        };
        let failure = Failure::refused(format!("{why}: more may have leaked"));
        let failure = report.unread.iter().fold(failure, Failure::because);
        return Err(CommandError::refused(
            failure.help("write it anew with the scanner, and ask again for what is missing"),
        ));
    }
    Ok(Next::End(Exit::Done))
}

/// The run that fits, if it is clear which.
fn begin(shown: &Shown<'_>) -> Result<Box<RunArgs>, CommandError> {
    // What may be chance is for a person to judge.
    let sure: Vec<_> = shown.holders.iter().filter(|holder| holder.is_sure()).collect();
    let suggestion = match sure.as_slice() {
        [only] => &only.suggestion,
        [] if !shown.holders.is_empty() => {
            let failure = Failure::refused("no run was begun: that the secret holds the value may be chance");
            return Err(CommandError::refused(failure.help("look at it, and begin the run as said above")));
        }
        [] => return Err(CommandError::refused(Failure::refused("no run was begun: no secret holds the value"))),
        several => {
            let summary = format!("no run was begun: {} secrets hold the value", several.len());
            return Err(CommandError::refused(Failure::refused(summary).help(format!(
                "begin one for each, as said above, or `{}` for all",
                CommandLine::stanch("run leaked-value")
            ))));
        }
    };
    if let Some(missing) = suggestion.missing.first() {
        let failure = Failure::refused(format!("no run was begun: its input `{missing}` is not known"));
        let help = if missing == "exposed_at" {
            "say since when the value has been out with `--exposed-at`"
        } else {
            "begin it as said above"
        };
        return Err(CommandError::usage(failure.help(help)));
    }
    Ok(Box::new(RunArgs::played(&suggestion.runbook, suggestion.arguments(), None)))
}

async fn ask(ui: Ui, prompt: &str) -> Result<Secret, CommandError> {
    entered(ui, prompt).await?.ok_or_else(|| {
        let failure = Failure::refused("no value was given");
        CommandError::usage(failure.help("paste it at the prompt, or pipe it in: `… | stanch find --vault URL`"))
    })
}

/// The value, unless it is a report that holds none: what is not in it is found nowhere.
fn no_report(value: Secret) -> Result<Secret, CommandError> {
    let holds_none = |report: &ScanReport| report.findings.iter().all(|finding| finding.values.is_empty());
    match intake::read(value.expose().as_bytes()) {
        Ok(report) if holds_none(&report) => {
            let what = report.format.map_or("a scanner's report", |format| format.title);
            let failure = Failure::refused(format!("what was given is {what}, and holds no value"));
            Err(CommandError::usage(
                failure.help("give a report with `--from FILE`, or with `--from -` where it is piped in"),
            ))
        }
        _ => Ok(value),
    }
}

async fn entered(ui: Ui, prompt: &str) -> Result<Option<Secret>, CommandError> {
    let shown = |entered: &str| if entered.is_empty() { ui.ask(&Page::of(prompt)) } else { ui.entered(entered) };
    let given = StandardInput::default().ask(&shown).await;
    if std::io::stdin().is_terminal() {
        ui.leave_entered();
    }
    given.map_err(CommandError::usage)
}

/// The value of a finding whose report does not hold it: asked for, or recognised by its hash.
async fn hidden(path: &Path, chosen: &Chosen, ui: Ui) -> Result<Option<Secret>, CommandError> {
    let is_input = path == Path::new("-");
    match (&chosen.hash, is_input) {
        (Some(_), true) => Ok(None),
        (Some(_), false) => {
            ui.note("the report holds a hash in place of the value");
            entered(ui, PROMPT_OR_HASH).await
        }
        (None, true) => {
            let failure = Failure::refused("the report does not hold the value, and standard input is at its end");
            Err(CommandError::usage(failure.because(look_up(chosen)).help(
                "give the report as a file with `--from FILE`, and the value at the prompt or on standard input",
            )))
        }
        (None, false) => {
            ui.note(&format!("the report does not hold the value; {}", look_up(chosen)));
            ask(ui, PROMPT).await.map(Some)
        }
    }
}

/// Where the value is to be had that a report hides.
fn look_up(chosen: &Chosen) -> String {
    match chosen.leak.found_at.as_deref() {
        Some(place) if place != NOT_STATED => format!("look it up where it leaked, and give it here: {place}"),
        _ => "it does not say where it leaked either: open the alert, look the value up there, and give it here"
            .to_owned(),
    }
}

fn time(text: &str) -> Result<Timestamp, CommandError> {
    let no_time = |why: String| {
        let failure = Failure::refused(format!("`{text}` is no time that something can have leaked at")).because(why);
        CommandError::usage(failure.help("write RFC 3339: 2026-11-22T21:40:00Z"))
    };
    let at = DateTime::parse_from_rfc3339(text).map_err(|error| no_time(error.to_string()))?.with_timezone(&Utc);
    if reported::is_to_come(at) { Err(no_time("it lies in the future".to_owned())) } else { Ok(at.trunc_subsecs(0)) }
}

fn progress_bar(ui: Ui) -> Option<ProgressBar> {
    if ui.quiet || ui.json || !ui.shows_progress() {
        return None;
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("reading {bar:20} {pos} of {len} secrets, {msg}") {
        bar.set_style(style.progress_chars("━━─"));
    }
    bar.set_message(ui.shown("0 versions"));
    bar.enable_steady_tick(Duration::from_millis(120));
    Some(bar)
}
