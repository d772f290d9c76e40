//! The journal under everything that can happen to a disk, a file and a clock.

use crate::whole::Whole;
use serde_json::Value;
use stanch::engine::event::{EffectOutcome, Event, SettledBy};
use stanch::journal::{
    AppendError, DamageKind, FORMAT_VERSION, GENESIS, Journal, Listener, LocalStore, Record, Store, Writer, line_hash,
};
use stanch::plan::PlannedStep;
use stanch::report::{Entry, Status};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Journals that earlier programs wrote, with what they must be read as.
fn kept() -> Vec<(String, Vec<u8>, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals");
    let mut found = Vec::new();
    for format in folders(&root) {
        for case in folders(&format) {
            let bytes = std::fs::read(case.join("journal.jsonl")).unwrap();
            let expected = serde_json::from_slice(&std::fs::read(case.join("expected.json")).unwrap()).unwrap();
            found.push((case.display().to_string(), bytes, expected));
        }
    }
    assert!(found.len() >= 9);
    found
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn settled() -> Vec<u8> {
    kept().into_iter().find(|(name, _, _)| name.ends_with("settled")).unwrap().1
}

/// Reads and folds, as `verify` and `resume` do.
fn read(bytes: &[u8]) -> Result<Whole, DamageKind> {
    Whole::read(bytes).map_err(|damage| damage.kind)
}

/// The records of lines that each follow from the one before, whatever they say.
fn chained(bytes: &[u8]) -> Vec<Record> {
    let mut head = GENESIS.to_owned();
    let record = |line: &[u8]| {
        let record: Record = serde_json::from_slice(line).unwrap();
        assert_eq!(record.prev, std::mem::replace(&mut head, line_hash(line)));
        record
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    lines(&bytes[..whole]).into_iter().map(|line| line.strip_suffix(b"\n").unwrap()).map(record).collect()
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

#[test]
fn journals_of_every_format_that_was_ever_written_are_read() {
    for (name, bytes, expected) in kept() {
        let journal = read(&bytes).unwrap_or_else(|kind| panic!("{name}: {kind}"));
        assert_eq!(format!("sha256:{}", journal.end.head), expected["head"], "{name}");
        assert_eq!(Value::from(journal.records.len()), expected["records"], "{name}");
        let catalogue = stanch::actions::catalogue();
        let steps = expected["steps"].as_object().unwrap().iter();
        let steps: Vec<PlannedStep> =
            steps.map(|(id, step)| PlannedStep::new(id, step["uses"].as_str().unwrap(), &catalogue)).collect();
        let known = crate::whole::known(&journal.records, &steps);
        let status = Status::new(&known, &journal.end.head, "", false);
        assert_eq!(serde_json::to_value(status.status).unwrap(), expected["status"], "{name}");
        for step in &status.steps {
            assert_eq!(expected["steps"][&step.id]["status"], step.status, "{name}: {}", step.id);
        }
        assert!(journal.records.iter().all(|record| !Entry::new(record).what.is_empty()), "{name}");
        let report = serde_json::to_value(crate::whole::report(&journal.records, &journal.end.head, &steps)).unwrap();
        assert_eq!(report["run"]["id"], expected["run"], "{name}");
        assert_eq!(report["evidence"]["head"], expected["head"], "{name}");
    }
}

#[test]
fn a_newer_format_is_refused_and_called_one() {
    let bytes = settled();
    let newer = format!("\"v\":{}", FORMAT_VERSION + 1);
    let text = String::from_utf8(bytes).unwrap().replacen("\"v\":1", &newer, 1);
    let damage = Whole::read(text.as_bytes()).unwrap_err();
    assert_eq!(
        damage.to_string(),
        format!(
            "the journal was written by a newer stanch: its format is {}, this program reads up to {FORMAT_VERSION}",
            FORMAT_VERSION + 1
        )
    );
    // So is one whose lines have sums, whatever a newer program makes of those.
    let (_, bytes, _) = kept().into_iter().find(|(name, ..)| name.ends_with("with-sums/settled")).unwrap();
    let newer_from = |line: usize| {
        let mut lines: Vec<String> = lines(&bytes).iter().map(|line| String::from_utf8_lossy(line).into()).collect();
        lines[line] = lines[line].replacen("\"v\":1", &newer, 1);
        Whole::read(lines.concat().as_bytes()).unwrap_err().kind
    };
    assert!(matches!(newer_from(0), DamageKind::NewerFormat(_)));
    assert!(matches!(newer_from(3), DamageKind::Changed), "a journal of this format, in which a line was changed");
    // A newer format may hold events that this program has never heard of.
    let unheard = text.replacen("\"type\":\"run_opened\"", "\"type\":\"run_begun\"", 1);
    assert!(matches!(Whole::read(unheard.as_bytes()).unwrap_err().kind, DamageKind::NewerFormat(_)));
    let damage = Whole::read(unheard.replacen(&newer, "\"v\":1", 1).as_bytes()).unwrap_err();
    assert!(matches!(damage.kind, DamageKind::NotARecord(_)), "{damage}");
}

#[test]
fn a_tail_that_is_torn_at_any_byte_loses_the_torn_line_only() {
    let heavy = crate::stage::is_heavy();
    for (name, bytes, _) in kept().into_iter().filter(|(name, ..)| heavy || name.ends_with("settled")) {
        let whole = lines(&bytes);
        let mut length = 0;
        for (before, line) in whole.into_iter().enumerate() {
            for torn in 0..line.len() {
                if before == 0 {
                    let damage = read(&bytes[..torn]).unwrap_err();
                    assert!(matches!(damage, DamageKind::Empty | DamageKind::NoWholeLine), "{name}, {torn}: {damage}");
                    continue;
                }
                let journal =
                    read(&bytes[..length + torn]).unwrap_or_else(|kind| panic!("{name}, {length}+{torn}: {kind}"));
                let Journal { records, length: whole, torn: rest, .. } = journal.end;
                assert_eq!((records, whole, rest), (before as u64, length as u64, torn as u64));
            }
            length += line.len();
        }
    }
}

#[test]
fn a_bit_that_was_flipped_anywhere_shows() {
    let heavy = crate::stage::is_heavy();
    for (name, bytes, _) in kept().into_iter().filter(|(name, ..)| heavy || name.ends_with("settled")) {
        let whole = read(&bytes).unwrap();
        let last_line = bytes.len() - lines(&bytes).last().unwrap().len();
        let mut shown_by_the_head_alone = 0;
        for bit in (0..bytes.len() * 8).step_by(if heavy { 1 } else { 11 }) {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            match read(&changed) {
                Err(_) => {}
                // No line follows the last one that could hold its hash: its head does, wherever it was sent.
                Ok(journal) => {
                    assert!(bit / 8 >= last_line, "{name}: bit {bit} changed, and nobody sees it");
                    assert_ne!(journal.end.head, whole.end.head, "{name}: bit {bit}");
                    assert_eq!(journal.line_of(&whole.end.head), None, "{name}: bit {bit}");
                    shown_by_the_head_alone += 1;
                }
            }
        }
        let has_sums = whole.records.iter().all(|record| record.sum.is_some());
        assert_eq!(shown_by_the_head_alone > 0, !has_sums, "{name}: a line's own sum shows it as well");
    }
}

#[test]
fn lines_that_are_missing_moved_repeated_or_of_another_journal_show() {
    let bytes = settled();
    let whole = read(&bytes).unwrap();
    let all = lines(&bytes);
    for index in 0..all.len() {
        let mut missing = all.clone();
        missing.remove(index);
        let read_again = read(&missing.concat());
        if index + 1 < all.len() {
            assert!(read_again.is_err(), "line {index} is missing, and nobody sees it");
        } else {
            // Cutting off the end shows by the head, which was sent off the machine.
            assert_eq!(read_again.unwrap().line_of(&whole.end.head), None);
        }
        let mut repeated = all.clone();
        repeated.insert(index, all[index]);
        assert!(read(&repeated.concat()).is_err(), "line {index} is there twice");
        for other in index + 1..all.len() {
            let mut swapped = all.clone();
            swapped.swap(index, other);
            assert!(read(&swapped.concat()).is_err(), "{index} and {other} are swapped");
        }
    }
    for (name, other, _) in kept().into_iter().filter(|(_, other, _)| *other != bytes) {
        let others = lines(&other);
        for index in 1..all.len().min(others.len()) {
            let mixed = [&all[..index], &others[index..]].concat().concat();
            assert!(read(&mixed).is_err(), "{name} from line {index} on");
            let mut inserted = all.clone();
            inserted.insert(index, others[index]);
            assert!(read(&inserted.concat()).is_err(), "{name}: line {index}");
        }
    }
    let heads: Vec<Option<usize>> =
        all.iter().map(|line| whole.line_of(&line_hash(line.strip_suffix(b"\n").unwrap()))).collect();
    assert_eq!(heads, (1..=all.len()).map(Some).collect::<Vec<_>>(), "every head that ever was can be looked up");
    assert_eq!(whole.line_of(GENESIS), None);
}

/// Appends events of one step, whatever came before.
struct Anything(Arc<Mutex<Vec<String>>>);

impl Listener for Anything {
    fn admit(&mut self, _: &Record) -> Result<(), String> {
        Ok(())
    }

    fn recorded(&mut self, record: &Record, head: &str) {
        assert_eq!(line_hash(&record.line().unwrap()), head);
        self.0.lock().unwrap().push(head.to_owned());
    }
}

/// How an append goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing is written.
    Kind(io::ErrorKind),
    /// A part is written.
    Short(io::ErrorKind),
    /// Everything is written, and the sync says that it may not be on the disk.
    Sync,
}

const FAULTS: [Fault; 6] = [
    Fault::Kind(io::ErrorKind::StorageFull),
    Fault::Short(io::ErrorKind::StorageFull),
    Fault::Short(io::ErrorKind::QuotaExceeded),
    Fault::Kind(io::ErrorKind::PermissionDenied),
    Fault::Kind(io::ErrorKind::ReadOnlyFilesystem),
    Fault::Sync,
];

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    appends: usize,
    appends_after_the_fault: usize,
    failed: bool,
}

/// A disk that is slow, and fails at one append.
struct Failing {
    disk: Arc<Mutex<Disk>>,
    at: usize,
    fault: Fault,
    takes: Duration,
}

impl Store for Failing {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        std::thread::sleep(self.takes);
        let mut disk = self.disk.lock().unwrap();
        disk.appends += 1;
        disk.appends_after_the_fault += usize::from(disk.failed);
        if disk.appends != self.at {
            disk.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        disk.failed = true;
        let written = match self.fault {
            Fault::Kind(_) => 0,
            Fault::Short(_) => bytes.len() / 2,
            Fault::Sync => bytes.len(),
        };
        disk.bytes.extend_from_slice(&bytes[..written]);
        Err(match self.fault {
            Fault::Kind(kind) | Fault::Short(kind) => kind.into(),
            Fault::Sync => io::Error::other("Input/output error (os error 5)"),
        })
    }

    fn read(&self) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.disk.lock().unwrap().bytes.clone())))
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

