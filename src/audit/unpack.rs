//! A file's bytes, as they lie there → text in UTF-8, and in what form its entries stand in it.

use super::records::without_mark;
use super::sheet::Sheet;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::read::MultiGzDecoder;
use std::io::{self, Cursor, Read};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What was compressed is compressed again by whoever sends everything compressed.
const DEEPEST_GZIP: usize = 3;
const AVRO_MAGIC: &[u8] = b"Obj\x01";
/// How nearly all files of an archive begin.
const ORDINARY: &[u8] = b"{\"time\":\"";
/// So much of a file tells what it is; a table's first line must fit.
pub(crate) const BEGINNING_BYTES: u64 = 16 * 1024;

/// In what form entries stand in a file.
#[derive(Debug)]
pub(crate) enum Form {
    /// JSON, one way or another.
    Records,
    /// A table, its columns named in the first line.
    Sheet(Sheet),
    /// A container of Avro's, as Event Hubs captures them.
    Avro,
}

/// A file that was opened.
pub(crate) struct Unpacked<'s> {
    pub(crate) form: Form,
    pub(crate) source: Box<dyn Read + 's>,
}

impl Unpacked<'_> {
    /// Whether what it begins with is that of a log: a table of one, a container, or JSON that is no bare value.
    pub(crate) fn begins_as_log(mut self) -> bool {
        let mut beginning = Vec::new();
        let read = self.source.by_ref().take(ORDINARY.len() as u64 * 8).read_to_end(&mut beginning);
        let beginning = without_mark(&beginning).trim_ascii_start();
        let is_json = beginning.starts_with(b"{\"")
            || (beginning.starts_with(b"{") && beginning.get(1).is_some_and(u8::is_ascii_whitespace))
            || beginning.strip_prefix(b"[").is_some_and(|list| list.trim_ascii_start().starts_with(b"{"));
        read.is_ok() && (is_json || !matches!(self.form, Form::Records))
    }
}

/// Decompresses what is compressed and decodes what is encoded, whatever the file's name; only that a file is a table at
/// all may be told by it.
///
/// # Errors
/// If its first bytes cannot be read.
pub(crate) fn unpack<'s>(source: Box<dyn Read + 's>, name: &str) -> io::Result<Unpacked<'s>> {
    let (mut beginning, mut source) = begin(source, ORDINARY.len() as u64)?;
    for _ in 0..DEEPEST_GZIP {
        if !beginning.starts_with(&GZIP_MAGIC) {
            break;
        }
        let whole = Box::new(MultiGzDecoder::new(io::BufReader::new(source)));
        (beginning, source) = begin(whole, ORDINARY.len() as u64)?;
    }
    if beginning == ORDINARY {
        return Ok(Unpacked { form: Form::Records, source });
    }
    if beginning.starts_with(AVRO_MAGIC) {
        return Ok(Unpacked { form: Form::Avro, source });
    }
    let source: Box<dyn Read + 's> = match encoding_of(&beginning) {
        Some(encoding) => Box::new(DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(source)),
        None => source,
    };
    let (beginning, source) = begin(source, BEGINNING_BYTES)?;
    let form = Sheet::of(&beginning, is_named_a_table(name)).map_or(Form::Records, Form::Sheet);
    Ok(Unpacked { form, source })
}

/// The first bytes, and the whole source again.
fn begin<'s>(mut source: Box<dyn Read + 's>, length: u64) -> io::Result<(Vec<u8>, Box<dyn Read + 's>)> {
    let mut beginning = Vec::new();
    source.by_ref().take(length).read_to_end(&mut beginning)?;
    Ok((beginning.clone(), Box::new(Cursor::new(beginning).chain(source))))
}

/// Two bytes for each character, told by a mark at the beginning, or by the zeros that plain letters have then.
fn encoding_of(beginning: &[u8]) -> Option<&'static Encoding> {
    match *beginning {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        [first, 0, second, 0, ..] if first != 0 && second != 0 => Some(UTF_16LE),
        [0, first, 0, second, ..] if first != 0 && second != 0 => Some(UTF_16BE),
        _ => None,
    }
}

fn is_named_a_table(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".csv", ".tsv"].iter().any(|extension| name.ends_with(extension))
}
