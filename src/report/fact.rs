//! The words in which facts are told.

/// `1 version`, `2 versions`.
pub fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
