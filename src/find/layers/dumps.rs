//! Bytes that are written as numbers, one by one: lists of programs (`[]byte{0x70, 97, …}`), codes of letters
//! (`chr(112).chr(97)`), and dumps (`xxd`, `hexdump`, `od`, `Format-Hex`).

use zeroize::Zeroizing;

/// Fewer numbers in a row are any numbers.
const FEWEST: usize = 6;
/// More lists of one text are not looked at.
const MOST: usize = 16;
/// What stands in a program around each number of a list.
const AROUND: &[&str] = &["byte", "chr", "char", "u8", "i8", "uint8", "sbyte"];
/// The bytes of a line of a dump, where its neighbours do not tell.
const BYTES_A_LINE: usize = 16;

/// Bytes that a text lists.
pub(super) struct Listed {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// There is nothing else.
    pub(super) whole: bool,
}

/// How one number is written.
type Reader = fn(&str) -> Option<u8>;

/// All bytes that a text lists, in each of the ways in which its numbers can be read.
pub(super) fn listed(text: &str) -> Vec<Listed> {
    if text.bytes().filter(u8::is_ascii_digit).count() < FEWEST {
        return Vec::new();
    }
    let readers: [Reader; 4] = [number, pair, octal, binary];
    let mut found: Vec<Listed> = readers.iter().flat_map(|reader| lists(text, *reader)).collect();
    found.extend(dump(text));
    found.truncate(MOST);
    found
}

/// A number of a program: `112`, `0x70`, `-17`, `112u8`, `&H70`.
fn number(word: &str) -> Option<u8> {
    let word = word.trim_end_matches("u8").trim_end_matches("i8").trim_end_matches(['_', 'L', 'U']);
    let digits = ["0x", "0X", "H", "&H"].iter().find_map(|begin| word.strip_prefix(begin));
    match (digits, word.strip_prefix('-')) {
        (Some(digits), _) if digits.len() <= 2 => u8::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) => digits.parse::<u8>().ok().filter(|digit| *digit <= 128).map(u8::wrapping_neg),
        (None, None) if word.len() <= 3 => word.parse().ok(),
        _ => None,
    }
}

fn pair(word: &str) -> Option<u8> {
    (word.len() == 2).then(|| u8::from_str_radix(word, 16).ok()).flatten()
}

fn octal(word: &str) -> Option<u8> {
    let word = word.strip_prefix("0o").unwrap_or(word);
    (word.len() == 3).then(|| u8::from_str_radix(word, 8).ok()).flatten()
}

fn binary(word: &str) -> Option<u8> {
    let word = word.strip_prefix("0b").unwrap_or(word);
    (word.len() == 8).then(|| u8::from_str_radix(word, 2).ok()).flatten()
}

/// Rows of numbers with nothing but signs between them.
fn lists(text: &str, reader: Reader) -> Vec<Listed> {
    let mut found = Vec::new();
    let mut row = Zeroizing::new(Vec::new());
    let mut others = 0;
    let is_sign = |letter: char| letter.is_whitespace() || ",;(){}[]+.&|\"'".contains(letter);
    let end = |row: &mut Zeroizing<Vec<u8>>, found: &mut Vec<Zeroizing<Vec<u8>>>| {
        let row = std::mem::take(row);
        if row.len() >= FEWEST && found.len() < MOST {
            found.push(row);
        }
    };
    for word in text.split(is_sign).filter(|word| !word.is_empty()) {
        match reader(word) {
            Some(byte) => row.push(byte),
            None if AROUND.iter().any(|around| around.eq_ignore_ascii_case(word)) => {}
            None => {
                others += usize::from(word.contains(char::is_alphanumeric));
                end(&mut row, &mut found);
            }
        }
    }
    end(&mut row, &mut found);
    let whole = found.len() == 1 && others == 0;
    found.into_iter().map(|bytes| Listed { bytes, whole }).collect()
}

/// A line of a dump: the offset before it, and the digits of its columns.
struct Line<'a> {
    offset: usize,
    columns: &'a str,
}

