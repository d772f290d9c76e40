//! The members of a row, however deep, each under one form of its name → the text that each of them is.
//!
//! A member that is no text is not one that is absent: what it is instead is kept, and why it cannot be read.

use super::json;
use super::naming::{HOLDERS, TRANSPARENT, plain_name, says_something};
use super::roles::names_a_caller;
use super::spelled;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The members of a row under one form of their names.
#[derive(Default)]
pub(super) struct Flat {
    texts: BTreeMap<String, String>,
    /// Members that hold others, and in which none could be made out; and why, where that is known.
    unread: Vec<(String, Option<String>)>,
    /// Members under names of one form that say different things.
    twofold: Vec<String>,
    /// Members that are no text.
    odd: Vec<(String, Odd)>,
}

/// What a member is that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    Several,
    Object,
    Truth,
}

impl fmt::Display for Odd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Several => "is a list of several: it stands for several entries",
            Self::Object => "cannot be read: it is an object",
            Self::Truth => "cannot be read: it is true or false",
        })
    }
}

impl Flat {
    pub(super) fn of(row: &Map<String, Value>) -> Self {
        let mut flat = Self::default();
        flat.take("", row);
        flat
    }

    fn take(&mut self, above: &str, row: &Map<String, Value>) {
        for (key, value) in row {
            let name = plain_name(key);
            let is_transparent = TRANSPARENT.contains(&name.as_str());
            let path = if is_transparent { above.to_owned() } else { format!("{above}{name}") };
            let text = text_of(value);
            if is_transparent || HOLDERS.contains(&path.as_str()) {
                self.take_holder(path, value, text, is_transparent);
                continue;
            }
            self.odd.extend(odd(value, text.is_some()).map(|odd| (path.clone(), odd)));
            match text {
                Some(text) => self.take_text(path, text),
                None => {
                    if let Value::Object(inner) = only(value) {
                        self.take(&path, inner);
                    }
                }
            }
        }
    }

    fn take_holder(&mut self, path: String, value: &Value, text: Option<String>, is_transparent: bool) {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let is_there = !is_empty && text.as_deref().is_none_or(says_something);
        match (spelled::members(value), text) {
            (_, Some(text)) if names_a_caller(&text) => self.take_text(path, text),
            (Some(inner), _) => self.take(&path, &inner),
            (None, text) if is_there && !is_transparent => {
                let why = text.as_deref().and_then(|text| json::twice_in(text).or_else(|| cut_by_powershell(text)));
                self.unread.push((path, why));
            }
            (None, _) => {}
        }
    }

    fn take_text(&mut self, path: String, text: String) {
        if !says_something(&text) {
            return;
        }
        match self.texts.get(&path) {
            Some(present) if !present.eq_ignore_ascii_case(&text) => self.twofold.push(path),
            Some(_) => {}
            None => drop(self.texts.insert(path, text)),
        }
    }

    /// Takes out what stands under the first of these names that says something.
    pub(super) fn text(&mut self, names: &[&str]) -> Cow<'static, str> {
        names.iter().find_map(|name| self.texts.remove(*name)).unwrap_or_default().into()
    }

    /// Takes out the name and the text that fits, of the member whose name is ranked best.
    pub(super) fn best(
        &mut self,
        rank: impl Fn(&str) -> Option<usize>,
        fits: impl Fn(&str) -> bool,
    ) -> Option<(String, String)> {
        let fitting = self.texts.iter().filter(|(_, text)| fits(text));
        let ranked = fitting.filter_map(|(name, _)| Some((rank(name)?, name.len(), name)));
        let name = ranked.min().map(|(_, _, name)| name.clone())?;
        self.texts.remove_entry(&name)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &String> {
        self.texts.values()
    }

    pub(super) fn has(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.texts.keys().any(|name| is_meant(name))
    }

    /// The first of the names of which this is true, and of what stands there.
    pub(super) fn first(&self, is_meant: impl Fn(&str, &str) -> bool) -> Option<&str> {
        self.texts.iter().find(|(name, text)| is_meant(name, text)).map(|(name, _)| name.as_str())
    }

    /// The first of the names that stand for different things.
    pub(super) fn twofold(&self, is_meant: impl Fn(&str) -> bool) -> Option<&str> {
        self.twofold.iter().map(String::as_str).find(|name| is_meant(name))
    }

    /// The first of the members that are no text.
    pub(super) fn odd(&self, is_meant: impl Fn(&str, Odd) -> bool) -> Option<(&str, Odd)> {
        self.odd.iter().map(|(name, odd)| (name.as_str(), *odd)).find(|(name, odd)| is_meant(name, *odd))
    }

    /// Why a member that is needed cannot be read.
    pub(super) fn unread_member(&self, is_needed: impl Fn(&str) -> bool) -> Option<String> {
        let (path, why) = self.unread.iter().find(|(path, _)| is_needed(path))?;
        Some(match why {
            Some(why) => format!("in its member `{path}`, {why}"),
            None => format!("its member `{path}` cannot be read"),
        })
    }
}

