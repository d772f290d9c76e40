//! Kingfisher, `--format json` or `jsonl`: `rule` and `finding`, by themselves or in `matches`.

use super::finding::{Entry, Format, ScanFinding, SinceWhat};
use super::parts::{Seen, at, line, link, place, text, values};
use super::times::since;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "kingfisher",
    title: "a Kingfisher report",
    shapes: "JSON, JSON lines",
    told_by: "`rule` with `finding`, in `matches` or `findings`; `kingfisher_version`",
    value: "`snippet`, unless it was run with --redact",
    place: "the link, or repository, file, line and commit",
    time: "the commit's day, without a time zone",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    if let Some(one) = finding(document) {
        return Some(Entry::from(vec![one]));
    }
    let cut_short = audit(document);
    let Some(list) = document.get("matches").or(document.get("findings")).and_then(Value::as_array) else {
        // JSON lines end with what was looked at.
        return cut_short.map(|unfinished| Entry { unfinished, ..Entry::default() });
    };
    let findings: Vec<ScanFinding> = list.iter().filter_map(finding).collect();
    let missing = list.len() - findings.len();
    // An empty list has many owners.
    let is_own =
        ["/metadata/kingfisher_version", "/kingfisher_version"].iter().any(|at| document.pointer(at).is_some());
    if findings.is_empty() && !((is_own || cut_short.is_some()) && missing == 0) {
        return None;
    }
    let mut unread = if missing > 0 {
        vec![format!("{missing} {} no finding", if missing == 1 { "match is" } else { "matches are" })]
    } else {
        Vec::new()
    };
    let count = |at: &str| document.pointer(at).and_then(Value::as_u64);
    let promised = ["/metadata/summary/findings", "/summary/total", "/summary/findings"].into_iter().filter_map(count);
    let promised =
        promised.chain(count("/findings_omitted").map(|omitted| omitted.saturating_add(list.len() as u64))).max();
    if let Some(promised) = promised.filter(|promised| *promised > list.len() as u64) {
        let findings = if promised == 1 { "1 finding" } else { &format!("{promised} findings") };
        unread.push(format!("it speaks of {findings}, and holds {}", list.len()));
    }
    Some(Entry { findings, unread, unfinished: cut_short.unwrap_or_default(), ..Entry::default() })
}

/// What its audit says was not looked at; nothing where there is no audit.
fn audit(document: &Value) -> Option<Vec<String>> {
    let audit = document.get("audit").filter(|audit| text(audit, "schema").starts_with("kingfisher."))?;
    let count = |name: &str| audit.pointer(&format!("/summary/{name}")).and_then(Value::as_u64).unwrap_or(0);
    let missing: u64 = ["fetch_failed", "scan_failed", "scan_partial", "pending"].into_iter().map(count).sum();
    let what = if missing == 1 { "1 repository" } else { &format!("{missing} repositories") };
    let told = format!("the scanner did not look at all of {what}");
    Some(if missing > 0 { vec![told] } else { Vec::new() })
}

fn finding(entry: &Value) -> Option<ScanFinding> {
    let rule = entry.get("rule")?.as_object()?;
    let found = entry.get("finding")?;
    found.get("snippet")?;
    let git = |pointer: &str| at(found, &format!("/git_metadata{pointer}"));
    let file = match git("/file/path") {
        "" => text(found, "path"),
        path => path,
    };
    let place = || place(Some(git("/repository_url")), file, line(found, "line"), git("/commit/id"));
    let name = rule.get("name").or(rule.get("id")).and_then(Value::as_str).unwrap_or_default();
    let parts = Seen {
        rule: name,
        values: values([text(found, "snippet")]),
        found_at: link(git("/file/url")).or_else(place),
        since: since(git("/commit/date"), SinceWhat::Written),
    };
    Some(parts.finding(&FORMAT))
}