/// The bytes of a dump: in the order of its digits, and with each two of them turned, as `hexdump` and `od` write words.
fn dump(text: &str) -> Vec<Listed> {
    let lines: Vec<Line<'_>> = text.lines().filter_map(dump_line).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let apart = lines.iter().zip(lines.iter().skip(1)).map(|(one, next)| next.offset.checked_sub(one.offset));
    let width = apart.flatten().find(|width| (1..=64).contains(width)).unwrap_or(BYTES_A_LINE);
    let (mut bytes, mut turned) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
    for line in &lines {
        for group in groups(line.columns, width) {
            turned.extend(group.iter().rev());
            bytes.extend(group);
        }
    }
    let others = text.lines().filter(|line| line.contains(char::is_alphanumeric) && dump_line(line).is_none());
    // A dump may end with the offset behind its last byte, and begin with the titles of its columns.
    let is_title =
        |line: &str| line.trim().split([' ', ':']).all(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let whole = others.filter(|line| !is_title(line)).count() == 0;
    let is_turned = *turned != *bytes;
    let both = [Some(bytes), is_turned.then_some(turned)].into_iter().flatten();
    both.filter(|bytes| bytes.len() >= FEWEST).map(|bytes| Listed { bytes, whole }).collect()
}

fn dump_line(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    let (offset, columns) = line.split_once([' ', '\t', ':'])?;
    let digits = offset.trim_start_matches("0x").trim_end_matches(['h', ':']);
    let is_offset = (4..=16).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let offset = usize::from_str_radix(digits, 16).ok().filter(|_| is_offset)?;
    let columns = columns.trim_start_matches(':').trim_start();
    groups(columns, BYTES_A_LINE).next()?;
    Some(Line { offset, columns })
}

/// The groups of digits of a line, up to the letters that some write behind them.
fn groups(columns: &str, width: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut rest = columns;
    let mut count = 0;
    std::iter::from_fn(move || {
        let bare = rest.trim_start_matches([' ', '\t', '-']);
        let gap = rest.len() - bare.len();
        // Two spaces stand in the middle of a line, and before the letters.
        let is_end = count > 0 && (gap > 2 || (gap == 2 && count != width / 2));
        let length = bare.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(bare.len());
        let ends = bare.get(length..)?.chars().next().is_none_or(|next| next.is_whitespace() || next == '-');
        if is_end || !ends || ![2, 4, 8].contains(&length) || count >= width {
            return None;
        }
        let bytes = hex::decode(bare.get(..length)?).ok()?;
        count += bytes.len();
        rest = bare.get(length..)?;
        Some(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_programs_and_dumps_write_them() {
        for text in [
            "[90, 120, 57, 118, 75, 50]",
            "90 120 57 118 75 50",
            "var p = []byte{0x5a, 0x78, 0x39, 0x76, 0x4b, 0x32}",
            "new byte[] { (byte) 0x5A, (byte) 0x78, (byte) 57, (byte) 118, (byte) 75, (byte) 50 }",
            "$p = chr(90).chr(120).chr(57).chr(118).chr(75).chr(50);",
            "[90u8, 120u8, 57u8, 118u8, 75u8, 50u8]",
            "p: 5a 78 39 76 4b 32",
            "01011010 01111000 00111001 01110110 01001011 00110010",
            "132 170 071 166 113 062",
            "00000000: 5a78 3976 4b32                           Zx9vK2",
            "00000000  5a 78 39 76 4b 32                                 |Zx9vK2|\n00000006",
            "0000000 785a 7639 324b\n0000006",
            "00000000   5A 78 39 76 4B 32                                Zx9vK2",
            "0000   5a 78 39 76 4b 32                                  Zx9vK2",
            "00000000: 5a78 39  Zx9\n00000003: 764b 32  vK2",
        ] {
            assert!(listed(text).iter().any(|listed| *listed.bytes == b"Zx9vK2"), "{text}");
        }
        for text in ["2026-11-20T10:00:00Z", "10.20.30.40:5432", "1,2,3", "version 1.2.3 of 4"] {
            assert!(listed(text).is_empty(), "{text}");
        }
    }
}
