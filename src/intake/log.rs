//! What a scanner's log says of its run: whether it came to its end, what it stumbled over, and how much it found.

use super::parts::text;
use serde_json::Value;

/// Levels at which a scanner says that it could not do what it was asked to.
const FAILED: &[&str] = &["ERROR", "ERR", "FATAL", "FTL", "PANIC", "PNC", "CRITICAL", "CRIT", "CRT"];
/// The other levels.
const OTHERS: &[&str] = &["TRACE", "TRC", "DEBUG", "DBG", "INFO", "INF", "NOTICE", "NOTE", "WARN", "WRN", "WARNING"];
/// What says at any level that not everything was looked at.
const CUT_SHORT: &[&str] = &[
    "partial scan",
    "failed to scan",
    "could not scan",
    "unable to scan",
    "scan failed",
    "scan interrupted",
    "context deadline exceeded",
    "context canceled",
    "timed out",
    "aborted",
];
const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What was heard of a log so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many findings it speaks of.
    announced: usize,
    /// It is one whose end is known: it says that it begins, and that it came to its end.
    has_end: bool,
    ended: bool,
    failed: bool,
    /// It says that it came to its end, and had nothing to look at.
    idle: bool,
}

impl Log {
    /// A line of it that is an object.
    pub(super) fn object(&mut self, entry: &Value) {
        let message = [text(entry, "msg"), text(entry, "message")].join("");
        self.has_end = true;
        self.heard(&message);
        if is_summary(entry) {
            self.ended = true;
            let count = entry.get("findings").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
            self.announced += count.unwrap_or(0);
        }
        self.level(text(entry, "level"));
        self.counts(entry);
    }

    /// A line of it that is text, with an object in it or without.
    pub(super) fn line(&mut self, line: &str, object: Option<&Value>) {
        let words = line.split([' ', '\t', '[', ']', '|', '=']).map(|word| word.trim_matches([':', '(', ')', '"']));
        words.filter(|word| !word.is_empty()).take(6).for_each(|word| {
            self.level(word);
            self.has_end |= word == "trufflehog" || word.starts_with("info-");
        });
        self.heard(line);
        object.into_iter().for_each(|object| self.counts(object));
    }

    fn level(&mut self, word: &str) {
        let word = word.split('-').next().unwrap_or_default();
        self.failed |= FAILED.iter().any(|level| level.eq_ignore_ascii_case(word));
    }

    fn heard(&mut self, message: &str) {
        let message = message.to_lowercase();
        self.ended |= message.contains("finished scanning");
        self.failed |= CUT_SHORT.iter().any(|told| message.contains(told));
        self.idle |= message.contains("scanned ~0 bytes");
        let behind = message.split_once("leaks found: ").map(|(_, behind)| behind);
        let before = message.split_once(" leaks found").and_then(|(before, _)| before.rsplit(' ').next());
        let digits = behind.or(before).map(|text| text.split(|letter: char| !letter.is_ascii_digit()).next());
        self.announced += digits.flatten().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    }

    /// Verified or not: only what is reported is counted.
    fn counts(&mut self, entry: &Value) {
        for name in ["verified_secrets", "unverified_secrets"] {
            let count = entry.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
            self.announced += count.unwrap_or(0);
        }
        self.idle |= ["chunks", "bytes"].iter().any(|name| {
            let count = entry.get(name);
            count
                .is_some_and(|count| count.as_u64() == Some(0) || count.as_str().is_some_and(|text| text.trim() == "0"))
        });
    }

    /// Whether it says by itself that the scanner came to its end.
    pub(super) fn is_answer(&self) -> bool {
        self.ended
    }

    /// What it says that keeps the report from being the whole answer.
    pub(super) fn unfinished(&self, findings: usize) -> Vec<String> {
        let mut told = Vec::new();
        if self.failed {
            told.push("the scanner's log speaks of an error: it may not have looked everywhere".to_owned());
        }
        if self.idle && findings == 0 {
            told.push("the scanner's log says that it looked at nothing: 0 chunks, 0 bytes".to_owned());
        }
        if self.has_end && !self.ended {
            told.push("the scanner's log has no end: the scan was cut short, or the log was".to_owned());
        }
        if self.announced > findings {
            let spoken = if self.announced == 1 { "1 finding" } else { &format!("{} findings", self.announced) };
            let here = if findings == 1 { "1 is" } else { &format!("{findings} are") };
            told.push(format!("the scanner's log speaks of {spoken}, and {here} here"));
        }
        told
    }
}

