//! Who may read a secret: from the configuration, and from a list that the user names.

use super::exit::CommandError;
use super::session::{self, Session};
use crate::vault::SecretUrl;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Who is known, by the configuration with its inventory and by a list, and what they are called.
pub(super) fn known_names(
    session: &Session,
    secret: &SecretUrl,
    list: Option<&Path>,
) -> Result<(BTreeSet<String>, BTreeMap<String, String>), CommandError> {
    let mut known = session.config().known_callers(secret);
    let mut names = session.config().caller_names(secret);
    if let Some(path) = list {
        for (oid, name) in known_callers(&session::read_file(path, "the list of known callers")?) {
            known.insert(oid.clone());
            if !name.is_empty() {
                names.insert(oid, name);
            }
        }
    }
    Ok((known, names))
}

/// Object ids in lower case, and the names behind them: `OID`, `OID NAME`, `OID # NAME`, `OID;NAME`.
fn known_callers(text: &str) -> BTreeMap<String, String> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parts = lines.map(|line| line.split_once([' ', '\t', ',', ';', '#']).unwrap_or((line, "")));
    parts
        .map(|(oid, name)| {
            (
                oid.trim_matches(['{', '}', '"']).to_lowercase(),
                name.trim_matches([' ', '\t', ',', ';', '#', '"']).to_owned(),
            )
        })
        .collect()
}
