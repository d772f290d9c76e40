//! DER, as far as keys and certificates are told by it: what is a key's own, and what is told to everybody.

/// A number or a text of octets from this length on is the key's own.
const SHORTEST_OWN: usize = 16;
/// The numbers that keys of elliptic curves are.
const SCALARS: std::ops::RangeInclusive<usize> = 28..=66;

/// The tag and the length of what stands there in DER, and where its content begins.
pub(crate) fn element(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let rest = bytes.get(at..)?;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    match rest {
        [tag, short @ ..=0x7F, ..] => Some((*tag, usize::from(*short), at + 2)),
        [tag, long @ 0x81..=0x83, digits @ ..] => {
            let count = usize::from(*long & 0x0F);
            Some((*tag, number(digits.get(..count)?), at + 2 + count))
        }
        _ => None,
    }
}

/// How many bytes of a key stand before what is its own; all of them where it breaks off before that.
pub(crate) fn head(bytes: &[u8]) -> Option<usize> {
    let (outer, _, at) = element(bytes, 0)?;
    let first = bytes.get(at)?;
    if outer != 0x30 || ![0x02, 0x30].contains(first) {
        return None;
    }
    Some(own(bytes).map_or(bytes.len(), |(begin, _)| begin))
}

/// Where the first thing stands that is a key's own, and how long it is.
fn own(bytes: &[u8]) -> Option<(usize, usize)> {
    let (_, _, mut at) = element(bytes, 0)?;
    while let Some((tag, length, content)) = element(bytes, at) {
        let is_own = [0x02, 0x03, 0x04, 0x80].contains(&tag) && length >= SHORTEST_OWN;
        // A text of octets may hold another structure, and a text of bits as well, behind the number of those left over.
        let inside = content + usize::from(tag == 0x03);
        let holds_more = [0x03, 0x04].contains(&tag)
            && element(bytes, inside).is_some_and(|(tag, inner, begin)| {
                [0x04, 0x30].contains(&tag) && begin.checked_add(inner) == content.checked_add(length)
            });
        at = match () {
            () if holds_more => inside,
            () if is_own => return Some((content, length)),
            () if tag & 0x20 != 0 => content,
            () => content.checked_add(length)?,
        };
    }
    None
}

/// The number that a key of an elliptic curve is, whatever is written around it: PKCS#8 or SEC1, with its public half or
/// without.
pub(super) fn scalar(bytes: &[u8]) -> Option<&[u8]> {
    let (_, _, begin) = element(bytes, 0)?;
    let is_versioned = matches!(bytes.get(begin..begin + 3), Some([0x02, 0x01, 0x00 | 0x01]));
    let (at, length) = own(bytes).filter(|(_, length)| is_versioned && SCALARS.contains(length))?;
    bytes.get(at..at + length)
}

/// Whether these bytes are a certificate, a request for one, or a public key.
pub(super) fn is_public(bytes: &[u8]) -> bool {
    let Some((0x30, length, begin)) = element(bytes, 0) else { return false };
    let Some((0x30, inner, inside)) = element(bytes, begin) else { return false };
    let is_all = begin.checked_add(length).is_some_and(|end| end <= bytes.len());
    let is_certificate = bytes.get(inside..inside + 4) == Some(&[0xA0, 0x03, 0x02, 0x01]);
    let is_request = bytes.get(inside..inside + 3) == Some(&[0x02, 0x01, 0x00])
        && element(bytes, inside + 3).is_some_and(|(tag, ..)| tag == 0x30);
    let behind = inside.checked_add(inner).and_then(|at| element(bytes, at));
    let is_key = bytes.get(inside) == Some(&0x06) && behind.is_some_and(|(tag, ..)| tag == 0x03);
    is_all && (is_certificate || is_request || is_key)
}
