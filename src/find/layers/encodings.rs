//! What stands behind base64 and hexadecimal digits, in PEM and in PFX: a text, or bytes, which are written as digits then.

use super::telling::is_guid;
use super::{der, dumps, letters, sealed};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use p12_keystore::{KeyStore, KeyStoreEntry};
use zeroize::Zeroizing;

/// What is shorter is not decoded: too much is base64 by chance.
const SHORTEST_ENCODED: usize = 8;
/// Bytes that are no text are compared from this length on.
const SHORTEST_BYTES: usize = 24;
/// No word of letters alone is longer.
const LONGEST_WORD: usize = 64;
/// No key in PEM is longer.
pub(super) const LONGEST_KEY: usize = 16 << 10;
/// What PKCS#8 puts around the key of RSA that PKCS#1 writes by itself: its name, and the begin of a text of octets.
const RSA_INSIDE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00, 0x04, 0x82];

/// How bytes are encoded that are written as numbers.
pub(in crate::find) const LISTED: &str = "a list of bytes";

/// What was found behind an encoding.
pub(super) struct Behind {
    pub(super) text: Zeroizing<String>,
    pub(super) encoded: &'static str,
    /// What it is a part of; nothing where it is the whole.
    pub(super) part_of: Option<&'static str>,
    /// It stands there among others.
    pub(super) loose: bool,
}

/// What stands behind the encodings of a text.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) behind: Vec<Behind>,
    /// What it is that cannot be opened.
    pub(super) sealed: Option<&'static str>,
}

impl Decoded {
    fn push(&mut self, text: Zeroizing<String>, encoded: &'static str, part_of: Option<&'static str>) {
        self.behind.push(Behind { text, encoded, part_of, loose: false });
    }
}

pub(super) fn decoded(text: &str) -> Decoded {
    let mut found = Decoded { sealed: sealed::text(text), ..Decoded::default() };
    if text.contains("-----BEGIN ") {
        pem(text, &mut found);
        return found;
    }
    let digits = hexadecimal(text);
    // So many hexadecimal digits are no base64 that has no other letters by chance: what it would hold is nobody's own.
    let is_base64 = digits.as_ref().is_none_or(|bytes| bytes.len() < 2 * SHORTEST_ENCODED) && !is_guid(text.trim());
    if let Some(bytes) = base64(text).filter(|_| is_base64) {
        behind(text, &bytes, "base64", &mut found);
    }
    if let Some(bytes) = digits {
        behind(text, &bytes, "hexadecimal digits", &mut found);
    }
    if let Some(inside) = base32(text).and_then(|bytes| letters::text(&bytes)) {
        found.push(inside, "base32", None);
    }
    for listed in dumps::listed(text) {
        let from = found.behind.len();
        behind("", &listed.bytes, LISTED, &mut found);
        for behind in found.behind.iter_mut().skip(from).filter(|_| !listed.whole) {
            behind.part_of = behind.part_of.or(Some("a list of bytes"));
            behind.loose = true;
        }
    }
    found
}

/// A text as it is, also one of two or four bytes a letter; bytes as digits, with the keys in them.
fn behind(text: &str, bytes: &[u8], encoded: &'static str, found: &mut Decoded) {
    if let Some(text) = letters::text(bytes) {
        found.push(text, encoded, None);
        return;
    }
    for text in letters::of_code_pages(bytes) {
        found.sealed = found.sealed.or(Some("in a code page that is not told: it was read as Windows-1252 and as 850"));
        found.push(text, encoded, None);
    }
    // Words are base64 as well, and what they would hold is nobody's own.
    let is_word = |text: &str| text.len() < LONGEST_WORD && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if text.is_empty() || !is_word(text.trim()) {
        binary(bytes, encoded, None, found);
    }
}

