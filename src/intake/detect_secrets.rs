//! detect-secrets: a baseline, which holds a SHA-1 in place of each value.

use super::finding::{Entry, Format, SinceWhat};
use super::parts::{Seen, line, list, place, text, values};
use super::times::since;
use crate::find::Digest;
use serde_json::Value;

pub(super) static FORMAT: Format = Format {
    name: "detect-secrets",
    title: "a detect-secrets baseline",
    shapes: "JSON",
    told_by: "`results` by file, with `plugins_used` or `generated_at`",
    value: "none: a SHA-1, by which the versions of the vault are recognised",
    place: "file and line",
    time: "the scan's",
    read,
};

fn read(document: &Value) -> Option<Entry> {
    let files = document.get("results")?.as_object()?;
    if document.get("plugins_used").is_none() && document.get("generated_at").is_none() {
        return None;
    }
    let mut entry = Entry::default();
    if files.is_empty() && list(document, "plugins_used").is_empty() {
        entry.unfinished.push("the scanner used no plugin: it looked for nothing".to_owned());
    }
    for (file, list) in files {
        let Some(list) = list.as_array() else {
            entry.unread.push("what was found in a file is no list".to_owned());
            continue;
        };
        for found in list {
            if !found.is_object() {
                entry.unread.push("a finding is no object".to_owned());
                continue;
            }
            let parts = Seen {
                rule: text(found, "type"),
                // Only `scan --string` and programs of one's own keep the value.
                values: values([text(found, "secret")]),
                found_at: place(None, file, line(found, "line_number"), ""),
                since: since(text(document, "generated_at"), SinceWhat::Scanned),
            };
            let mut finding = parts.finding(&FORMAT);
            finding.hash = Digest::of_hex(text(found, "hashed_secret"), String::new());
            entry.findings.push(finding);
        }
    }
    Some(entry)
}
