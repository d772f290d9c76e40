//! A scanner's report becomes findings: what leaked, where, and since when. Usable without any runbook.
//!
//! Reports come from outside and may be anything; whatever they hold besides the leaked values is cut to what can be
//! shown, and nothing of them is ever repeated in an error. What cannot be read is counted and said: that nothing leaked
//! follows only from a report that was read whole.

mod answers;
mod azure_devops;
mod decoding;
mod detect_secrets;
mod documents;
mod finding;
mod formats;
mod ggshield;
mod gitguardian;
mod github;
mod gitlab;
mod gitleaks;
mod junit;
mod kingfisher;
mod log;
mod nosey_parker;
mod parts;
mod rows;
mod sarif;
mod semgrep;
mod subject;
mod times;
mod trivy;
mod trufflehog;

use crate::failure::Failure;
use crate::find::without_prefix;
use decoding::{decode, too_large};
use documents::Documents;
use log::Log;
use serde_json::Value;

pub use answers::{answer, is_page};
pub use decoding::LARGEST_REPORT;
pub use finding::{Format, ScanFinding, ScanReport, Since, SinceWhat};
pub use formats::FORMATS;
pub use parts::{NOT_STATED, said};

/// Reads a report of any format that is known.
pub fn read(bytes: &[u8]) -> Result<ScanReport, Failure> {
    if bytes.len() > LARGEST_REPORT {
        return Err(too_large());
    }
    let decoded = decode(bytes)?;
    if decoded.text.trim().is_empty() {
        let help =
            "an empty file is no answer: a scanner that found nothing writes `[]` or `null`; look whether it ran";
        return Err(Failure::refused("the report is empty").help(help));
    }
    let Documents { list, unread, empty, lines, unfinished } = documents(&decoded.text);
    let mut report = ScanReport { format: None, findings: Vec::new(), unread: decoded.unread, unfinished };
    report.unread.extend(unread);
    let mut reading = Reading {
        report,
        unknown: 0,
        first: None,
        others: 0,
        strange_lines: 0,
        is_answer: empty.is_some(),
        log: Log::default(),
    };
    for document in &list {
        reading.document(document, true);
    }
    for (line, object) in &lines {
        reading.line(line, object.as_ref());
    }
    if let Some((format, _)) = empty.as_ref().and_then(formats::entry) {
        reading.report.format = Some(format);
    }
    reading.end(&decoded.text)
}

/// The documents of a report of any shape.
fn documents(text: &str) -> Documents {
    let begin = text.trim_start();
    if junit::is_xml(begin) {
        return junit::documents(begin);
    }
    let documents = Documents::of_json(text);
    if !documents.list.is_empty() {
        return documents;
    }
    // What collects logs writes a time and a name before each line of a report as well.
    let bare = || Some(Documents::of_json(&without_prefix(text)?)).filter(|documents| !documents.list.is_empty());
    rows::documents(text).or_else(bare).unwrap_or(documents)
}

/// A report while it is read.
struct Reading<'a> {
    report: ScanReport,
    /// Entries that are of no format.
    unknown: usize,
    /// The first of them.
    first: Option<&'a Value>,
    /// Entries that speak of something else than secrets.
    others: usize,
    /// Lines that are neither JSON nor those of a log.
    strange_lines: usize,
    /// Whether something said that there may be nothing to find.
    is_answer: bool,
    log: Log,
}

impl<'a> Reading<'a> {
    /// Lists are taken apart, and lists of them: pages stand in one another.
    fn document(&mut self, document: &'a Value, is_outside: bool) {
        match document {
            Value::Array(list) => {
                self.is_answer |= list.is_empty() || !is_outside;
                list.iter().for_each(|entry| self.document(entry, false));
            }
            // gitleaks writes `null` where nothing was found.
            Value::Null if is_outside => self.is_answer = true,
            entry => {
                if self.finding(entry) {
                } else if log::is_entry(entry) {
                    self.log.object(entry);
                } else {
                    self.unknown += 1;
                    self.first.get_or_insert(entry);
                }
            }
        }
    }

    fn finding(&mut self, entry: &Value) -> bool {
        let Some((format, entry)) = formats::entry(entry) else { return false };
        self.report.format.get_or_insert(format);
        self.report.findings.extend(entry.findings);
        self.report.unread.extend(entry.unread);
        self.report.unfinished.extend(entry.unfinished);
        self.others += entry.others;
        true
    }

    /// A line that is no JSON as a whole: of a log, or a finding with a log's time before it.
    fn line(&mut self, line: &str, object: Option<&Value>) {
        match object {
            Some(object) if self.finding(object) => {}
            Some(object) if log::is_entry(object) => self.log.object(object),
            object if log::is_line(line) => self.log.line(line, object),
            _ => self.strange_lines += 1,
        }
    }

    fn end(self, text: &str) -> Result<ScanReport, Failure> {
        let Self { mut report, unknown, first, others, strange_lines, is_answer, log } = self;
        let is_answer = is_answer || log.is_answer();
        let broken = report.unread.clone();
        if strange_lines > 0 {
            let lines = if strange_lines == 1 { "1 line is" } else { &format!("{strange_lines} lines are") };
            report.unread.push(format!("{lines} neither JSON nor a scanner's log"));
        }
        let known = report.format.is_some() || !report.findings.is_empty();
        report.unfinished.extend(log.unfinished(report.findings.len()));
        if !known && (unknown > 0 || !is_answer) {
            if first.is_none() && report.unread.is_empty() && !report.unfinished.is_empty() {
                return Ok(report);
            }
            if first.is_none() && !broken.is_empty() {
                let failure = Failure::refused("the report cannot be read: it is cut off or damaged");
                return Err(broken.iter().fold(failure, Failure::because).help("write it anew with the scanner"));
            }
            let failure = Failure::refused("this is no report that is known")
                .because(format!("it seems to be {}", formats::seems(text, first)));
            return Err(failure.help(
                "`stanch find --formats` lists what can be read; or pipe the value itself in, without `--from`",
            ));
        }
        if unknown > 0 {
            let plural = if unknown == 1 { "entry is" } else { "entries are" };
            report.unread.push(format!("{unknown} {plural} no finding of the kind of the others"));
        }
        if report.findings.is_empty() && others > 0 {
            let what = if others == 1 { "1 entry speaks" } else { &format!("{others} entries speak") };
            report.unfinished.push(format!("{what} of code, packages or settings, and none of a secret: it does not tell whether the scanner looked for secrets"));
        }
        report.unfinished.dedup();
        report.findings = report.findings.into_iter().map(parts::shown).collect();
        Ok(report)
    }
}
