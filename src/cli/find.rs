//! `stanch find`: a leaked value, or a scanner's report, becomes the secret and version that hold it, and the run that
//! fits. Only reads are sent; the value is asked for without being shown, and kept nowhere.

use super::driving::{self, Args as RunArgs};
use super::ending::InOrder;
use super::exit::{CommandError, Exit, Outcome};
use super::found::{Leak, Shown};
use super::options::Common;
use super::page::Page;
use super::run;
use super::session::{self, Session};
use super::terminal::modes::{self, Mode};
use super::terminal::secret_prompt::{StandardInput, cut};
use super::terminal::ui::Ui;
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::files;
use crate::find::{Needle, Progress, search};
use crate::intake::{self, ScanFinding, ScanReport};
use crate::secret::{Secret, SecretPrompt};
use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

const PROMPT: &str = "paste the leaked value, it will not be shown or stored: ";
/// How many findings of a report are listed.
const MOST_LISTED: usize = 50;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A vault to look in, by its URL; several may be given [default: the vaults of the configuration]
    #[arg(long, value_name = "URL")]
    vault: Vec<String>,
    /// A scanner's report in place of the value: gitleaks or TruffleHog JSON, SARIF, a GitHub alert; `-` for standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
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
        Next::Run(args) => run::run(common, ui, *args).await,
    }
}

/// What follows the search.
enum Next {
    End(Exit),
    Run(Box<RunArgs>),
}

async fn find(common: &Common, ui: Ui, args: &Args) -> Result<Next, CommandError> {
    if args.run {
        driving::nobody_is_there(common, ui, "the run that fits")?;
    }
    let session = Session::open(common, None)?;
    let vaults = session.vaults(&args.vault)?;
    let given = args.exposed_at.as_deref().map(time).transpose()?;
    // Until the answer is there nothing that is typed is echoed, and nothing of it reaches the shell: it may be the rest
    // of the value.
    let listening = std::io::stdin().is_terminal().then(|| modes::take(Mode::Keys).ok()).flatten();
    let (values, mut leak) = match &args.from {
        Some(path) => match reported(ui, args, path).await? {
            Some(reported) => reported,
            None => return Ok(Next::End(Exit::Usage)),
        },
        None => (vec![ask(ui, PROMPT).await?], Leak::default()),
    };
    if given.is_some() {
        (leak.exposed_at, leak.exposed_at_is) = (given, None);
    }
    let needle = Needle::new(&values).map_err(CommandError::usage)?;
    leak.found_at = leak.found_at.map(|place| intake::said(&needle.redact(&place)));
    leak.rule = leak.rule.map(|rule| intake::said(&needle.redact(&rule)));
    let fingerprints = session::fingerprints(&session::runs(common)?)?;
    let fingerprint = values.first().map(|value| fingerprints.fingerprint(value)).unwrap_or_default();
    drop(values);

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
        (true, _) => ui.notes(&shown.text(ui, common)),
        (false, true) => shown.json(ui, common),
        (false, false) => ui.data(&shown.text(ui, common)),
    }
    if shown.holders.is_empty() && !answer.is_complete() {
        let failure = Failure::refused("it was not found, and not every vault could be searched");
        return Err(CommandError::refused(
            failure.help("mend what is said above, then ask again: the value may be there"),
        ));
    }
    if !args.run {
        return Ok(Next::End(Exit::Done));
    }
    begin(&shown).map(Next::Run)
}

