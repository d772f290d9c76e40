//! A report's model and a template become a document; what the log's authors wrote stays text.
//!
//! Audit logs hold what attackers put there, so every value is escaped for its target. A team's own templates, in a
//! folder, replace the built-in ones file by file.

use super::{Report, escape, ocsf};
use crate::failure::Failure;
use crate::files::{self, LARGEST_TEXT};
use crate::redaction::without_credentials;
use crate::visible;
use handlebars::{Handlebars, handlebars_helper};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const MARKDOWN: (&str, &str) = ("report.md.hbs", include_str!("../../templates/report.md.hbs"));
const HANDOVER: (&str, &str) = ("handover.md.hbs", include_str!("../../templates/handover.md.hbs"));
const HTML: (&str, &str) = ("report.html.hbs", include_str!("../../templates/report.html.hbs"));

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Markdown,
    /// One file that needs nothing else.
    Html,
    /// The model itself.
    Json,
    /// The accesses of the blast radius.
    Csv,
    /// One Incident Finding of the Open Cybersecurity Schema Framework.
    Ocsf,
}

impl Format {
    fn file_name(self) -> &'static str {
        match self {
            Self::Markdown => "report.md",
            Self::Html => "report.html",
            Self::Json => "report.json",
            Self::Csv => "report.csv",
            Self::Ocsf => "report.ocsf.json",
        }
    }
}

/// A folder with templates of the user's own.
#[derive(Clone, Copy, Debug)]
pub struct Templates<'a> {
    pub folder: &'a Path,
    /// The user named it for this report; else the configuration does, and nobody else may write there.
    pub is_named: bool,
}

impl Templates<'_> {
    /// The text of a template, if there is one of this name.
    fn text(self, name: &str) -> io::Result<Option<String>> {
        let path = self.folder.join(name);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            // The report would show whatever a link leads to.
            Ok(_) => {
                let bytes = files::read_found(&path, LARGEST_TEXT)?;
                String::from_utf8(bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }
}

/// Renders a report.
pub fn render(report: &Report, format: Format, templates: Option<Templates<'_>>) -> Result<String, Failure> {
    match format {
        Format::Markdown => fill(MARKDOWN, report, templates, escape::markdown),
        Format::Html => fill(HTML, report, templates, escape::html),
        Format::Json => json(report),
        Format::Ocsf => json(&ocsf::incident_finding(report)),
        Format::Csv => Ok(csv(report)),
    }
}

/// Renders the note of a handover: Markdown for a chat. Its model holds a report.
pub fn handover(model: &impl Serialize, templates: Option<Templates<'_>>) -> Result<String, Failure> {
    fill(HANDOVER, model, templates, escape::markdown)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| visible::json(&text) + "\n")
        .map_err(|error| Failure::refused("the report cannot be written as JSON").because(error.to_string()))
}

handlebars_helper!(code: |text: str| escape::code(text));
handlebars_helper!(plural: |number: Value, word: str| {
    let many = number.as_u64().or_else(|| number.as_array().map(|list| list.len() as u64)).unwrap_or_default();
    if many == 1 { format!("1 {word}") } else { format!("{many} {word}s") }
});

fn fill(
    (name, built_in): (&str, &str),
    report: &impl Serialize,
    templates: Option<Templates<'_>>,
    escape: fn(&str) -> String,
) -> Result<String, Failure> {
    let place = templates.map(|own| format!("`{}`", own.folder.join(name).display()));
    let place = place.unwrap_or_else(|| format!("the built-in `{name}`"));
    let broken = |why: String| {
        Failure::refused(format!("the template {place} cannot be used"))
            .because(why)
            .help("mend it, or take it away to use the built-in one")
    };
    let own = templates.map(|own| own.text(name)).transpose().map_err(|error| broken(error.to_string()))?;
    let text = own.flatten().unwrap_or_else(|| built_in.to_owned());
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(escape);
    registry.register_helper("code", Box::new(code));
    registry.register_helper("plural", Box::new(plural));
    registry.register_template_string(name, text).map_err(|error| broken(error.to_string()))?;
    registry.render(name, report).map_err(|error| broken(error.to_string()))
}

fn csv(report: &Report) -> String {
    let mut text = "who,oid,kind,ip,operation,version,status,count,first,last,secret\n".to_owned();
    let radii = report.blast_radii.iter();
    let accesses = radii.flat_map(|radius| radius.accesses.iter().map(move |access| (&radius.secret, access)));
    for (secret, access) in accesses {
        let count = access.count.to_string();
        let fields = [
            &access.who,
            &access.oid,
            access.kind,
            &access.ip,
            &access.operation,
            &access.version,
            &access.status,
            &count,
            &access.first,
            &access.last,
            secret,
        ];
        let fields: Vec<String> = fields.iter().map(|field| escape::csv(field)).collect();
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

/// Renders and writes documents, each whole or not at all, for their owner's eyes only. A link that lies in the place of
/// one is replaced, never followed.
pub fn write(
    folder: &Path,
    report: &Report,
    formats: &[Format],
    templates: Option<Templates<'_>>,
) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for format in formats {
        // A journal of an earlier program may hold an address as it was given.
        let text = without_credentials(&render(report, *format, templates)?).into_owned();
        let path = folder.join(format.file_name());
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.and_then(|()| files::write_whole(&path, text.as_bytes())).map_err(|error| {
            Failure::refused(format!("the report cannot be written to `{}`", path.display())).because(error.to_string())
        })?;
        files.push(path);
    }
    Ok(files)
}
