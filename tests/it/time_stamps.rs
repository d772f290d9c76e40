//! Time stamps of a journal's head, by a real authority: `openssl ts` behind a small server on loopback.

use crate::stage::{STANCH, Said};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const RUNBOOK: &str = "schema: stanch/v1\nname: told\nsteps:\n  - id: report\n    uses: report/write\n";

/// A folder with the certificates of authorities, and a state directory.
struct Office {
    folder: TempDir,
    asked: Arc<AtomicUsize>,
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}\n{}", String::from_utf8_lossy(&output.stderr));
}

impl Office {
    /// Nothing where there is no `openssl`.
    fn open() -> Option<Self> {
        if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: there is no `openssl` here, and so no authority");
            return None;
        }
        let office = Self { folder: tempfile::tempdir().unwrap(), asked: Arc::default() };
        for root in ["ca", "stranger"] {
            let names = format!("-keyout {root}.key -out {root}.pem -subj /CN={root} -days 30");
            openssl(office.path(), &format!("req -x509 -newkey rsa:2048 -nodes {names}"));
        }
        office.authority("good", "ca", "20200101000000Z", "20400101000000Z", "timeStamping", "sha256");
        office.authority("late", "ca", "20200101000000Z", "20210101000000Z", "timeStamping", "sha256");
        office.authority("web", "ca", "20200101000000Z", "20400101000000Z", "timeStamping", "sha1");
        fs::write(office.path().join("told.yaml"), RUNBOOK).unwrap();
        Some(office)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn authority(&self, name: &str, root: &str, from: &str, until: &str, usage: &str, named_by: &str) {
        let folder = self.path();
        let write = |end: &str, text: String| fs::write(folder.join(format!("{name}{end}")), text).unwrap();
        openssl(
            folder,
            &format!(
                "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
            ),
        );
        write(".db", String::new());
        write(".number", format!("{:02}", name.len() * 7 + usize::from(name.as_bytes()[0] % 7)));
        write(
            ".ca",
            format!(
                "[ca]\ndefault_ca=c\n[c]\ndatabase={name}.db\nserial={name}.number\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nextendedKeyUsage=critical,{usage}\n"
            ),
        );
        openssl(
            folder,
            &format!(
                "ca -batch -notext -config {name}.ca -cert {root}.pem -keyfile {root}.key -in {name}.csr -out {name}.pem -startdate {from} -enddate {until}"
            ),
        );
        write(
            ".tsa",
            format!(
                "[tsa]\ndefault_tsa=t\n[t]\nserial={name}.serial\nsigner_cert={name}.pem\ncerts={root}.pem\nsigner_key={name}.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256\ness_cert_id_alg={named_by}\n"
            ),
        );
    }

    /// Stamps what is asked for; `other` stamps another thing instead.
    fn reply(folder: &Path, name: &str, query: &[u8]) -> Vec<u8> {
        let file = |end: &str| format!("{name}-{:?}.{end}", std::thread::current().id()).replace(['(', ')'], "");
        fs::write(folder.join(file("tsq")), query).unwrap();
        let (query, answer) = (file("tsq"), file("tsr"));
        openssl(folder, &format!("ts -reply -queryfile {query} -config {name}.tsa -out {answer}"));
        fs::read(folder.join(answer)).unwrap()
    }

    /// A server that answers every question with what `answer` makes of it.
    fn serve(&self, answer: impl Fn(&Path, &[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (folder, asked) = (self.path().to_owned(), Arc::clone(&self.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut length, mut is_query) = (0, false);
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    let line = line.trim().to_lowercase();
                    if line.is_empty() {
                        break;
                    }
                    is_query |= line == "content-type: application/timestamp-query";
                    if let Some(value) = line.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut query = vec![0; length];
                stream.read_exact(&mut query).unwrap();
                assert!(is_query);
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = answer(&folder, &query);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                let stream = stream.get_mut();
                drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer)));
            }
        });
        address
    }

    fn configure(&self, url: &str, ca: Option<&str>) {
        let ca = ca.map(|ca| format!(", ca: {ca}")).unwrap_or_default();
        let text = format!("schema: stanch-config/v1\ntimestamp: {{ url: \"{url}\"{ca} }}\n");
        fs::write(self.path().join("stanch.yaml"), text).unwrap();
    }

    fn stanch(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(STANCH);
        command.args(arguments).arg("--state-dir").arg(self.path().join("state")).current_dir(self.path());
        command.arg("--config").arg(self.path().join("stanch.yaml"));
        command.env_remove("STANCH_CLOUD").env_remove("STANCH_STATE_DIR").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).output().unwrap().into()
    }

    fn run(&self, id: &str) -> Said {
        self.stanch(&["run", "told.yaml", "--run-id", id, "--yes", "--json"]).exit(0)
    }

    fn stamps(&self, run: &str) -> Vec<PathBuf> {
        let folder = self.path().join("state/runs").join(run).join("timestamps");
        fs::read_dir(folder).map_or_else(|_| Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect())
    }
}