/// The run that fits, if it is clear which.
fn begin(shown: &Shown<'_>) -> Result<Box<RunArgs>, CommandError> {
    let suggestion = match shown.holders.as_slice() {
        [only] => &only.suggestion,
        [] => return Err(CommandError::refused(Failure::refused("no run was begun: no secret holds the value"))),
        several => {
            let summary = format!("no run was begun: {} secrets hold the value", several.len());
            return Err(CommandError::refused(
                Failure::refused(summary)
                    .help("begin one for each, as said above, or `stanch run leaked-value` for all"),
            ));
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
    let shown = |entered: &str| if entered.is_empty() { ui.ask(&Page::of(prompt)) } else { ui.entered(entered) };
    let given = StandardInput.ask(&shown).await;
    if std::io::stdin().is_terminal() {
        ui.leave_entered();
    }
    let given = given.map_err(CommandError::usage)?;
    given.ok_or_else(|| {
        let failure = Failure::refused("no value was given");
        CommandError::usage(failure.help("paste it at the prompt, or pipe it in: `… | stanch find --vault URL`"))
    })
}

/// The chosen finding of a report; nothing if there are several, which are listed then.
async fn reported(ui: Ui, args: &Args, path: &Path) -> Result<Option<(Vec<Secret>, Leak)>, CommandError> {
    let unreadable = |why: String| {
        let summary = format!("the report `{}` cannot be read", path.display());
        CommandError::usage(Failure::refused(summary).because(why))
    };
    // Aside, so that whoever waits for a pipe that gives nothing can be told to end.
    let place = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_report(&place)).await;
    let bytes = read.map_err(|error| unreadable(error.to_string()))?.map_err(|error| unreadable(error.to_string()))?;
    let ScanReport { format, mut findings } = intake::read(&bytes).map_err(CommandError::usage)?;
    drop(bytes);
    let count = findings.len();
    let index = match (args.finding, count) {
        (_, 0) => {
            let failure =
                Failure::refused(format!("{} without a finding: nothing leaked as far as it tells", format.name()));
            return Err(CommandError::usage(failure));
        }
        (Some(number), count) if (1..=count).contains(&number) => number - 1,
        (Some(number), count) => {
            let failure = Failure::refused(format!("there is no finding {number}; the report has {count}"));
            return Err(CommandError::usage(failure));
        }
        (None, 1) => 0,
        (None, _) => {
            list(ui, &findings);
            return Ok(None);
        }
    };
    let finding = findings.swap_remove(index);
    ui.note(&format!("{}: finding {} of {count}, {}", format.name(), index + 1, redacted(&finding, &finding.rule)));
    let leak = Leak {
        rule: Some(finding.rule),
        found_at: Some(finding.found_at),
        exposed_at: finding.since.map(|since| since.at),
        exposed_at_is: finding.since.map(|since| since.known),
    };
    if !finding.values.is_empty() {
        return Ok(Some((finding.values, leak)));
    }
    if path == Path::new("-") {
        let failure = Failure::refused("the report does not hold the value, and standard input is at its end");
        return Err(CommandError::usage(
            failure
                .help("give the report as a file with `--from FILE`, and the value at the prompt or on standard input"),
        ));
    }
    ui.note("the report does not hold the value");
    Ok(Some((vec![ask(ui, PROMPT).await?], leak)))
}

/// What is said of a finding, without its value.
fn redacted(finding: &ScanFinding, text: &str) -> String {
    let needle = (!finding.values.is_empty()).then(|| Needle::new(&finding.values).ok()).flatten();
    let text = needle.map_or_else(|| text.to_owned(), |needle| needle.redact(text));
    intake::said(&text)
}

fn list(ui: Ui, findings: &[ScanFinding]) {
    let since = |finding: &ScanFinding| finding.since.map(|since| since.at.format("%Y-%m-%d %H:%M:%SZ").to_string());
    if ui.json {
        let rows = findings.iter().enumerate().map(|(index, finding)| {
            json!({
                "finding": index + 1, "rule": redacted(finding, &finding.rule), "since": since(finding),
                "found_at": redacted(finding, &finding.found_at), "holds_value": !finding.values.is_empty(),
            })
        });
        ui.json(&json!({ "findings": rows.collect::<Vec<_>>() }));
    } else {
        let mut page = Page::of(format!("{} findings; choose one with `--finding N`", findings.len()));
        for (index, finding) in findings.iter().enumerate().take(MOST_LISTED) {
            page.line(format!(
                "  {:>3}  {:<32} {:<21} {}",
                index + 1,
                redacted(finding, &finding.rule),
                since(finding).unwrap_or_default(),
                redacted(finding, &finding.found_at)
            ));
        }
        if findings.len() > MOST_LISTED {
            page.line(format!("       and {} more, see `--json`", findings.len() - MOST_LISTED));
        }
        ui.data(&page);
    }
}

/// The report's bytes, no more of them than a report may have.
fn read_report(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let most = intake::LARGEST_REPORT + 1;
    if path != Path::new("-") {
        return files::read_named(path, most).map(Zeroizing::new);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().lock().take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn time(text: &str) -> Result<Timestamp, CommandError> {
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).map_err(|error| {
        let failure = Failure::refused(format!("`{text}` is no time")).because(error.to_string());
        CommandError::usage(failure.help("write RFC 3339: 2026-11-22T21:40:00Z"))
    })
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
