//! Where a member stands in a JSON text, so that it can be changed while every other byte stays.
//!
//! The text is known to be JSON: it was parsed before.

use std::ops::Range;

/// Where the value of a member of the outermost object stands; of several of one name the last, which parsers take.
pub(super) fn member(text: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Range<usize>> {
    let start = value_in(text, blank(text, 0), &is_wanted)?;
    Some(start..end(text, start)?)
}

/// Where a value stands: `/db/password` as RFC 6901 has it, or a member of the outermost object by its name.
pub(super) fn at(text: &str, place: &str) -> Option<Range<usize>> {
    let Some(pointer) = place.strip_prefix('/') else { return member(text, |name| name == place) };
    let mut start = blank(text, 0);
    for part in pointer.split('/') {
        let part = part.replace("~1", "/").replace("~0", "~");
        start = value_in(text, start, &|name: &str| name == part)?;
    }
    Some(start..end(text, start)?)
}

/// Where the value begins that an object or a list holds under a name, a number in a list.
fn value_in(text: &str, start: usize, is_wanted: &impl Fn(&str) -> bool) -> Option<usize> {
    let is_object = match text.as_bytes().get(start)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    let (mut at, mut number, mut found) = (blank(text, start + 1), 0_usize, None);
    while !matches!(text.as_bytes().get(at)?, b'}' | b']') {
        let name = if is_object {
            let name_ends = end(text, at)?;
            let name: String = serde_json::from_str(text.get(at..name_ends)?).ok()?;
            // Past the colon.
            at = blank(text, blank(text, name_ends) + 1);
            name
        } else {
            number.to_string()
        };
        if is_wanted(&name) {
            found = Some(at);
        }
        number += 1;
        at = blank(text, end(text, at)?);
        if text.as_bytes().get(at)? == &b',' {
            at = blank(text, at + 1);
        }
    }
    found
}

/// Past what is blank.
fn blank(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Past the value that begins here.
fn end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += 1;
                while bytes.get(at)? != &b'"' {
                    at += if bytes.get(at)? == &b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' => at += 1,
            byte if byte.is_ascii_whitespace() => at += 1,
            _ => {
                let scalar = |byte: &&u8| !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace();
                at += bytes.get(at..)?.iter().take_while(scalar).count();
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}
