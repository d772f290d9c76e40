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
    let list = document.get("matches").or(document.get("findings"))?.as_array()?;
    let findings: Vec<ScanFinding> = list.iter().filter_map(finding).collect();
    let missing = list.len() - findings.len();
    // An empty list has many owners.
    let is_own =
        ["/metadata/kingfisher_version", "/kingfisher_version"].iter().any(|at| document.pointer(at).is_some());
    if findings.is_empty() && !(is_own && missing == 0) {
        return None;
    }
    let mut unread = if missing > 0 { vec![format!("{missing} matches are no finding")] } else { Vec::new() };
    let count = |at: &str| document.pointer(at).and_then(Value::as_u64);
    let promised = ["/metadata/summary/findings", "/summary/total", "/summary/findings"].into_iter().filter_map(count);
    let promised =
        promised.chain(count("/findings_omitted").map(|omitted| omitted.saturating_add(list.len() as u64))).max();
    if let Some(promised) = promised.filter(|promised| *promised > list.len() as u64) {
        unread.push(format!("it speaks of {promised} findings, and holds {}", list.len()));
    }
    Some(Entry { findings, unread, ..Entry::default() })
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
