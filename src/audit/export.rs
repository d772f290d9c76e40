//! A CSV file exported from a portal → events. Its columns are those of the table it was exported from.
use super::columns;
use super::event::Event;
use super::files::reach_key;
use super::question::Question;
use super::reading::{Reading, Unreadable};
use super::store::decompress;
use super::trail::{Reach, Sighting, Trail};
use crate::failure::Failure;
use crate::files;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::PathBuf;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// A CSV file.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) path: PathBuf,
}

impl Export {
    fn each(&self, seen: &mut Reading, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        let name = self.path.display().to_string();
        let unusable = |why: String| {
            Failure::refused(format!("the export `{name}` cannot be read"))
                .because(why)
                .help("export the query's result as CSV, with all columns and their names in the first line")
        };
        let file = files::open_regular(&self.path).map_err(|error| unusable(error.to_string()))?;
        seen.bytes = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        seen.files = 1;
        let source = decompress(Box::new(file)).map_err(|error| unusable(error.to_string()))?;
        let source = without_mark(source).map_err(|error| unusable(error.to_string()))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source);
        let headers = reader.byte_headers().map_err(|error| unusable(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let headers: Vec<String> = headers.iter().map(text).collect();
        if !headers.iter().any(|header| header.to_lowercase().starts_with("timegenerated")) {
            return Err(unusable("it has no column `TimeGenerated`".to_owned()));
        }
        for (position, record) in reader.byte_records().enumerate() {
            let read = record.map_err(|error| error.to_string()).and_then(|record| {
                let values = record.iter().map(|value| Value::String(String::from_utf8_lossy(value).into_owned()));
                let row: Map<String, Value> = headers.iter().cloned().zip(values).collect();
                Event::new(columns::fields(&row)).map_err(str::to_owned)
            });
            match read {
                Ok(event) => {
                    seen.events += 1;
                    seen.time(&event.time);
                    take(&event);
                }
                Err(why) => seen.unreadable(|| Unreadable::new(&name, position as u64 + 2, why, b""), true),
            }
        }
        Ok(())
    }
}

/// The same without a byte order mark, which would hide the first column's quotes.
fn without_mark(mut source: impl Read) -> io::Result<impl Read> {
    let mut beginning = Vec::with_capacity(MARK.len());
    source.by_ref().take(MARK.len() as u64).read_to_end(&mut beginning)?;
    if beginning == MARK {
        beginning.clear();
    }
    Ok(io::Cursor::new(beginning).chain(source))
}

impl Trail for Export {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn sight(&self, question: &Question) -> Result<Sighting, Failure> {
        let mut sighting = Sighting::default();
        let mut seen = Reading::default();
        let mut vaults = BTreeSet::new();
        self.each(&mut seen, &mut |event| {
            vaults.extend(question.vault_of(event).map(str::to_owned));
            sighting.take(question, event);
        })?;
        seen.vaults = vaults;
        seen.notes.push("an export holds what its query asked for: what the query left out is not in it".to_owned());
        sighting.seen = seen.finished();
        Ok(sighting)
    }

    fn reach(&self, question: &Question, callers: &BTreeSet<String>) -> Result<Reach, Failure> {
        let mut reach = Reach::default();
        self.each(&mut Reading::default(), &mut |event| {
            reach.vaults.extend(question.vault_of(event).map(str::to_owned));
            if callers.contains(&event.oid)
                && let Some(key) = reach_key(question, event)
            {
                reach.groups.add(key, event, None);
            }
        })?;
        Ok(reach)
    }

    fn events(&self, question: &Question, take: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        self.each(&mut Reading::default(), &mut |event| {
            if event.names(&question.secret) && question.is_of_own_vault(event) && question.is_in_window(event.at) {
                take(event);
            }
        })
    }
}
