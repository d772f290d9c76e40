//! A scanner's report becomes one leak: its finding is chosen, and with it the value, the place and the time.

use super::exit::CommandError;
use super::found::{Leak, ReportSeen};
use super::page::Page;
use super::terminal::ui::Ui;
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use crate::files;
use crate::find::{Digest, Needle};
use crate::intake::{self, FORMATS, Format, ScanFinding, ScanReport};
use crate::secret::Secret;
use chrono::{SecondsFormat, TimeDelta};
use serde_json::json;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// The furthest that a zone is from UTC.
const ZONES: TimeDelta = TimeDelta::hours(14);
/// How many findings of a report are listed.
const MOST_LISTED: usize = 50;

/// What a report came to.
pub(super) enum Reported {
    /// One finding of it.
    Leak(Box<Chosen>),
    /// Several, which were listed.
    Several,
    /// It was read whole, and holds none.
    Clean,
}

/// The chosen finding.
pub(super) struct Chosen {
    pub(super) values: Vec<Secret>,
    pub(super) parts: Vec<Secret>,
    pub(super) hash: Option<Digest>,
    pub(super) leak: Leak,
}

/// Reads a report, and chooses what is looked for.
pub(super) async fn reported(ui: Ui, wanted: Option<usize>, path: &Path) -> Result<Reported, CommandError> {
    let unreadable = |why: String| {
        let summary = format!("the report `{}` cannot be read", path.display());
        CommandError::usage(Failure::refused(summary).because(why))
    };
    if files::is_awaited(path) {
        ui.note(&format!("waiting for the report from the pipe `{}`", path.display()));
    }
    // Aside, so that whoever waits for a pipe that gives nothing can be told to end.
    let place = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_report(&place)).await;
    let bytes = read.map_err(|error| unreadable(error.to_string()))?.map_err(|error| unreadable(error.to_string()))?;
    let report = intake::read(&bytes).map_err(CommandError::usage)?;
    drop(bytes);
    let title = report.format.map_or("a report", |format| format.title);
    for unread in &report.unread {
        ui.note(&format!("not read of the report: {unread}"));
    }
    for unfinished in &report.unfinished {
        ui.note(&format!("not the whole answer: {unfinished}"));
    }
    let count = report.findings.len();
    let index = match wanted {
        Some(number) if (1..=count).contains(&number) => number - 1,
        Some(number) => {
            let failure = Failure::refused(format!("there is no finding {number}; the report has {count}"));
            return Err(CommandError::usage(failure));
        }
        None if count == 0 => return nothing(ui, title, &report),
        None => match all_are_one(&report.findings) {
            true => 0,
            false => {
                list(ui, &report);
                return Ok(Reported::Several);
            }
        },
    };
    Ok(Reported::Leak(Box::new(chosen(ui, title, report, index))))
}

/// Only a report that was read whole, of a scanner that finished, says that nothing leaked.
fn nothing(ui: Ui, title: &str, report: &ScanReport) -> Result<Reported, CommandError> {
    if !report.unread.is_empty() {
        let failure =
            Failure::refused(format!("{title} without a finding that could be read, and not all of it could be"));
        let failure = report.unread.iter().fold(failure, Failure::because);
        return Err(CommandError::refused(failure.help("write it anew with the scanner: something may have leaked")));
    }
    if !report.unfinished.is_empty() {
        let failure = Failure::refused(format!("{title} without a finding, and it is not known that nothing leaked"));
        let failure = report.unfinished.iter().fold(failure, Failure::because);
        let help = "let the scanner look for secrets, in everything, until it ends without an error, and give what it writes then";
        return Err(CommandError::usage(failure.help(help)));
    }
    if ui.json {
        ui.json(&json!({ "format": report.format.map(|format| format.name), "findings": [], "unread": [] }));
    } else {
        ui.data(&Page::of(format!("{title} without a finding: nothing leaked as far as it tells")));
    }
    Ok(Reported::Clean)
}

fn all_are_one(findings: &[ScanFinding]) -> bool {
    let (first, others) = match findings.split_first() {
        Some((first, others)) => (first, others),
        None => return false,
    };
    others.iter().all(|other| first.is_same_value(other))
}

