//! A [`BlastRadius`] → plain text for a terminal, at most 120 columns.
//!
//! Callers chose some of what stands in a log: nothing of it reaches the terminal as a control character.

use super::blast_radius::{Access, BlastRadius};
use super::coverage::{Coverage, Nothing};
use super::findings::{Evidence, Severity};
use super::gaps::Likely;
use crate::visible;
use std::collections::BTreeSet;
use std::fmt::Write;

const COLUMNS: usize = 120;
const SHOWN_EVIDENCE: usize = 3;
const SHOWN_GAPS: usize = 5;
const SHOWN_PLACES: usize = 40;
const SHOWN_COMMANDS: usize = 5;
/// The widths of the table's columns: who, kind, operation, version, status, count, first, last, address.
const WIDTHS: [usize; 9] = [24, 7, 18, 8, 3, 6, 14, 14, 16];

/// The blast radius in plain text: accesses (the unknown first), second order, findings, coverage.
pub fn describe(radius: &BlastRadius) -> String {
    let mut text = String::new();
    let window = &radius.window;
    line(
        &mut text,
        &format!(
            "who touched `{}` from {} until {} (UTC)",
            radius.secret,
            moment(&window.since),
            moment(&window.until)
        ),
    );
    text.push('\n');
    accesses(&mut text, radius);
    second_order(&mut text, radius);
    findings(&mut text, radius);
    coverage(&mut text, &radius.coverage);
    text
}

/// What the answer rests on, in plain text, for those who took the accesses elsewhere.
pub fn describe_basis(radius: &BlastRadius) -> String {
    let mut text = String::new();
    if radius.accesses.is_empty() {
        accesses(&mut text, radius);
    }
    findings(&mut text, radius);
    coverage(&mut text, &radius.coverage);
    text
}

fn accesses(text: &mut String, radius: &BlastRadius) {
    if let Some(Nothing::Unreadable(why) | Nothing::Empty(why)) = radius.coverage.nothing() {
        wrapped(text, &format!("no answer: {why}"));
    } else if let (true, Some(why)) = (radius.accesses.is_empty(), radius.coverage.in_part()) {
        wrapped(text, &format!("no access is shown by what could be read, and that is not all: {why}"));
    } else if radius.accesses.is_empty() {
        line(text, "the log shows no access");
    } else {
        row(text, ["WHO", "", "OPERATION", "VERSION", "", "COUNT", "FIRST", "LAST", "FROM"]);
        let mut rows: Vec<&Access> = radius.accesses.iter().collect();
        rows.sort_by_key(|access| rank(access, radius));
        let mut several = BTreeSet::new();
        for access in rows {
            let who = if access.caller().is_empty() { "(no identity)" } else { access.caller() };
            let status = match (access.statuses.as_slice(), access.status) {
                ([], 0) => "?".to_owned(),
                ([], status) => status.to_string(),
                (_, status) => {
                    several.insert(format!("{}xx in a row above stands for {}", status / 100, access.all_statuses()));
                    format!("{}xx", status / 100)
                }
            };
            let count = access.count.to_string();
            let (kind, version) = (kind(access, radius), access.version.get(..8).unwrap_or(&access.version));
            let (first, last) = (short(&access.first), short(&access.last));
            row(text, [who, kind, &access.operation, version, &status, &count, &first, &last, &access.ip]);
        }
        several.iter().for_each(|several| line(text, several));
    }
    for oid in &radius.unknown_callers {
        let name = name_of(radius, oid);
        let name = if name == oid { String::new() } else { format!(" ({name})") };
        line(text, &format!("unrecognised caller: {oid}{name}"));
    }
    let runs: BTreeSet<&str> = radius.accesses.iter().flat_map(|access| &access.runs).map(String::as_str).collect();
    if !runs.is_empty() {
        wrapped(text, &format!("runs of stanch among them: {}", runs.into_iter().collect::<Vec<_>>().join(", ")));
    }
    text.push('\n');
}

fn second_order(text: &mut String, radius: &BlastRadius) {
    if radius.second_order.is_empty() {
        return;
    }
    line(text, "what else the unrecognised callers touched, what matters most first");
    // The rows are ranked; those of one caller and secret become one line, at the place of the first.
    type Place<'r> = (&'r str, &'r str, &'r str);
    let mut places: Vec<(Place<'_>, Vec<String>, &str)> = Vec::new();
    for reach in &radius.second_order {
        let place = (reach.oid.as_str(), reach.vault.as_str(), reach.secret.as_str());
        let refused = if reach.succeeded == 0 { " refused" } else { "" };
        let deed = format!("{} ×{}{refused}", reach.operation, reach.count);
        match places.iter_mut().find(|(present, _, _)| *present == place) {
            Some((_, deeds, _)) => deeds.push(deed),
            None => places.push((place, vec![deed], &reach.command)),
        }
    }
    let more = places.len().saturating_sub(SHOWN_PLACES);
    let mut commands: Vec<&str> = Vec::new();
    for ((oid, vault, secret), deeds, command) in places.into_iter().take(SHOWN_PLACES) {
        let secret = format!("{vault}/{secret}");
        line(text, &format!("  {:24} {:40} {}", cut(name_of(radius, oid), 24), cut(&secret, 40), deeds.join(", ")));
        if !command.is_empty() && !commands.contains(&command) {
            commands.push(command);
        }
    }
    if more > 0 {
        line(text, &format!("  and {more} more; `--json` has them all"));
    }
    for command in commands.into_iter().take(SHOWN_COMMANDS) {
        // A command is only worth something whole.
        text.push_str(&format!("  → {}\n", visible::line(command)));
    }
    text.push('\n');
}