/// Bytes as digits, and the keys that a container of them holds.
fn binary(bytes: &[u8], encoded: &'static str, part_of: Option<&'static str>, found: &mut Decoded) {
    found.sealed = found.sealed.or_else(|| sealed::bytes(bytes));
    if bytes.len() < SHORTEST_BYTES {
        return;
    }
    let digits = |bytes: &[u8]| Zeroizing::new(hex::encode(bytes));
    found.push(digits(bytes), encoded, part_of);
    let inner = bytes.windows(RSA_INSIDE.len()).take(64).position(|window| window == RSA_INSIDE);
    let inside = inner.and_then(|at| bytes.get(at + RSA_INSIDE.len() + 2..));
    for key in inside.into_iter().chain(der::scalar(bytes)) {
        found.push(digits(key), encoded, part_of);
    }
    // Key Vault gives a certificate with its key out as a PFX without a password.
    if part_of.is_none() && bytes.starts_with(&[0x30]) && bytes.get(4..7) == Some(&[0x02, 0x01, 0x03]) {
        let Ok(store) = KeyStore::from_pkcs12(bytes, "") else {
            found.sealed = Some("a PFX with a password");
            return;
        };
        for (_, entry) in store.entries() {
            if let KeyStoreEntry::PrivateKeyChain(chain) = entry {
                binary(chain.key(), encoded, Some("a PFX"), found);
            }
        }
    }
}

/// The keys in PEM; a certificate is no secret, and many hold the same.
fn pem(text: &str, found: &mut Decoded) {
    let blocks: Vec<&str> = text.split("-----BEGIN ").skip(1).collect();
    for block in &blocks {
        let Some((name, rest)) = block.split_once("-----") else { continue };
        let body = rest.split("-----END").next().unwrap_or_default();
        let is_key = name.contains("PRIVATE KEY");
        if !is_key && blocks.len() > 1 {
            continue;
        }
        // `Proc-Type: …` and the like stand above an empty line.
        let body = body.lines().filter(|line| !line.contains(':')).collect::<Vec<&str>>().join("\n");
        let alone = text.trim_start().starts_with("-----BEGIN ") && blocks.len() == 1;
        let part_of = (!alone).then_some("PEM");
        match base64(&body) {
            Some(bytes) => binary(&bytes, "PEM", part_of, found),
            // A key that breaks off is still known by its begin.
            None => {
                let begun: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
                if begun.len() >= 64 {
                    let whole = begun.len() - begun.len() % 4;
                    if let Some(bytes) = begun.get(..whole).and_then(base64) {
                        binary(&bytes, "PEM", part_of, found);
                    }
                }
            }
        }
    }
}

/// The bytes behind base64 of either alphabet, with or without padding, in one line or several, indented or not.
fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n\t ".contains(&byte);
    let text = text.trim();
    // Words in a line are no base64; lines of it may be indented.
    let has_words = text.lines().any(|line| line.trim().contains([' ', '\t']));
    if text.len() < SHORTEST_ENCODED || has_words || !text.bytes().all(allowed) {
        return None;
    }
    let joined: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
    let alphabet = if joined.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    GeneralPurpose::new(&alphabet, LENIENT).decode(joined.as_bytes()).ok().map(Zeroizing::new)
}

/// RFC 4648: capital letters and the digits from 2 to 7.
fn base32(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.trim().trim_end_matches('=');
    if digits.len() < 2 * SHORTEST_ENCODED {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len()));
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        (bits, count) = ((bits << 5 | u32::from(value)) & 0xFFFF, count + 5);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let joined: String = text
        .trim()
        .trim_start_matches("0x")
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != ':')
        .collect();
    let joined = Zeroizing::new(joined);
    if joined.len() < 2 * SHORTEST_ENCODED || !joined.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    hex::decode(joined.as_str()).ok().map(Zeroizing::new)
}

/// Whether a text is told to everybody: certificates and public keys, in whatever they are written.
pub(crate) fn is_public(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with("-----BEGIN ") {
        let mut names = text.split("-----BEGIN ").skip(1).filter_map(|block| block.split("-----").next());
        return names.all(|name| {
            ["CERTIFICATE", "PUBLIC KEY", "PARAMETERS", "CRL"]
                .iter()
                .any(|end| name.ends_with(end) || name.starts_with(end))
        });
    }
    if ["ssh-rsa AAAA", "ssh-ed25519 AAAA", "ecdsa-sha2-"].iter().any(|begin| text.starts_with(begin)) {
        return true;
    }
    let bytes =
        if text.starts_with("30") { hexadecimal(text) } else { base64(text).filter(|_| text.starts_with(['M', 'L'])) };
    bytes.is_some_and(|bytes| {
        der::is_public(&bytes)
            || std::str::from_utf8(&bytes).is_ok_and(|inside| inside.starts_with("-----BEGIN ") && is_public(inside))
    })
}
