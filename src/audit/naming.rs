//! What a column is called → the one form of its name; what stands in it → whether that says anything.

pub(super) const PROPERTIES: &str = "properties";
/// Members that hold others, also where they are written as JSON text. What a caller chose is none of these.
pub(super) const HOLDERS: [&str; 9] = [
    PROPERTIES,
    "identity",
    "identityclaim",
    "identityclaims",
    "claim",
    "claims",
    "propertiesidentity",
    "propertiesidentityclaim",
    "propertiesclaims",
];
/// Members that add nothing to the names of what they hold. A table with too many columns keeps the last ones in one.
pub(super) const TRANSPARENT: [&str; 3] = ["additionalfields", "azure", "platformlogs"];

/// The one form of a name, without what a portal adds in brackets and without the type that a table adds.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.trim();
    let name = name.find(['[', '(']).filter(|at| *at > 0).and_then(|at| name.get(..at)).unwrap_or(name).trim_end();
    let name = name.trim_end_matches('_');
    let untyped = name.len().checked_sub(2).and_then(|at| name.split_at_checked(at));
    let name =
        untyped.filter(|(_, mark)| matches!(*mark, "_s" | "_g" | "_d" | "_b" | "_t")).map_or(name, |(bare, _)| bare);
    let mut plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    for holder in ["azure", "platformlogs"] {
        if plain.len() > holder.len() && plain.starts_with(holder) {
            plain.drain(..holder.len());
        }
    }
    plain
}

/// Whether a text says something: tools write words where there is nothing.
pub(super) fn says_something(text: &str) -> bool {
    const NOTHING: [&str; 24] = [
        "none",
        "null",
        "nil",
        "n/a",
        "na",
        "n.a.",
        "nan",
        "undefined",
        "unknown",
        "unset",
        "redacted",
        "empty",
        "not available",
        "not set",
        "missing",
        "blank",
        "tbd",
        "anonymous",
        "object object",
        "%!s(<nil",
        "dynamic(null",
        "00000000-0000-0000-0000-000000000000",
        "00000000000000000000000000000000",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
    ];
    let text = text.trim();
    if !text.contains(char::is_alphanumeric) {
        return false;
    }
    if text.len() > 48 {
        return true;
    }
    // They come in brackets and quotes of all kinds, and spreadsheets put a `#` before what they cannot show.
    let bare = text.trim_matches(|char| "<>()[]{}\"'`\\*".contains(char)).trim();
    !NOTHING.iter().any(|nothing| nothing.eq_ignore_ascii_case(bare)) && !is_error_of_a_sheet(bare) && !is_masked(bare)
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` and the like.
fn is_masked(text: &str) -> bool {
    text.len() > 2 && text.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'-'))
}

fn is_error_of_a_sheet(text: &str) -> bool {
    const ERRORS: [&str; 8] = ["#n/a", "#null!", "#ref!", "#value!", "#name?", "#num!", "#div/0!", "#nv"];
    ERRORS.iter().any(|error| error.eq_ignore_ascii_case(text))
}