#[test]
fn the_head_of_a_run_is_stamped_and_its_stamp_can_be_checked_by_anybody() {
    let Some(office) = Office::open() else { return };
    let address = office.serve(|folder, query| Office::reply(folder, "good", query));
    office.configure(&format!("http://{address}/tsr"), Some("ca.pem"));
    let said = office.run("r");
    assert!(said.stderr.contains("time stamp  ") && said.stderr.contains("CN=good"), "{}", said.stderr);
    let head = said.json()["head"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let stamps = office.stamps("r");
    assert_eq!(stamps.len(), 1);
    let proof = office.stanch(&["verify", "r", "--timestamp", "--json"]).exit(0).json();
    assert_eq!(proof["timestamps"][0]["line"], proof["records"], "{proof}");
    assert_eq!(proof["timestamps"][0]["authority"], "CN=good");
    assert_eq!(proof["does_not_prove"], Value::Array(Vec::new()), "{proof}");
    let told = office.stanch(&["verify", "r", "--timestamp", "--tsa-ca", "ca.pem"]).exit(0);
    assert!(told.stderr.contains("says CN=good"), "{}", told.stderr);
    // Without this program.
    let answer = stamps[0].display();
    openssl(office.path(), &format!("ts -verify -digest {head} -in {answer} -CAfile ca.pem"));
    // A life that adds nothing asks for nothing.
    office.stanch(&["resume", "r"]).exit(0).done();
    assert_eq!((office.asked.load(Ordering::SeqCst), office.stamps("r").len()), (1, 1));
    // An older way to name the certificate.
    let address = office.serve(|folder, query| Office::reply(folder, "web", query));
    office.configure(&format!("http://{address}/"), Some("ca.pem"));
    office.run("older").done();
    office.stanch(&["verify", "older", "--timestamp"]).exit(0).done();
}

#[test]
fn a_stamp_that_is_not_on_the_journal_or_not_of_the_authority_is_refused() {
    let Some(office) = Office::open() else { return };
    let address = office.serve(|folder, query| Office::reply(folder, "good", query));
    office.configure(&format!("http://{address}/tsr"), Some("ca.pem"));
    office.run("r").done();
    office.run("other").done();
    let verify = |told: &str| {
        let said = office.stanch(&["verify", "r", "--timestamp", "--tsa-ca", "ca.pem"]).exit(5);
        assert!(said.stderr.contains(told), "{told}: {}", said.stderr);
    };
    let stranger = office.stanch(&["verify", "r", "--timestamp", "--tsa-ca", "stranger.pem"]).exit(5);
    assert!(stranger.stderr.contains("does not follow from those given"), "{}", stranger.stderr);
    let path = office.stamps("r").remove(0);
    let good = fs::read(&path).unwrap();
    // Of another head.
    fs::copy(office.stamps("other").remove(0), &path).unwrap();
    verify("the journal does not hold the head");
    // Changed anywhere: the stamp, the attributes, the signature, the certificate.
    for place in (30..good.len()).step_by(good.len() / 60) {
        let mut forged = good.clone();
        forged[place] ^= 1;
        fs::write(&path, forged).unwrap();
        let said = office.stanch(&["verify", "r", "--timestamp", "--tsa-ca", "ca.pem", "--json"]);
        // The root lies in it as well, and nothing rests on that copy; neither on what the signature does not cover.
        let is_harmless = said.code == Some(0) && said.json()["timestamps"][0]["line"].is_number();
        assert!(is_harmless || said.code == Some(5), "{place}: {}", said.stderr);
    }
    let reply = |name: &str| {
        let head = path.file_stem().unwrap().to_str().unwrap();
        openssl(office.path(), &format!("ts -query -digest {head} -sha256 -cert -out own.tsq"));
        Office::reply(office.path(), name, &fs::read(office.path().join("own.tsq")).unwrap())
    };
    // By a certificate that had expired when it stamped.
    fs::write(&path, reply("late")).unwrap();
    verify("does not follow from those given");
    for junk in [&b""[..], b"no stamp", &good[..good.len() / 2]] {
        fs::write(&path, junk).unwrap();
        verify("it is not an answer of RFC 3161");
    }
    // The journal is cut off, the stamp shows it.
    fs::write(&path, &good).unwrap();
    let journal = office.path().join("state/runs/r/journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    let end = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(&journal, &whole[..end]).unwrap();
    office.stanch(&["verify", "r"]).exit(0).done();
    verify("the journal does not hold the head");
    // Nobody is believed unasked, and there must be something to believe.
    office.configure(&format!("http://{address}/tsr"), None);
    office.stanch(&["verify", "r", "--timestamp"]).exit(2).done();
    fs::remove_file(&path).unwrap();
    verify("there is no time stamp beside the journal");
}

#[test]
fn an_authority_that_fails_or_lies_stops_nothing_and_is_shown() {
    let Some(office) = Office::open() else { return };
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let junk = office.serve(|_, _| b"no stamp".to_vec());
    let stale = office.serve(|folder, _| {
        let query = folder.join("stale.tsq");
        openssl(folder, &format!("ts -query -digest {} -sha256 -cert -out stale.tsq", "7".repeat(64)));
        Office::reply(folder, "good", &fs::read(query).unwrap())
    });
    let late = office.serve(|folder, query| Office::reply(folder, "late", query));
    for (number, address) in [nobody, junk, stale, late].into_iter().enumerate() {
        office.configure(&format!("http://{address}/"), Some("ca.pem"));
        let run = format!("r{number}");
        let said = office.run(&run);
        assert!(said.stderr.contains("the journal's head got no time stamp"), "{number}: {}", said.stderr);
        assert_eq!(said.json()["status"], "completed", "{number}");
        assert_eq!(office.stamps(&run).len(), 0, "{number}");
    }
    for url in ["http://tsa.example/", "https://user:word@tsa.example/", "tsa"] {
        office.configure(url, None);
        let said = office.stanch(&["run", "told.yaml", "--yes"]).exit(2);
        assert!(said.stderr.contains("timestamp") || said.stderr.contains("encryption"), "{}", said.stderr);
        assert!(!said.stderr.contains("word"), "{}", said.stderr);
    }
}