fn findings(text: &mut String, radius: &BlastRadius) {
    if radius.findings.is_empty() {
        return;
    }
    line(text, "findings");
    for finding in &radius.findings {
        let severity = match finding.severity {
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        };
        line(text, &format!("  {severity:6} {}", finding.summary));
        for evidence in finding.evidence.iter().take(SHOWN_EVIDENCE) {
            line(text, &format!("         {}", evidence_line(evidence)));
        }
        let more = finding.evidence.len().saturating_sub(SHOWN_EVIDENCE);
        if more > 0 {
            line(text, &format!("         and {more} more"));
        }
    }
    text.push('\n');
}

fn evidence_line(evidence: &Evidence) -> String {
    if evidence.operation.is_empty() {
        return evidence.note.clone();
    }
    let span = if evidence.first == evidence.last {
        short(&evidence.first)
    } else {
        format!("{}–{}", short(&evidence.first), short(&evidence.last))
    };
    let parts = [
        format!("{} ×{}", evidence.operation, evidence.count),
        span,
        evidence.ip.clone(),
        evidence.note.clone(),
        evidence.user_agent.clone(),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn coverage(text: &mut String, coverage: &Coverage) {
    line(text, "what this rests on");
    let entries = counted(coverage.events, "entry", "entries");
    let files = counted(coverage.files, "file", "files");
    line(text, &format!("  {entries} in {files} of {}", coverage.sources.join(", ")));
    match &coverage.horizon {
        Some(horizon) => {
            line(text, &format!("  the log speaks from {} until {} (UTC);", short(&coverage.first), moment(horizon)));
            line(text, "  what happened later may not have reached it yet: entries arrive up to 20 minutes late");
            if let Some(begins) = coverage.log_begins {
                line(text, &format!("  the source holds entries of this vault since {}", moment(&begins)));
            }
        }
        None => line(text, "  there is no entry at all, so nothing can be said about who touched the secret"),
    }
    if coverage.unreadable_lines > 0 {
        line(text, &format!("  {} could not be read", counted(coverage.unreadable_lines, "record", "records")));
    }
    if let Some(files) = coverage.files_not_read() {
        line(text, &format!("  {files}"));
    }
    if let Some(unnamed) = coverage.unnamed_entries() {
        line(text, &format!("  {unnamed}: each of them may be about this one"));
    }
    for sample in &coverage.unreadable {
        line(text, &format!("    {sample}"));
    }
    for gap in coverage.gaps.iter().take(SHOWN_GAPS) {
        let likely = match gap.likely {
            Likely::Quiet => "more likely a quiet vault",
            Likely::Missing => "more likely a log that is missing",
            Likely::Unknown => "a quiet vault, or a log that was not kept",
        };
        line(text, &format!("  no entry from {} until {}: {likely}", moment(&gap.from), moment(&gap.to)));
        if !gap.why.is_empty() {
            line(text, &format!("    {}", gap.why));
        }
    }
    let more = coverage.gaps.len().saturating_sub(SHOWN_GAPS);
    if more > 0 {
        line(text, &format!("  and {more} more stretches without an entry"));
    }
    for vault in &coverage.vaults_without_log {
        line(text, &format!("  nothing of the vault `{vault}`: its diagnostics may never have been switched on"));
    }
    for truncation in &coverage.truncations {
        line(text, &format!("  cut off: {truncation}"));
    }
    for note in &coverage.notes {
        wrapped(text, note);
    }
    line(
        text,
        "  not in this log: copies of the value used outside of the vault, and reads before logging was switched on",
    );
}

/// The unknown first, then those without identity, the known, and ourselves.
fn rank(access: &Access, radius: &BlastRadius) -> usize {
    ["unknown", "", "known", "own"].iter().position(|rank| *rank == kind(access, radius)).unwrap_or(0)
}

fn kind(access: &Access, radius: &BlastRadius) -> &'static str {
    match access {
        access if access.own => "own",
        access if access.known => "known",
        access if radius.unknown_callers.contains(&access.id()) => "unknown",
        _ => "",
    }
}

fn name_of<'a>(radius: &'a BlastRadius, oid: &'a str) -> &'a str {
    let access = radius.accesses.iter().find(|access| access.id() == oid);
    access.map_or(oid, Access::caller)
}

fn row(text: &mut String, cells: [&str; 9]) {
    let mut whole = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let cell = cut(cell, width);
        // Writing into a string cannot fail.
        let _ = write!(whole, "{cell:width$} ");
    }
    line(text, whole.trim_end());
}

/// A sentence over as many lines as it needs.
fn wrapped(text: &mut String, sentence: &str) {
    let mut current = String::from(" ");
    for word in sentence.split_whitespace() {
        if current.chars().count() + 1 + word.chars().count() > COLUMNS {
            line(text, &current);
            current = String::from("   ");
        }
        current.push(' ');
        current.push_str(word);
    }
    line(text, &current);
}

/// A line of text, without control characters, cut to the width.
fn line(text: &mut String, content: &str) {
    text.push_str(&cut(content, COLUMNS));
    text.push('\n');
}

/// One line, whatever callers chose to be called, cut to so many characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return visible::line(text);
    }
    visible::line(text).chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `2026-11-20T22:02:11.1234567Z` → `11-20 22:02:11`.
fn short(time: &str) -> String {
    time.get(5..19).unwrap_or(time).replace('T', " ")
}

fn moment(at: &crate::clock::Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}