fn writer(disk: &Arc<Mutex<Disk>>, at: usize, fault: Fault, takes: Duration) -> (Writer, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let store = Failing { disk: Arc::clone(disk), at, fault, takes };
    (Writer::start(store, &Journal::default(), Anything(Arc::clone(&heads))), heads)
}

fn intent(step: usize) -> Event {
    let step = format!("s{step}");
    Event::EffectStarted { step, effect: "e".to_owned(), key: "k".to_owned(), attempt: 1, summary: "x".to_owned() }
}

fn outcome(step: usize) -> Event {
    Event::EffectFinished {
        step: format!("s{step}"),
        effect: "e".to_owned(),
        key: "k".to_owned(),
        attempt: 1,
        outcome: EffectOutcome::Done,
        by: SettledBy::Answer,
        result: Value::Null,
        error: None,
    }
}

fn begun(step: usize) -> Event {
    Event::StepStarted { step: format!("s{step}"), attempt: 1 }
}

#[tokio::test]
async fn after_a_failed_append_nothing_is_appended_and_nobody_is_told_that_it_is_durable() {
    for fault in FAULTS {
        for at in 1..8 {
            let disk = Arc::new(Mutex::new(Disk::default()));
            let (writer, heads) = writer(&disk, at, fault, Duration::ZERO);
            let mut durable = 0;
            let mut refusals = Vec::new();
            for step in 0..8 {
                for event in [begun(step), intent(step)] {
                    let awaited = event.is_awaited();
                    match writer.append(event).await {
                        Ok(_) if awaited => durable += 1,
                        Ok(_) => {}
                        Err(AppendError::Store(why)) => refusals.push(why),
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            assert!(writer.flush().await.is_err(), "{fault:?} at {at}: it stays broken");
            assert!(durable < at && !refusals.is_empty(), "{fault:?} at {at}: {durable} durable, {refusals:?}");
            let disk = disk.lock().unwrap();
            assert_eq!(disk.appends_after_the_fault, 0, "{fault:?} at {at}");
            // Whoever reads it finds all that anyone was told to be durable, and at most one append more.
            let found = chained(&disk.bytes);
            let told = heads.lock().unwrap().clone();
            assert!(found.len() >= told.len(), "{fault:?} at {at}");
            let lines = found.iter().map(|record| line_hash(&record.line().unwrap()));
            assert!(lines.take(told.len()).eq(told), "{fault:?} at {at}");
            if matches!(fault, Fault::Kind(io::ErrorKind::StorageFull) | Fault::Short(io::ErrorKind::StorageFull)) {
                assert_eq!(refusals[0], "the disk is full");
            }
        }
    }
}

#[tokio::test]
async fn effects_side_by_side_share_a_sync_and_bookkeeping_needs_none_of_its_own() {
    // Side by side: a slow disk takes in together whatever came while it was at work.
    let disk = Arc::new(Mutex::new(Disk::default()));
    let (side_by_side, heads) = writer(&disk, 0, Fault::Sync, Duration::from_millis(20));
    let appends = (0..100).map(|step| side_by_side.append(intent(step)));
    let records: Vec<Record> =
        futures::future::join_all(appends).await.into_iter().map(|appended| appended.unwrap()).collect();
    assert!(records.iter().zip(0..).all(|(record, seq)| record.seq == seq), "in the order in which they were sent");
    assert_eq!(heads.lock().unwrap().len(), 100);
    let syncs = disk.lock().unwrap().appends;
    assert!(syncs <= 3, "100 intents took {syncs} syncs");

    // One after the other: two for each effect, with the beginning of its step and the end of the one before.
    let disk = Arc::new(Mutex::new(Disk::default()));
    let (in_turn, _) = writer(&disk, 0, Fault::Sync, Duration::ZERO);
    for step in 0..20 {
        for event in [begun(step), intent(step), outcome(step)] {
            in_turn.append(event).await.unwrap();
        }
    }
    let syncs = disk.lock().unwrap().appends;
    assert!((40..60).contains(&syncs), "20 effects with 60 events took {syncs} syncs");
}

#[tokio::test]
async fn what_nobody_waits_for_is_durable_a_moment_later_or_when_asked() {
    let disk = Arc::new(Mutex::new(Disk::default()));
    let (writer, heads) = writer(&disk, 0, Fault::Sync, Duration::ZERO);
    writer.append(begun(0)).await.unwrap();
    let begun_at = Instant::now();
    while heads.lock().unwrap().is_empty() {
        assert!(begun_at.elapsed() < Duration::from_secs(20), "it never became durable");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writer.append(begun(1)).await.unwrap();
    writer.append(begun(2)).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(heads.lock().unwrap().len(), 3);
    assert_eq!(chained(&disk.lock().unwrap().bytes).len(), 3);
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_said_so_and_no_time_is_made_up() {
    let at = chrono::Utc::now() + chrono::Duration::hours(1);
    let earlier = Record { v: FORMAT_VERSION, seq: 0, at, prev: GENESIS.to_owned(), event: begun(0), sum: None };
    let line = earlier.line().unwrap();
    let journal = Journal { records: 1, last_at: Some(at), head: line_hash(&line), ..Journal::default() };
    let disk = Arc::new(Mutex::new(Disk { bytes: [line.as_slice(), b"\n"].concat(), ..Disk::default() }));
    let store = Failing { disk: Arc::clone(&disk), at: 0, fault: Fault::Sync, takes: Duration::ZERO };
    let writer = Writer::start(store, &journal, Anything(Arc::default()));
    writer.append(intent(1)).await.unwrap();
    writer.append(outcome(1)).await.unwrap();
    let found = chained(&disk.lock().unwrap().bytes);
    assert_eq!(found.len(), 4, "one line more, once: {found:#?}");
    assert!(matches!(found[1].event, Event::ClockSetBack { by_ms: 3_590_000..=3_600_000 }), "{found:#?}");
    assert!(found[2].at < at && found[2].event == intent(1));
}

fn appending(path: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().append(true).open(path).unwrap()
}

#[test]
fn a_failed_sync_of_a_real_file_is_an_error_and_takes_the_line_back() {
    let folder = tempfile::tempdir().unwrap();
    // A pipe takes the bytes, and cannot be synced.
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let error = LocalStore::on(appending(&path)).unwrap().append(b"{}\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    drop(reader);
    // The full device takes nothing.
    let error = LocalStore::on(appending(Path::new("/dev/full"))).unwrap().append(b"{}\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_process_that_was_given_up_for_dead_writes_nothing_behind_its_successor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut sleeper = LocalStore::create(&path).unwrap();
    sleeper.append(b"one\n").unwrap();
    let mut successor = LocalStore::open(&path).unwrap();
    successor.append(b"two\n").unwrap();
    let error = sleeper.append(b"three\n").unwrap_err();
    assert_eq!(error.to_string(), "another process has written to it");
    successor.append(b"three\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    successor.truncate(4).unwrap();
    successor.append(b"four\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nfour\n");
    assert!(LocalStore::create(&path).is_err(), "a journal is begun once");
}
