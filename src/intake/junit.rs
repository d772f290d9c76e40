//! JUnit XML, as gitleaks writes it: what failed holds the finding as JSON.

use super::documents::Documents;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

/// Whether a text begins as XML does: `<134>` is the begin of a line of syslog.
pub(super) fn is_xml(begin: &str) -> bool {
    begin
        .strip_prefix('<')
        .is_some_and(|rest| rest.starts_with(|next: char| next.is_alphabetic() || "?!".contains(next)))
}

/// The findings of a JUnit report; nothing but what it seems to be where it is none.
pub(super) fn documents(text: &str) -> Documents {
    let mut reader = Reader::from_str(text);
    let (mut list, mut unread) = (Vec::new(), Vec::new());
    let (mut is_report, mut depth, mut promised, mut errors) = (false, 0_usize, 0, 0);
    let mut failure: Option<String> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                depth += 1;
                match tag.name().as_ref() {
                    b"testsuite" => {
                        is_report |= is_of_gitleaks(&tag);
                        promised += number(&tag, "failures");
                        errors += number(&tag, "errors");
                    }
                    b"error" => errors += 1,
                    b"failure" => failure = Some(String::new()),
                    _ => {}
                }
            }
            Ok(Event::Empty(tag)) => {
                is_report |= is_of_gitleaks(&tag);
                promised += number(&tag, "failures");
                errors += number(&tag, "errors") + usize::from(tag.name().as_ref() == b"error");
            }
            Ok(Event::Text(text)) => append(&mut failure, &String::from_utf8_lossy(&text)),
            Ok(Event::CData(text)) => append(&mut failure, &String::from_utf8_lossy(&text)),
            Ok(Event::GeneralRef(name)) => match name.resolve_char_ref() {
                Ok(Some(letter)) => append(&mut failure, letter.encode_utf8(&mut [0; 4])),
                _ => {
                    let text = quick_xml::escape::resolve_predefined_entity(&String::from_utf8_lossy(&name));
                    append(&mut failure, text.unwrap_or("\u{fffd}"));
                }
            },
            Ok(Event::End(tag)) => {
                depth = depth.saturating_sub(1);
                if tag.name().as_ref() == b"failure" {
                    match failure.take().and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
                        Some(finding) => list.push(finding),
                        None => unread.push("a failure of it is no finding of gitleaks".to_owned()),
                    }
                }
            }
            Ok(Event::Eof) if depth == 0 => break,
            Ok(Event::Eof) | Err(_) => {
                unread.push("the XML breaks off or is damaged".to_owned());
                break;
            }
            Ok(_) => {}
        }
    }
    let read = list.len() + unread.len();
    if promised > read {
        unread.push(format!("it speaks of {promised} failures, and holds {read}"));
    }
    if !is_report {
        return Documents::default();
    }
    let errors =
        (errors > 0).then(|| "the scanner's run ended in an error: it may not have looked everywhere".to_owned());
    let empty = list.is_empty().then(|| json!({ "RuleID": null, "Secret": null }));
    Documents { list, unread, empty, unfinished: errors.into_iter().collect(), ..Documents::default() }
}

fn append(failure: &mut Option<String>, text: &str) {
    if let Some(failure) = failure {
        failure.push_str(text);
    }
}

/// Whoever else writes JUnit speaks of other failures.
fn is_of_gitleaks(tag: &BytesStart<'_>) -> bool {
    let name = tag.try_get_attribute("name").ok().flatten();
    name.is_some_and(|name| name.value.as_ref() == b"gitleaks")
}

fn number(tag: &BytesStart<'_>, name: &str) -> usize {
    let attribute = tag.try_get_attribute(name).ok().flatten();
    attribute.and_then(|attribute| std::str::from_utf8(&attribute.value).ok()?.parse().ok()).unwrap_or(0)
}
