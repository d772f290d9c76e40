//! Who may read a secret: from the configuration, and from a list that the user names.

use super::exit::CommandError;
use super::session::{self, Session};
use crate::vault::SecretUrl;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use uuid::Uuid;

/// Who is known.
pub(super) struct Known {
    /// Their object ids, or what else tells them apart, in lower case.
    pub(super) ids: BTreeSet<String>,
    /// What they are called.
    pub(super) names: BTreeMap<String, String>,
    /// What must be said of the list.
    pub(super) notes: Vec<String>,
}

/// Who is known, by the configuration with its inventory and by a list, and what they are called.
pub(super) fn known_names(session: &Session, secret: &SecretUrl, list: Option<&Path>) -> Result<Known, CommandError> {
    let mut ids = session.config().known_callers(secret);
    let mut names = session.config().caller_names(secret);
    let mut notes = Vec::new();
    if let Some(path) = list {
        let List { callers, not_understood } = List::read(&session::read_file(path, "the list of known callers")?);
        if !not_understood.is_empty() {
            let shown: Vec<&str> = not_understood.iter().take(SHOWN).map(String::as_str).collect();
            let more = not_understood.len() - shown.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            notes.push(format!(
                "in the list of known callers, {}{more} names nobody: give object ids, one a line, a name may follow",
                shown.join(", ")
            ));
        } else if callers.is_empty() {
            notes.push("the list of known callers is empty".to_owned());
        }
        for (id, name) in callers {
            ids.insert(id.clone());
            if !name.is_empty() {
                names.insert(id, name);
            }
        }
    }
    Ok(Known { ids, names, notes })
}

/// So many places that are not understood are named. What stands there is not shown: the file may be another than was meant.
const SHOWN: usize = 3;
/// How a column or a member is called that holds an object id, the best first; and one that holds a name.
const IDS: [&str; 6] = ["objectid", "oid", "principalid", "id", "userprincipalname", "upn"];
const NAMES: [&str; 4] = ["displayname", "name", "userprincipalname", "upn"];

/// A list of known callers.
#[derive(Default)]
struct List {
    /// Ids in lower case, and names.
    callers: BTreeMap<String, String>,
    /// Where something stands that names nobody.
    not_understood: Vec<String>,
}

impl List {
    fn read(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let mut list = Self::default();
        match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Array(_) | Value::Object(_))) => list.take_json(&value, 1),
            _ => list.take_lines(text),
        }
        list
    }

    fn take_json(&mut self, value: &Value, nth: usize) {
        let place = || format!("item {nth}");
        match value {
            Value::Array(values) => values.iter().zip(1..).for_each(|(value, nth)| self.take_json(value, nth)),
            Value::String(id) => self.take(id, "", place()),
            Value::Object(members) => match (member(members, &IDS), members.get("value")) {
                (Some(id), _) => self.take(id, member(members, &NAMES).unwrap_or_default(), place()),
                (None, Some(list @ Value::Array(_))) => self.take_json(list, nth),
                _ => self.not_understood.push(place()),
            },
            _ => self.not_understood.push(place()),
        }
    }

    /// Lines: `OID`, `OID NAME`, `OID # NAME`, `OID;NAME`, `- OID`, or a table whose first line names its columns.
    fn take_lines(&mut self, text: &str) {
        let lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let (mut columns, mut is_first) = (None, true);
        for (line, number) in lines {
            if std::mem::take(&mut is_first)
                && let Some(found) = Columns::of(line)
            {
                columns = Some(found);
                continue;
            }
            let place = format!("line {number}");
            // What stands below the names of a table, or before each item of a list.
            let bare = line.trim_start_matches(['-', '*', ' ', '\t']);
            let columns = columns.as_ref().filter(|columns| columns.separator.is_some_and(|mark| line.contains(mark)));
            match columns {
                _ if bare.is_empty() => {}
                Some(columns) => {
                    let cells: Vec<&str> = line.split(columns.separator.unwrap_or(',')).collect();
                    let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
                    self.take(cell(columns.id), columns.name.map(cell).unwrap_or_default(), place);
                }
                None => {
                    let (id, name) = bare.split_once([' ', '\t', ',', ';', '#']).unwrap_or((bare, ""));
                    self.take(id, name, place);
                }
            }
        }
    }

    fn take(&mut self, id: &str, name: &str, place: String) {
        let around = |char: char| char.is_whitespace() || "{}\"'[](),;".contains(char);
        let id = id.trim_matches(around);
        let name = name.trim_matches(|char: char| around(char) || char == '#');
        // An object id in any spelling, a name to sign in with, or an Azure resource.
        let known = match Uuid::try_parse(id) {
            Ok(id) if id.is_nil() => None,
            Ok(id) => Some(id.hyphenated().to_string()),
            Err(_) => Some(id.to_lowercase()).filter(|id| id.contains('@') || id.starts_with('/')),
        };
        match known {
            Some(known) => drop(self.callers.insert(known, name.to_owned())),
            None => self.not_understood.push(place),
        }
    }
}

/// Where in a table the ids and the names stand.
struct Columns {
    separator: Option<char>,
    id: usize,
    name: Option<usize>,
}

impl Columns {
    /// The columns that a line names, if it is one that names them.
    fn of(line: &str) -> Option<Self> {
        let separator = [',', ';', '\t'].into_iter().find(|separator| line.contains(*separator));
        let names: Vec<String> = match separator {
            Some(separator) => line.split(separator).map(plain).collect(),
            None => line.split_whitespace().map(plain).collect(),
        };
        let under = |wanted: &[&str]| wanted.iter().find_map(|wanted| names.iter().position(|name| name == wanted));
        Some(Self { separator, id: under(&IDS)?, name: under(&NAMES) })
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// What stands under the first of these names.
fn member<'m>(members: &'m Map<String, Value>, names: &[&str]) -> Option<&'m str> {
    names.iter().find_map(|name| members.iter().find(|(key, _)| plain(key) == *name)?.1.as_str())
}