/// Whether an object is a line of a scanner's own log.
pub(super) fn is_entry(entry: &Value) -> bool {
    is_summary(entry) || entry.get("level").is_some() && (entry.get("msg").is_some() || entry.get("message").is_some())
}

/// The line that Kingfisher ends with: how many findings there were, and how long it took.
fn is_summary(entry: &Value) -> bool {
    let has = |name: &&str| entry.get(*name).is_some();
    entry.get("findings").is_some_and(Value::is_u64)
        && ["scan_duration", "successful_validations", "bytes_scanned", "blobs_scanned"].iter().any(has)
}

/// Whether a line is one of a scanner's log, or of its banner.
pub(super) fn is_line(line: &str) -> bool {
    let line = line.trim();
    let plain = line.trim_start_matches('[');
    let word: String = plain.chars().take_while(char::is_ascii_alphabetic).collect();
    let is_level = FAILED.iter().chain(OTHERS).any(|level| level.eq_ignore_ascii_case(&word));
    // `Nov 23 03:01:12 …`, and behind a priority, as syslog has it.
    let is_dated = MONTHS.contains(&word.as_str()) && plain.contains(':');
    let priority = plain.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let has_priority = priority.is_some_and(|(number, _)| number.parse::<u16>().is_ok());
    // `2026-11-23T…`, `2026/11/23 …`, `11:37AM …`, `11:37:02 …`
    let digits: String =
        plain.chars().take(5).map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    line.starts_with(['🐷', '○', '│', '░', '╭', '╰', '┌', '└', '━', '─', '✅', '✔'])
        || is_level
        || is_dated
        || has_priority
        || plain.starts_with("time=")
        || plain.starts_with("level=")
        || digits.starts_with("0000-")
        || digits.starts_with("0000/")
        || digits.starts_with("00:00")
        || digits.starts_with("0:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_is_believed_where_it_speaks_against_the_report() {
        for (line, is_whole) in [
            ("3:12AM INF no leaks found", true),
            ("3:12AM INF scanned ~120 bytes (120 bytes) in 4ms", true),
            ("3:12AM WRN leaks found: 3", false),
            ("3:12AM WRN 2 leaks found in partial scan", false),
            ("3:12AM WRN no leaks found in partial scan", false),
            ("3:12AM ERR failed to scan Git repository error=\"stderr is not empty\"", false),
            ("3:12AM FTL unable to load gitleaks config", false),
            ("time=\"2021-11-23T03:01:12Z\" level=fatal msg=\"repository does not exist\"", false),
            ("time=\"2021-11-23T03:01:12Z\" level=warning msg=\"leaks found: 1\"", false),
            ("2026-11-23T03:01:12Z\tinfo-0\ttrufflehog\trunning source", false),
            ("2026-11-23T03:01:12Z\tinfo-0\ttrufflehog\tfinished scanning", true),
            ("2026-11-23T03:01:12Z\terror\ttrufflehog\tcould not clone", false),
            ("<134>Nov 23 03:01:12 ci scanner[7]: nothing to say", true),
            ("[ERROR] no such path", false),
            ("3:12AM INF scanned ~0 bytes (0) in 4ms", false),
            ("3:12AM INF scanned ~120 bytes (120 bytes) in 4ms", true),
        ] {
            let mut log = Log::default();
            assert!(is_line(line), "{line}");
            log.line(line, None);
            assert_eq!(log.unfinished(0).is_empty(), is_whole, "{line}: {:?}", log.unfinished(0));
        }
    }

    #[test]
    fn every_finding_that_a_log_counts_must_be_there() {
        let mut log = Log::default();
        log.object(&json!({"level": "info-0", "msg": "running source"}));
        assert!(!log.is_answer() && log.unfinished(0).len() == 1, "{:?}", log.unfinished(0));
        log.object(
            &json!({"level": "info-0", "msg": "finished scanning", "verified_secrets": 1, "unverified_secrets": 3}),
        );
        assert!(log.is_answer() && log.unfinished(4).is_empty());
        assert_eq!(log.unfinished(3).len(), 1);
    }
}
