//! TruffleHog: version 3, `--json`, one object a line between lines of its log, and version 2, whose values are
//! `stringsFound`.

use super::finding::{Since, SinceWhat};
use super::formats::{Entry, Format};
use super::parts::{Parts, first, line, link, list, place, text, values};
use super::times::since;
use crate::secret::Secret;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "trufflehog",
    title: "a TruffleHog report",
    shapes: "JSON lines between lines of its log, a list, or pretty-printed",
    told_by: "`DetectorName` and `SourceMetadata`",
    value: "`Raw`, and both halves of a credential from `RawV2` and `SecretParts`",
    place: "the link, or what its source calls it: repository, image, bucket, channel, page, issue",
    time: "the commit's or the message's; of a bucket the last change of the file",
    read,
};

pub(super) static FORMAT_2: Format = Format {
    name: "trufflehog-2",
    title: "a TruffleHog 2 report",
    shapes: "JSON lines",
    told_by: "`stringsFound` and `reason`",
    value: "`stringsFound`",
    place: "file and commit",
    time: "the commit's, without a time zone",
    read: read_2,
};

/// What a source calls the place, the widest first.
const AROUND: &[&str] = &[
    "registry",
    "organization",
    "organization_slug",
    "org",
    "workspace",
    "workspace_name",
    "project",
    "project_name",
    "project_slug",
    "repository",
    "repo",
    "bucket",
    "container",
    "image",
    "package",
    "space",
    "team_name",
    "channel_name",
    "channel_id",
    "hostname",
    "host",
    "index",
    "collection_name",
    "environment_name",
    "request_name",
    "pipeline",
    "secret_arn",
];
const WITHIN: &[&str] = &[
    "tag",
    "release",
    "layer",
    "page",
    "issue",
    "issue_id",
    "title",
    "docid",
    "document_id",
    "event_id",
    "build_number",
    "job_number",
    "appname",
    "location",
    "field_type",
    "comment_id",
    "snippet_id",
    "locator",
];

fn read(entry: &Value) -> Option<Entry> {
    let metadata = entry.get("SourceMetadata")?;
    entry.get("DetectorName")?;
    let rule = match entry.get("Verified").and_then(Value::as_bool) {
        Some(true) => format!("{}, verified by the scanner", text(entry, "DetectorName")),
        _ => text(entry, "DetectorName").to_owned(),
    };
    // The member is called after the kind of source: `Git`, `Github`, `Filesystem`, `Slack`; some hold another in it.
    let (kind, source) = innermost(metadata.get("Data"));
    let raw = text(entry, "Raw");
    let both = text(entry, "RawV2");
    let mut found =
        Parts { rule: &rule, values: values([raw, both]), found_at: found_at(source), since: time(kind, source) }
            .finding(&FORMAT);
    // The second holds both halves of a credential that has two, often without anything between them.
    let rest = both.strip_prefix(raw).filter(|rest| !raw.is_empty() && !rest.is_empty());
    let rest = rest.map(|rest| rest.trim_start_matches([':', '|', ',', ';', '/']));
    let told = entry.get("SecretParts").and_then(Value::as_object);
    let told = told.into_iter().flatten().filter_map(|(_, part)| part.as_str());
    found.parts = values(rest.into_iter().chain(told));
    Some(Entry::from(vec![found]))
}

/// The kind of the source, and what is said of it.
fn innermost(data: Option<&Value>) -> (&str, &Value) {
    let mut inside = ("", data.unwrap_or(&Value::Null));
    while let Some((kind, source)) =
        inside.1.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next())
        && source.is_object()
    {
        inside = (kind, source);
    }
    inside
}

fn found_at(source: &Value) -> Option<String> {
    let around: Vec<String> = names(source, AROUND);
    let within = names(source, WITHIN).join(" ");
    let file = first(source, &["file", "path", "filename"]);
    let place = || {
        let inside = match (within.as_str(), file) {
            ("", file) => file.to_owned(),
            (within, "") => within.to_owned(),
            (within, file) => format!("{within} {file}"),
        };
        place(Some(&around.join(" ")), &inside, line(source, "line"), text(source, "commit"))
    };
    link(text(source, "link")).or_else(place)
}

fn names(source: &Value, names: &[&str]) -> Vec<String> {
    let text = |name: &&str| match source.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.as_i64() != Some(0) => Some(number.to_string()),
        _ => None,
    };
    let mut texts: Vec<String> = names.iter().filter_map(text).collect();
    texts.dedup();
    texts
}

fn time(kind: &str, source: &Value) -> Option<Since> {
    let files = ["S3", "GCS", "Azure", "Artifactory", "GoogleDrive", "SharePoint", "Sharepoint"];
    let known =
        if files.iter().any(|file| file.eq_ignore_ascii_case(kind)) { SinceWhat::Modified } else { SinceWhat::Written };
    let times = ["timestamp", "created_at", "date_created", "uploaded", "updated_at"];
    times.iter().find_map(|name| match source.get(name)? {
        Value::String(text) => since(text, known),
        Value::Number(number) => since(&number.to_string(), known),
        // As protocol buffers write it.
        Value::Object(parts) => since(&parts.get("seconds")?.to_string(), known),
        _ => None,
    })
}

fn read_2(entry: &Value) -> Option<Entry> {
    entry.get("stringsFound")?;
    entry.get("reason")?;
    let place = || place(Some(text(entry, "repo")), text(entry, "path"), None, text(entry, "commitHash"));
    let finding = |values: Vec<Secret>| {
        let parts = Parts {
            rule: text(entry, "reason"),
            values,
            found_at: place(),
            since: since(text(entry, "date"), SinceWhat::Written),
        };
        parts.finding(&FORMAT_2)
    };
    let mut findings: Vec<_> =
        list(entry, "stringsFound").iter().map(|found| finding(values(found.as_str()))).collect();
    if findings.is_empty() {
        findings.push(finding(Vec::new()));
    }
    Some(Entry::from(findings))
}

/// Whether an object is a line of a scanner's own log.
pub(super) fn is_log(entry: &Value) -> bool {
    entry.get("level").is_some() && (entry.get("msg").is_some() || entry.get("message").is_some())
}

/// How many verified findings the log's last line speaks of.
pub(super) fn announced(log: &Value) -> usize {
    log.get("verified_secrets").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

/// That the scanner's run failed, if the log says that.
pub(super) fn trouble(log: &Value) -> Option<String> {
    let level = text(log, "level").to_lowercase();
    let failed = level.starts_with("error") || level.starts_with("fatal") || level.starts_with("panic");
    failed.then(|| "the scanner's log speaks of an error: it may not have looked everywhere".to_owned())
}
