//! Bytes as text: UTF-8, and UTF-16 or UTF-32 of either order, by their mark or by where their zeros stand.

use encoding_rs::WINDOWS_1252;
use zeroize::Zeroizing;

/// Of so many letters at least a code page is believed.
const SHORTEST: usize = 8;

/// The upper half of the code page that terminals of Windows have in Western Europe (850).
const TERMINALS: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
    └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// How letters are laid in bytes: how many each takes, and whether the higher byte comes first.
#[derive(Clone, Copy)]
struct Layout {
    width: usize,
    is_high_first: bool,
}

/// The marks that say so. What is longer comes first: the one of UTF-32 begins as that of UTF-16 does.
const MARKS: &[(&[u8], Layout)] = &[
    (&[0xFF, 0xFE, 0, 0], Layout { width: 4, is_high_first: false }),
    (&[0, 0, 0xFE, 0xFF], Layout { width: 4, is_high_first: true }),
    (&[0xFF, 0xFE], Layout { width: 2, is_high_first: false }),
    (&[0xFE, 0xFF], Layout { width: 2, is_high_first: true }),
];

/// A text whose letters take two bytes or four.
pub(crate) struct Wide {
    pub(crate) text: Zeroizing<String>,
    /// It does not break off inside of a letter, and every one of them is one.
    pub(crate) whole: bool,
}

/// What such bytes say; nothing where they are not told to be some.
pub(crate) fn wide(bytes: &[u8]) -> Option<Wide> {
    let marked = MARKS.iter().find_map(|(mark, layout)| Some((bytes.strip_prefix(*mark)?, *layout)));
    let (bytes, layout) = marked.or_else(|| Some((bytes, told_by_zeros(bytes)?)))?;
    let units = bytes.chunks_exact(layout.width);
    let is_even = units.remainder().is_empty();
    let numbers = units.map(|unit| {
        let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        if layout.is_high_first { unit.iter().fold(0, add) } else { unit.iter().rev().fold(0, add) }
    });
    let letters: Vec<Option<char>> = match layout.width {
        2 => {
            let halves = numbers.map(|number| u16::try_from(number).unwrap_or_default());
            char::decode_utf16(halves).map(Result::ok).collect()
        }
        _ => numbers.map(char::from_u32).collect(),
    };
    let whole = is_even && letters.iter().all(Option::is_some);
    let text = letters.into_iter().map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Some(Wide { text: Zeroizing::new(text), whole })
}

/// The letters of two bytes each, the higher first, if all of them are some.
pub(super) fn units(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect());
    let text = String::from_utf16(&units).ok().map(Zeroizing::new)?;
    (rest.is_empty() && is_readable(&text)).then_some(text)
}

/// The layout of what is mostly ASCII: all of its bytes but one a letter are zero.
fn told_by_zeros(bytes: &[u8]) -> Option<Layout> {
    [4, 2].into_iter().find_map(|width| {
        let units = bytes.chunks_exact(width);
        let count = units.len();
        let zeros = |from: usize, to: usize| {
            let are_zero = |unit: &&[u8]| unit.get(from..to).is_some_and(|some| some.iter().all(|byte| *byte == 0));
            units.clone().filter(are_zero).filter(|unit| unit.iter().any(|byte| *byte != 0)).count()
        };
        let (low, high) = (zeros(1, width), zeros(0, width - 1));
        let most = low.max(high);
        (count >= 2 && most * 2 > count).then_some(Layout { width, is_high_first: high > low })
    })
}

/// The text that bytes are, if they are one that can be read.
pub(crate) fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| is_readable(text)) {
        return Some(Zeroizing::new(text.to_owned()));
    }
    wide(bytes).filter(|wide| wide.whole && is_readable(&wide.text)).map(|wide| wide.text)
}

/// The same in the code pages of the West, if it is likely to be one: mostly ASCII, and nothing that no text holds.
pub(super) fn of_code_pages(bytes: &[u8]) -> Vec<Zeroizing<String>> {
    let plain = bytes.iter().filter(|byte| byte.is_ascii()).count();
    if bytes.len() < SHORTEST || plain * 3 < bytes.len() * 2 {
        return Vec::new();
    }
    let of_windows = Zeroizing::new(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned());
    let of_terminals: Vec<char> = TERMINALS.chars().collect();
    let letter = |byte: &u8| match byte {
        0x80.. => of_terminals.get(usize::from(*byte) - 0x80).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        ascii => char::from(*ascii),
    };
    let of_terminals = Zeroizing::new(bytes.iter().map(letter).collect::<String>());
    [of_windows, of_terminals].into_iter().filter(|text| is_readable(text)).collect()
}

fn is_readable(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| !letter.is_control() || letter.is_whitespace() || letter == '\u{1b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_every_layout_with_a_mark_or_without() {
        let value = "Kq7mZ2tR9vL4xPpü";
        let wide_of = |high_first: bool, width: usize| -> Vec<u8> {
            let units: Vec<u32> = match width {
                2 => value.encode_utf16().map(u32::from).collect(),
                _ => value.chars().map(u32::from).collect(),
            };
            let bytes = units.into_iter().map(|unit| if high_first { unit.to_be_bytes() } else { unit.to_le_bytes() });
            let cut = |unit: [u8; 4]| if high_first { unit[4 - width..].to_vec() } else { unit[..width].to_vec() };
            bytes.flat_map(cut).collect()
        };
        for (high_first, width) in [(false, 2), (true, 2), (false, 4), (true, 4)] {
            let bare = wide_of(high_first, width);
            assert_eq!(text(&bare).unwrap().as_str(), value);
            let mark = MARKS.iter().find(|(_, layout)| (layout.is_high_first, layout.width) == (high_first, width));
            let marked = [mark.unwrap().0, &bare].concat();
            assert_eq!(text(&marked).unwrap().as_str(), value);
            assert!(!wide(&marked[..marked.len() - 1]).unwrap().whole);
        }
        assert_eq!(TERMINALS.chars().count(), 128);
        assert_eq!(of_code_pages(b"P\x84ssw\x94rd-1")[1].as_str(), "Pässwörd-1");
        assert_eq!(text(b"\xEF\xBB\xBFplain").unwrap().as_str(), "plain");
        assert!(text(&[0x30, 0x82, 1, 0, 2, 1, 0, 0xFF]).is_none() && wide(b"plain").is_none());
    }
}
