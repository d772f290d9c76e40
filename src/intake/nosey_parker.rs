//! Nosey Parker, `report --format json` or `jsonl`: groups of matches, whose contents are base64.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, at, line, list, place, text, values};
use super::times::{ToldTime, since};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "noseyparker",
    title: "a Nosey Parker report",
    shapes: "JSON, JSON lines",
    told_by: "`rule_name` or `rule_text_id` with `matches` or `groups`",
    value: "`groups`; of earlier versions the snippet",
    place: "repository, file, line and commit of the first match",
    time: "the first commit's",
    read,
};

fn read(finding: &Value) -> Option<Entry> {
    let has = |name: &str| finding.get(name).is_some();
    if !(has("rule_name") || has("rule_text_id")) || !(has("matches") || has("groups") || has("match_content")) {
        return None;
    }
    let matches = list(finding, "matches");
    let nowhere = Value::Null;
    let seen = matches.first().unwrap_or(finding);
    let groups = [finding, seen].into_iter().map(|value| list(value, "groups")).find(|groups| !groups.is_empty());
    let groups = groups.unwrap_or_default().iter().filter_map(|group| {
        let bytes = STANDARD.decode(group.as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    });
    let snippets = [text(finding, "match_content"), at(seen, "/snippet/matching")].map(str::to_owned);
    let mut found = values(groups);
    if found.is_empty() {
        found = values(snippets.into_iter().filter(|text| !text.is_empty()));
    }
    // One match may have come from several places; the earliest commit is when it was out.
    let origins = matches.iter().flat_map(|found| list(found, "provenance"));
    let first = list(seen, "provenance").first().unwrap_or(&nowhere);
    let file = match at(first, "/first_commit/blob_path") {
        "" => text(first, "path"),
        path => path,
    };
    let start = seen.pointer("/location/source_span/start").unwrap_or(&nowhere);
    let commit = at(first, "/first_commit/commit_metadata/commit_id");
    let times = origins.map(|origin| {
        let time = at(origin, "/first_commit/commit_metadata/committer_timestamp");
        since(time, SinceWhat::Written)
    });
    let parts = Seen {
        rule: text(finding, "rule_name"),
        values: found,
        found_at: place(Some(text(first, "repo_path")), file, line(start, "line"), commit),
        since: ToldTime::earliest(times),
    };
    Some(parts.entry(&FORMAT))
}