fn chosen(ui: Ui, title: &str, report: ScanReport, index: usize) -> Chosen {
    let is_whole = report.unread.is_empty();
    let doubts = report.doubts().cloned().collect();
    let mut findings = report.findings;
    let count = findings.len();
    let finding = findings.swap_remove(index);
    ui.note(&format!("{title}: finding {} of {count}, {}", index + 1, redacted(&finding, &finding.rule)));
    // It has been out since the first of the places that it leaked to.
    let same: Vec<&ScanFinding> = findings.iter().filter(|other| finding.is_same_value(other)).collect();
    let times = same.iter().filter_map(|other| other.since).chain(finding.since);
    let since = times.filter(|since| !is_to_come(since.at)).min_by_key(|since| since.at);
    let not_taken = same.iter().copied().chain([&finding]).find_map(not_taken);
    if !same.is_empty() {
        let places = if same.len() == 1 { "place" } else { "places" };
        ui.note(&format!(
            "the same value stands in {} more {places} of the report; the earliest time is taken",
            same.len()
        ));
    }
    let leak = Leak {
        rule: Some(finding.rule),
        found_at: Some(finding.found_at),
        exposed_at: since.map(|since| since.at),
        exposed_at_is: since.map(|since| since.known),
        zone_assumed: since.is_some_and(|since| since.zone_assumed),
        exposed_at_not_taken: not_taken,
        report: Some(ReportSeen { format: finding.format.name, findings: count, unread: doubts, is_whole }),
    };
    Chosen { values: finding.values, parts: finding.parts, hash: finding.hash, leak }
}

/// Why the time that a finding has is not taken, if it is not.
fn not_taken(finding: &ScanFinding) -> Option<&'static str> {
    match finding.since {
        Some(since) if is_to_come(since.at) => Some("the report has a time that lies in the future"),
        None if finding.is_time_unread => Some("the report has a time that cannot be read"),
        _ => None,
    }
}

/// Whether a time lies in the future, by more than clocks and zones that were assumed differ.
pub(super) fn is_to_come(at: Timestamp) -> bool {
    at > clock::now() + ZONES
}

/// What is said of a finding, without its value.
fn redacted(finding: &ScanFinding, text: &str) -> String {
    let needle = (!finding.values.is_empty()).then(|| Needle::new(&finding.values).ok()).flatten();
    let text = needle.map_or_else(|| text.to_owned(), |needle| needle.redact(text));
    intake::said(&text)
}

fn list(ui: Ui, report: &ScanReport) {
    let findings = &report.findings;
    let since = |finding: &ScanFinding| finding.since.map(|since| since.at.to_rfc3339_opts(SecondsFormat::Secs, true));
    if ui.json {
        let rows = findings.iter().enumerate().map(|(index, finding)| {
            json!({
                "finding": index + 1, "rule": redacted(finding, &finding.rule), "since": since(finding),
                "since_is": finding.since.map(|since| since.known), "since_not_taken": not_taken(finding), "format": finding.format.name,
                "found_at": redacted(finding, &finding.found_at), "holds_value": !finding.values.is_empty(),
            })
        });
        ui.json(&json!({ "findings": rows.collect::<Vec<_>>(), "unread": report.doubts().collect::<Vec<_>>() }));
        return;
    }
    let mut page = Page::of(format!("{} findings; choose one with `--finding N`", findings.len()));
    for (index, finding) in findings.iter().enumerate().take(MOST_LISTED) {
        page.line(format!(
            "  {:>3}  {:<32} {:<21} {}{}",
            index + 1,
            redacted(finding, &finding.rule),
            since(finding).unwrap_or_else(|| if finding.is_time_unread {
                "time not readable".to_owned()
            } else {
                String::new()
            }),
            redacted(finding, &finding.found_at),
            if finding.values.is_empty() { "  (without the value)" } else { "" }
        ));
    }
    if findings.len() > MOST_LISTED {
        page.line(format!("       and {} more, see `--json`", findings.len() - MOST_LISTED));
    }
    ui.data(&page);
}

/// `stanch find --formats`: the table of what can be read.
pub(super) fn formats(ui: Ui) {
    if ui.json {
        ui.json(&json!({ "formats": FORMATS }));
        return;
    }
    let told = |format: &&Format| {
        format!(
            "{}\n  shapes   {}\n  told by  {}\n  value    {}\n  place    {}\n  time     {}\n",
            format.name, format.shapes, format.told_by, format.value, format.place, format.time
        )
    };
    let table: Vec<String> = FORMATS.iter().map(told).collect();
    ui.data(&Page::document(&format!(
        "{}\nUTF-8 or UTF-16, with any line ends, also compressed with gzip. A value that a report hides is asked for.\n",
        table.join("\n")
    )));
}

/// The report's bytes, no more of them than a report may have.
fn read_report(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let most = intake::LARGEST_REPORT + 1;
    if path != Path::new("-") {
        return files::read_awaited(path, most).map(Zeroizing::new);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().lock().take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