/// What PowerShell writes in the place of an object that lies too deep.
fn cut_by_powershell(text: &str) -> Option<String> {
    const NAMES: [&str; 4] = ["@{", "System.Collections.", "System.Object", "System.Management.Automation."];
    let is_cut = NAMES.iter().any(|name| text.trim_start().starts_with(name));
    is_cut.then(|| "what PowerShell left out cannot be read: write it again by `ConvertTo-Json -Depth 10`".to_owned())
}

/// What a member is, if it is no text.
fn odd(value: &Value, has_text: bool) -> Option<Odd> {
    match only(value) {
        _ if several_in(value) => Some(Odd::Several),
        Value::Bool(_) => Some(Odd::Truth),
        Value::Object(members) if !has_text && !members.is_empty() => Some(Odd::Object),
        _ => None,
    }
}

/// Whether a value is a list of several, also as JSON text.
fn several_in(value: &Value) -> bool {
    match value {
        Value::Array(values) => {
            values.len() > 1 || matches!(values.as_slice(), [inner @ Value::Array(_)] if several_in(inner))
        }
        Value::String(text) => list_in(text).is_some_and(|list| several_in(&list)),
        _ => false,
    }
}

/// The list that a text is.
fn list_in(text: &str) -> Option<Value> {
    let text = text.trim();
    (text.starts_with('[') && text.ends_with(']')).then(|| json::value(text).ok()).flatten()
}

/// What a member says by itself: a text, a number, a truth, also as the only one of a list, as the only member of an object
/// that says no more than that, or with its translation beside it.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match only(value) {
        Value::String(text) if text.trim_start().starts_with('{') => {
            let inner: Option<Value> = json::value(text).ok();
            inner.as_ref().and_then(translated).and_then(text_of).or_else(|| Some(text.clone()))
        }
        Value::String(text) => {
            let list = list_in(text).filter(|list| list.as_array().is_some_and(|list| list.len() == 1));
            list.as_ref().and_then(text_of).or_else(|| Some(text.clone()))
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        value @ Value::Object(_) => translated(value).or_else(|| wrapped(value)).and_then(text_of),
        Value::Null | Value::Array(_) => None,
    }
}

/// Azure Monitor gives some members a translation: `{"value": "SecretGet", "localizedValue": "Get secret"}`.
fn translated(value: &Value) -> Option<&Value> {
    let members = value.as_object()?;
    let value = |name: &str| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    value("localizedValue").and(value("value"))
}

/// Serializers of some formats put the type of a value around it: `{"S": "x"}`, `{"stringValue": "x"}`.
fn wrapped(value: &Value) -> Option<&Value> {
    const NAMES: [&str; 14] = [
        "value",
        "val",
        "v",
        "s",
        "n",
        "string",
        "stringvalue",
        "intvalue",
        "text",
        "#text",
        "_",
        "$oid",
        "$numberlong",
        "$date",
    ];
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (name, inner) = members.iter().next()?;
    (NAMES.contains(&name.to_ascii_lowercase().as_str()) && !inner.is_object()).then_some(inner)
}

/// What a list of one holds: some tools make a list of everything.
fn only(value: &Value) -> &Value {
    match value {
        Value::Array(values) => match values.as_slice() {
            [one] => one,
            _ => &Value::Null,
        },
        one => one,
    }
}
