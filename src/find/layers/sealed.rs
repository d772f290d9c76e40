//! What is closed: encrypted or compressed, so that nobody without its password, or without unpacking it, sees what is in
//! it. Whatever is looked for may stand there.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::ZlibDecoder;
use serde_json::Value;
use std::io::Read;

/// What texts hold that are closed.
const MARKS: &[(&str, &str)] = &[
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "a key with a password"),
    ("Proc-Type: 4,ENCRYPTED", "a key with a password"),
    ("-----BEGIN PGP MESSAGE-----", "a message of PGP"),
    ("-----BEGIN AGE ENCRYPTED FILE-----", "a file of age"),
    ("$ANSIBLE_VAULT;", "a text of Ansible Vault"),
    ("ENC[AES256_GCM,", "a value of SOPS"),
    ("ENC[PKCS7,", "a value of eyaml"),
    ("kind: SealedSecret", "a sealed secret of Kubernetes"),
    ("\"kind\":\"SealedSecret\"", "a sealed secret of Kubernetes"),
    ("\"kind\": \"SealedSecret\"", "a sealed secret of Kubernetes"),
];
/// What a text begins with that is closed.
const TEXT_BEGINS: &[(&str, &str)] = &[
    ("{cipher}", "encrypted by Spring's configuration server"),
    ("{aes}", "encrypted by an application server"),
    ("{xor}", "covered by an application server (XOR)"),
    ("{rc2}", "encrypted by a directory"),
    ("gaaaaab", "a token of Fernet"),
    ("aqicah", "encrypted by AWS KMS"),
    ("<~", "a text in Ascii85"),
    ("begin 6", "a file in the encoding of uuencode"),
    ("=ybegin ", "a file in the encoding of yEnc"),
];
/// What bytes begin with that are closed.
const BEGINS: &[(&[u8], &str)] = &[
    (b"\x1F\x8B\x08", "compressed (gzip)"),
    (b"PK\x03\x04", "compressed (ZIP)"),
    (b"BZh", "compressed (bzip2)"),
    (b"\xFD7zXZ\0", "compressed (xz)"),
    (b"\x28\xB5\x2F\xFD", "compressed (zstd)"),
    (b"7z\xBC\xAF\x27\x1C", "compressed (7z)"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xFF\xD8\xFF", "a picture"),
    (b"\xD0\xCF\x11\xE0", "a document of an office program"),
    (b"\xFE\xED\xFE\xED", "a Java key store"),
    (b"Salted__", "encrypted by OpenSSL"),
    (b"age-encryption.org/", "a file of age"),
    (b"\x01\0\0\0\xD0\x8C\x9D\xDF\x01\x15\xD1\x11\x8C\x7A\0\xC0\x4F\xC2\x97\xEB", "encrypted by Windows"),
    (b"\0GITCRYPT\0", "encrypted by git-crypt"),
];
/// The names of what encrypts, near the begin of DER: PBES2 and the schemes before it, those of PKCS#12, and envelopes.
const NAMES: &[&[u8]] = &[
    b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x05",
    b"\x06\x0A\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01",
    b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03",
];

/// What a text is, if it is closed or holds what is.
pub(super) fn text(text: &str) -> Option<&'static str> {
    let marked = MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, what)| *what);
    marked.or_else(|| {
        let bare = text.trim();
        let is_jasypt = bare.strip_prefix("ENC(").and_then(|rest| rest.strip_suffix(')')).is_some_and(|inside| {
            inside.len() >= 16 && inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        });
        let lower: String = bare.chars().take(16).collect::<String>().to_ascii_lowercase();
        Some(match () {
            () if is_jwe(bare) => "a token that is encrypted (JWE)",
            () if is_sealed_for_a_cluster(bare) => "a sealed secret of Kubernetes",
            () if is_jasypt => "a value of Jasypt",
            () if bare.starts_with("vault:v") && bare.split(':').count() == 3 => "encrypted by a Vault",
            () => return TEXT_BEGINS.iter().find(|(begin, _)| lower.starts_with(begin)).map(|(_, what)| *what),
        })
    })
}

/// The key of a sealed secret comes first, and its length of 512 bytes before it.
fn is_sealed_for_a_cluster(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    text.len() >= 32
        && ["AgA", "AgB", "AgC", "AgD"].iter().any(|begin| text.starts_with(begin))
        && text.bytes().all(is_digit)
}

/// Five parts, the first of which names how the others are encrypted.
fn is_jwe(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, _, _, _, _] = parts.as_slice() else { return false };
    let header = URL_SAFE_NO_PAD.decode(header).ok();
    let header = header.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    header.is_some_and(|header| header.get("enc").is_some())
}

/// What bytes are, if they are closed.
pub(super) fn bytes(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = BEGINS.iter().find(|(begin, _)| bytes.starts_with(begin)) {
        return Some(what);
    }
    if let Some(rest) = bytes.strip_prefix(b"openssh-key-v1\0") {
        return (!rest.starts_with(b"\0\0\0\x04none")).then_some("a key with a password");
    }
    let near = bytes.get(..bytes.len().min(32)).unwrap_or_default();
    if bytes.starts_with(&[0x30]) && NAMES.iter().any(|name| near.windows(name.len()).any(|window| window == *name)) {
        return Some("encrypted (PKCS)");
    }
    // Two bytes alone are too little: it must unpack as well.
    let mut unpacked = [0; 16];
    let may = matches!(bytes, [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..]);
    (may && ZlibDecoder::new(bytes).read(&mut unpacked).is_ok_and(|count| count > 0)).then_some("compressed (zlib)")
}
