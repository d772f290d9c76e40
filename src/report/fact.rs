//! The words in which facts are told.

/// A version id as people read it.
pub fn short_version(version: &str) -> String {
    match version.get(..4) {
        Some(start) if version.len() > 8 => format!("{start}…"),
        _ => version.to_owned(),
    }
}

/// `1 version`, `2 versions`.
pub fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
