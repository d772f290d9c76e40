//! TruffleHog: version 3, `--json`, one object a line between lines of its log, and version 2, whose values are
//! `stringsFound`.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, first, line, link, list, place, text, values};
use super::times::{ToldTime, since};
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

pub(super) static FORMAT_PYTHON: Format = Format {
    name: "trufflehog3",
    title: "a trufflehog3 report",
    shapes: "JSON list",
    told_by: "`rule` as an object, with `secret` and `path`",
    value: "`secret`",
    place: "file, line and commit",
    time: "the commit's",
    read: read_python,
};

/// What a source says besides the place, or what is said of the place elsewhere.
const NO_PLACE: &[&str] = &[
    "link",
    "file",
    "path",
    "filename",
    "line",
    "commit",
    "author",
    "user",
    "username",
    "user_id",
    "last_modified_by",
    "timestamp",
    "created_at",
    "updated_at",
    "uploaded",
    "date_created",
    "organization_date_created",
    "visibility",
    "views",
    "shared",
    "public",
    "acls",
    "content_type",
    "version",
    "vcs_type",
    "repository_local_path",
    "project_id",
    "workspace_id",
    "workspace_uuid",
    "collection_id",
    "environment_id",
    "request_id",
    "folder_id",
    "response_id",
    "location_type",
    "source_type",
    "procid",
    "facility",
    "client",
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
        Seen { rule: &rule, values: values([raw, both]), found_at: found_at(source), since: time(kind, source) }
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
    let file = first(source, &["file", "path", "filename"]);
    let place = || place(Some(&around(source)), file, line(source, "line"), text(source, "commit"));
    link(text(source, "link")).or_else(place)
}

/// What the source calls the place, in its own order: repository, image and layer, space and page.
fn around(source: &Value) -> String {
    let text = |(name, value): (&String, &Value)| match value {
        Value::String(text) if !NO_PLACE.contains(&name.as_str()) && !name.ends_with("mail") && !text.is_empty() => {
            Some(text.clone())
        }
        Value::Number(number) if !NO_PLACE.contains(&name.as_str()) && number.as_i64() != Some(0) => {
            Some(number.to_string())
        }
        _ => None,
    };
    let mut texts: Vec<String> = source.as_object().into_iter().flatten().filter_map(text).collect();
    texts.dedup();
    texts.join(" ")
}

fn time(kind: &str, source: &Value) -> ToldTime {
    let files = ["S3", "GCS", "Azure", "Artifactory", "GoogleDrive", "SharePoint", "Sharepoint"];
    let known =
        if files.iter().any(|file| file.eq_ignore_ascii_case(kind)) { SinceWhat::Modified } else { SinceWhat::Written };
    let times = ["timestamp", "created_at", "date_created", "uploaded", "updated_at"];
    ToldTime::first(times.iter().map(|name| match source.get(name) {
        Some(Value::String(text)) => since(text, known),
        Some(Value::Number(number)) => since(&number.to_string(), known),
        // As protocol buffers write it.
        Some(Value::Object(parts)) => match parts.get("seconds") {
            Some(seconds) => since(seconds.to_string().trim_matches('"'), known),
            None => ToldTime::Nothing,
        },
        _ => ToldTime::Nothing,
    }))
}

fn read_2(entry: &Value) -> Option<Entry> {
    entry.get("stringsFound")?;
    entry.get("reason")?;
    let place = || place(Some(text(entry, "repo")), text(entry, "path"), None, text(entry, "commitHash"));
    let finding = |values: Vec<Secret>| {
        let parts = Seen {
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

/// trufflehog3, a program of its own in Python.
fn read_python(entry: &Value) -> Option<Entry> {
    let rule = entry.get("rule").filter(|rule| rule.is_object())?;
    entry.get("path")?;
    let parts = Seen {
        rule: first(rule, &["message", "id"]),
        values: values([entry.get("secret")?.as_str()?]),
        found_at: place(None, text(entry, "path"), line(entry, "line"), text(entry, "commit")),
        since: since(text(entry, "date"), SinceWhat::Written),
    };
    Some(parts.entry(&FORMAT_PYTHON))
}
