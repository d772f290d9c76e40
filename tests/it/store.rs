//! Runs that are kept in a container: another machine goes on with them, and whoever was taken for dead sends nothing more.

use crate::stage::{Said, Stage};
use crate::surroundings::azure;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stanch::azure::{Environment, IdentityChoice, NotWritten, WritableContainer};
use stanch::journal::{BlobRuns, Claimant, Fenced, LockError, Runs};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

pub(crate) const STORE: &str = "https://runs.blob.core.windows.net/stanch/team";

/// A call from one of the machines, each with a folder of its own.
pub(crate) fn on(stage: &Stage, machine: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = stage.command_in(&stage.path(machine), arguments);
    command.env("STANCH_STATE", STORE).env("STANCH_OPERATOR", machine);
    command
}

pub(crate) fn said(mut command: std::process::Command) -> Said {
    command.output().unwrap().into()
}

pub(crate) fn container(stage: &Stage) -> WritableContainer {
    let azure = azure(&stage.ready_file(), IdentityChoice::Auto, Environment::default());
    WritableContainer::open(&Url::parse(STORE).unwrap(), &azure).unwrap()
}

pub(crate) async fn journal(stage: &Stage, run: &str) -> String {
    let name = format!("runs/{run}/journal.jsonl");
    let bytes = container(stage).read(&name, 0, 4 << 20).await.unwrap().unwrap_or_default();
    String::from_utf8(bytes).unwrap()
}

pub(crate) async fn until(stage: &Stage, run: &str, text: &str) {
    let begun = Instant::now();
    while !journal(stage, run).await.contains(text) {
        assert!(begun.elapsed() < Duration::from_secs(60), "`{text}` is never recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// A containment that waits for its readers for so long, with nothing on its way.
pub(crate) fn waiting(stage: &Stage, machine: &str, run: &str, overlap: &str) -> Child {
    let overlap = format!("overlap={overlap}");
    let usual = stage.containment(run).into_iter();
    let arguments: Vec<&str> =
        usual.map(|argument| if argument.starts_with("overlap=") { &overlap } else { argument }).collect();
    on(stage, machine, &arguments).spawn().unwrap()
}

pub(crate) async fn new_versions(stage: &Stage) -> usize {
    let state = stage.state().await;
    state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().len() - 3
}

#[tokio::test]
async fn a_run_in_a_container_is_the_same_run_from_every_machine() {
    let stage = Stage::set().await;
    let ended = said(on(&stage, "ann", &stage.containment("r-1"))).exit(0).json();
    assert_eq!(ended["journal"], format!("{STORE}/runs/r-1/journal.jsonl"));
    assert!(!stage.path("ann").join("runs").exists(), "nothing of it is kept here but its report");
    // What is downloaded is what a file would hold.
    let copy = stage.path("copy.jsonl");
    std::fs::write(&copy, journal(&stage, "r-1").await).unwrap();
    let of_copy = said(on(&stage, "kim", &["verify", &copy.display().to_string()])).exit(0).stdout;
    let of_run = said(on(&stage, "kim", &["verify", "r-1"])).exit(0).stdout;
    assert_eq!((of_run.trim(), of_copy.trim()), (ended["head"].as_str().unwrap(), ended["head"].as_str().unwrap()));
    let status = said(on(&stage, "kim", &["status", "r-1", "--json"])).exit(0).json();
    assert_eq!(status["verdict"], ended["verdict"]);
    for command in ["log", "report", "resume"] {
        said(on(&stage, "kim", &[command, "r-1"])).exit(0).done();
    }
    assert!(said(on(&stage, "kim", &["runs"])).exit(0).stdout.contains("r-1"));
    // It is not here, and the same name is not free there.
    let gone = said(on(&stage, "kim", &["status", "r-1", "--state", "local"])).exit(2).stderr;
    assert!(gone.contains("there is no run `r-1`"), "{gone}");
    let again = said(on(&stage, "kim", &stage.containment("r-1"))).exit(5).stderr;
    assert!(again.contains("exists already"), "{again}");
}

#[tokio::test]
async fn the_configuration_says_where_runs_are_kept_and_carries_no_key_to_it() {
    let stage = Stage::set().await;
    said(on(&stage, "ann", &stage.containment("r-1"))).exit(0).done();
    let asked = |text: &str| {
        std::fs::write(stage.path("own.yaml"), text).unwrap();
        Said::from(stage.command(&["status", "r-1", "--json", "--config", "own.yaml"]).output().unwrap())
    };
    let named = asked(&format!("{{ schema: stanch-config/v1, state: \"{STORE}\" }}\n")).exit(0).json();
    assert_eq!(named["journal"], format!("{STORE}/runs/r-1/journal.jsonl"));
    let wrong = asked(&format!("schema: stanch-config/v1\nstate: {STORE}?sv=1&sig=c2VjcmV0\n")).exit(2).stderr;
    assert!(wrong.contains("signs in by itself") && !wrong.contains("c2VjcmV0"), "{wrong}");
    asked("schema: stanch-config/v1\nstate: http://runs.example/c\n").exit(2).done();
    let here = asked("schema: stanch-config/v1\n").exit(2).stderr;
    assert!(here.contains("there is no run `r-1`"), "{here}");
}

#[tokio::test]
async fn lost_answers_and_refusals_of_the_store_double_nothing() {
    for trouble in [json!({ "drop": "after" }), json!({ "drop": "before" }), json!({ "status": 503 })] {
        let stage = Stage::set().await;
        for (skip, path) in
            [(0, "journal.jsonl$"), (1, "appendblock"), (5, "appendblock"), (11, "appendblock"), (2, "lock")]
        {
            let fault = json!({ "match": { "host": "runs.blob.core.windows.net", "path": path, "method": "PUT" },
                "skip": skip, "times": 2, "do": trouble });
            stage.fault(&fault).await;
        }
        said(on(&stage, "ann", &stage.containment("r-1"))).exit(0).done();
        said(on(&stage, "kim", &["verify", "r-1"])).exit(0).done();
        assert_eq!(new_versions(&stage).await, 1, "{trouble}");
        assert_eq!(journal(&stage, "r-1").await.matches("\"type\":\"run_opened\"").count(), 1, "{trouble}");
    }
}

#[tokio::test]
async fn whoever_is_taken_for_dead_and_wakes_up_stops_and_says_who_goes_on() {
    let stage = Stage::set().await;
    let sleeper = waiting(&stage, "ann", "r-1", "4s");
    until(&stage, "r-1", "\"type\":\"timer_set\"").await;
    signal(&sleeper, Signal::STOP);
    let lives = said(on(&stage, "kim", &["resume", "r-1"])).exit(5).stderr;
    assert!(lives.contains("run `r-1` by ann on ") && lives.contains("--take-over"), "{lives}");
    let take_over = ["resume", "r-1", "--take-over", "--because", "the laptop fell into the sea", "--json"];
    let mut successor = on(&stage, "kim", &take_over).spawn().unwrap();
    until(&stage, "r-1", "\"type\":\"run_resumed\"").await;
    let before = stage.state().await["calls"].as_array().unwrap().len();
    signal(&sleeper, Signal::CONT);
    let woken = Said::from(sleeper.wait_with_output().unwrap()).exit(5);
    assert!(woken.stderr.contains("the run was taken over by kim on "), "{}", woken.stderr);
    assert!(successor.wait().unwrap().success());
    let journal = journal(&stage, "r-1").await;
    let lines: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let resumed = lines.iter().find(|line| line["event"]["type"] == "run_resumed").unwrap();
    assert_eq!(resumed["event"]["took_over"]["operator"], "ann");
    assert_eq!(resumed["event"]["took_over"]["because"], "the laptop fell into the sea");
    said(on(&stage, "ann", &["verify", "r-1"])).exit(0).done();
    assert_eq!(new_versions(&stage).await, 1);
    // Each old version was disabled once, by whoever held the run.
    let state = stage.state().await;
    let calls = state["calls"].as_array().unwrap().iter().skip(before);
    let disabled = calls.filter(|call| call["method"] == "PATCH" && call["status"] == 200).count();
    assert!(disabled <= 3, "{disabled}");
}

#[tokio::test]
async fn a_dead_process_is_known_by_its_lease_and_nobody_has_to_say_so() {
    let stage = Stage::set().await;
    let mut dead = waiting(&stage, "ann", "r-1", "3s");
    until(&stage, "r-1", "\"type\":\"timer_set\"").await;
    dead.kill().unwrap();
    dead.wait().unwrap();
    // Its target is not free because it is dead.
    let refused = said(on(&stage, "kim", &stage.containment("r-2"))).exit(5).stderr;
    assert!(refused.contains("run `r-1` by ann") || refused.contains("`r-1`"), "{refused}");
    let begun = Instant::now();
    loop {
        let resumed = said(on(&stage, "kim", &["resume", "r-1", "--json"]));
        match resumed.code {
            Some(0) => break,
            code => assert_eq!(code, Some(5), "{}", resumed.stderr),
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "its lease does not end: {}", resumed.stderr);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    said(on(&stage, "kim", &["verify", "r-1"])).exit(0).done();
    assert_eq!(new_versions(&stage).await, 1);
}

#[tokio::test]
async fn an_answer_reaches_the_machine_that_works_on_the_run() {
    let stage = Stage::set().await;
    // The branch at work keeps the process alive, which then is the one that takes the answers.
    let runbook = r"
schema: stanch/v1
name: two
summary: two at once
steps:
  - { id: ask, uses: human/approve, needs: [], with: { prompt: 'go on?' } }
  - { id: busy, uses: wait, needs: [], with: { for: 8s } }
";
    std::fs::write(stage.path("two.yaml"), runbook).unwrap();
    let worker = on(&stage, "ann", &["run", "two.yaml", "--run-id", "r-1", "--yes", "--json"]).spawn().unwrap();
    until(&stage, "r-1", "\"type\":\"gate_opened\"").await;
    let answered = said(on(&stage, "kim", &["approve", "r-1", "ask", "--by", "kim"])).exit(0).stderr;
    assert!(answered.contains("answer recorded; run"), "{answered}");
    Said::from(worker.wait_with_output().unwrap()).exit(0).done();
    let log = said(on(&stage, "kim", &["log", "r-1"])).exit(0).stdout;
    assert!(log.contains("kim"), "{log}");
}

#[tokio::test]
async fn a_store_that_lets_nobody_in_says_which_role_is_missing_and_nothing_is_begun() {
    let stage = Stage::set().await;
    let host = json!({ "host": "runs.blob.core.windows.net" });
    stage.fault(&json!({ "match": host, "do": { "status": 403 } })).await;
    let refused = said(on(&stage, "ann", &stage.containment("r-1"))).exit(1).stderr;
    assert!(refused.contains("`Storage Blob Data Contributor` on the container"), "{refused}");
    assert!(refused.contains("nothing was changed"), "{refused}");
    for command in [["status", "r-1"], ["resume", "r-1"]] {
        let refused = said(on(&stage, "ann", &command)).stderr;
        assert!(refused.contains("Storage Blob Data Contributor"), "{refused}");
    }
    assert_eq!(new_versions(&stage).await, 0);
    let refused = said(on(&stage, "ann", &stage.containment("r-1"))).stderr;
    assert!(refused.contains("`--state local` begins it on this machine"), "{refused}");
    // Told to, it goes on here.
    let mut here = stage.containment("r-1");
    here.extend(["--state", "local"]);
    said(on(&stage, "ann", &here)).exit(0).done();
    assert!(stage.path("ann").join("runs/r-1/journal.jsonl").exists());
}

#[tokio::test]
async fn a_store_that_goes_away_stops_the_run_before_anything_more_is_sent() {
    let stage = Stage::set().await;
    let host = json!({ "host": "runs.blob.core.windows.net", "path": "appendblock" });
    stage.fault(&json!({ "match": host, "skip": 12, "do": { "status": 403 } })).await;
    let stopped = said(on(&stage, "ann", &stage.containment("r-1"))).exit(1).stderr;
    assert!(
        stopped.contains("nothing was sent after the last line") && stopped.contains("stanch resume r-1"),
        "{stopped}"
    );
    let before = stage.state().await["vaults"].clone();
    stage.clear_faults().await;
    let journal = journal(&stage, "r-1").await;
    let sent = journal.matches("\"effect\":\"publish\"").count();
    assert_eq!(before["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().len() - 3, usize::from(sent > 0));
    let begun = Instant::now();
    while said(on(&stage, "kim", &["resume", "r-1", "--json"])).code != Some(0) {
        assert!(begun.elapsed() < Duration::from_secs(100), "it cannot be gone on with");
    }
    assert_eq!(new_versions(&stage).await, 1);
}

#[tokio::test]
async fn a_store_that_is_slow_or_away_for_a_while_is_waited_for_and_that_is_said() {
    let stage = Stage::set().await;
    for (skip, times, trouble) in [
        (8, 5, json!({ "status": 503 })),
        (20, 2, json!({ "status": 507 })),
        (26, 1, json!({ "delay_ms": 3000 })),
        (30, 4, json!({ "drop": "before" })),
    ] {
        let host = json!({ "host": "runs.blob.core.windows.net", "path": "appendblock" });
        stage.fault(&json!({ "match": host, "skip": skip, "times": times, "do": trouble })).await;
    }
    let ended = said(on(&stage, "ann", &stage.containment("r-1"))).exit(0);
    assert!(ended.stderr.contains("asked again for up to 60 s, and nothing is sent meanwhile"), "{}", ended.stderr);
    said(on(&stage, "kim", &["verify", "r-1"])).exit(0).done();
    assert_eq!(new_versions(&stage).await, 1);
}

#[tokio::test]
async fn a_store_that_takes_nothing_more_ends_the_run_in_bounded_time_and_nothing_goes_on_elsewhere() {
    let beyond = if std::env::var_os("STANCH_HEAVY").is_some() {
        vec![json!({ "status": 503 }), json!({ "status": 507 }), json!({ "delay_ms": 30000 })]
    } else {
        // As good as for ever.
        vec![json!({ "retry_after_s": 3600 })]
    };
    for trouble in beyond {
        let stage = Stage::set().await;
        let host = json!({ "host": "runs.blob.core.windows.net" });
        stage.fault(&json!({ "match": host, "skip": 60, "do": trouble })).await;
        let begun = Instant::now();
        let stopped = said(on(&stage, "ann", &stage.containment("r-1"))).exit(1).stderr;
        assert!(begun.elapsed() < Duration::from_secs(110), "{trouble}: {:?}", begun.elapsed());
        for told in ["the journal cannot be written", "nothing was sent after the last line", "stanch resume r-1"] {
            assert!(stopped.contains(told), "{trouble}: {stopped}");
        }
        assert!(!stage.path("ann").join("runs").exists(), "{trouble}: it is not gone on with here");
        let refused = said(on(&stage, "ann", &["resume", "r-1", "--state", "local"])).exit(2).stderr;
        assert!(refused.contains("there is no run `r-1`"), "{refused}");
        stage.clear_faults().await;
        said(on(&stage, "kim", &["verify", "r-1"])).exit(0).done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_lines_are_not_the_last_is_fenced() {
    let stage = Stage::set().await;
    let (first, second) = (runs(&stage), runs(&stage));
    let journal = |runs: &Runs| runs.folder("r-1").unwrap();
    let claimant = |takes_over| Claimant { operator: "ann".to_owned(), host: "here".to_owned(), takes_over };
    let name = journal(&first).reserve(&claimant(false)).unwrap();
    let mut sleeper = journal(&first).create("runbook", None, std::iter::empty()).unwrap();
    sleeper.append(b"{\"a\":1}\n").unwrap();
    // From the moment that another machine holds the run, not even a line that would fit is taken.
    let taken = journal(&second).lock(&claimant(true)).unwrap();
    let error = sleeper.append(b"{\"c\":3}\n").unwrap_err();
    assert!(Fenced::is(&error), "{error}");
    let mut successor = journal(&second).open_journal().unwrap();
    successor.append(b"{\"b\":2}\n").unwrap();
    // Nor is one when nobody holds it any more.
    drop((successor, taken));
    let error = sleeper.append(b"{\"c\":3}\n").unwrap_err();
    assert!(Fenced::is(&error), "{error}");
    drop((sleeper, name));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut journal(&first).lines().unwrap(), &mut text).unwrap();
    assert_eq!(text, "{\"a\":1}\n{\"b\":2}\n");
    // One machine holds the run; the other is told, and may say that it takes it.
    let lock = journal(&first).lock(&claimant(false)).unwrap();
    assert!(matches!(journal(&second).lock(&claimant(false)), Err(LockError::Held(_))));
    let taken = journal(&second).lock(&claimant(true)).unwrap();
    assert!(taken.is_from_the_living());
    drop((lock, taken));
    drop(journal(&first).lock(&claimant(false)).unwrap());
}

fn runs(stage: &Stage) -> Runs {
    Runs::kept_in(Arc::new(BlobRuns::new(container(stage), stage.path("here")).unwrap()))
}

#[tokio::test]
async fn what_is_written_once_is_written_once() {
    let stage = Stage::set().await;
    let container = container(&stage);
    container.create("pin", b"one").await.unwrap();
    assert_eq!(container.create("pin", b"two").await, Err(NotWritten::Conflict));
    assert_eq!(container.read("pin", 0, 10).await.unwrap(), Some(b"one".to_vec()));
    assert_eq!(container.read("pin", 3, 10).await.unwrap(), Some(Vec::new()), "there is nothing behind its end");
    assert_eq!(container.read("none", 0, 10).await.unwrap(), None);
    container.create_appendable("lines").await.unwrap();
    container.append("lines", 0, b"a\n", None).await.unwrap();
    assert_eq!(container.append("lines", 0, b"b\n", None).await, Err(NotWritten::Conflict));
    let listed = container.list("").await.unwrap();
    let listed: Vec<(&str, u64)> = listed.iter().map(|(name, head)| (name.as_str(), head.length)).collect();
    assert_eq!(listed, [("lines", 2), ("pin", 3)]);
}

/// Time-based immutability with protected appends: nothing is overwritten or deleted, by anybody.
#[tokio::test]
async fn a_container_that_keeps_all_that_is_written_takes_whole_runs() {
    let stage = Stage::set().await;
    stage.control_post("retained", &json!({ "container": "runs/stanch" })).await;
    // The rule is there: no blob that stands is written anew, and no other than an append blob gets longer.
    let container = container(&stage);
    container.create("pin", b"one").await.unwrap();
    assert_eq!(container.create("pin", b"two").await, Err(NotWritten::Conflict));
    let refused = container.append("pin", 3, b"two", None).await.unwrap_err();
    assert!(format!("{refused:?}").contains("may not be changed"), "{refused:?}");
    assert_eq!(container.read("pin", 0, 10).await.unwrap(), Some(b"one".to_vec()));
    // A run, its gate, an answer from elsewhere, a death, a taking over, an upload, and another run on the same secret.
    let mut gated = stage.containment("r-1");
    gated.extend(["-i", "severity=sev2"]);
    said(on(&stage, "ann", &gated)).exit(4).done();
    said(on(&stage, "kim", &["approve", "r-1", "approve", "--by", "kim"])).exit(0).done();
    said(on(&stage, "kim", &["resume", "r-1", "--json"])).exit(0).done();
    let mut dead = waiting(&stage, "ann", "r-2", "3s");
    until(&stage, "r-2", "\"type\":\"timer_set\"").await;
    dead.kill().unwrap();
    dead.wait().unwrap();
    let take_over = ["resume", "r-2", "--take-over", "--because", "it died", "--json"];
    said(on(&stage, "kim", &take_over)).exit(0).done();
    let mut here = stage.containment("r-3");
    here.extend(["--state", "local"]);
    said(on(&stage, "ann", &here)).exit(0).done();
    said(on(&stage, "ann", &["upload", "r-3"])).exit(0).done();
    for run in ["r-1", "r-2", "r-3"] {
        said(on(&stage, "kim", &["verify", run])).exit(0).done();
    }
    assert_eq!(new_versions(&stage).await, 3);
    let state = stage.state().await;
    let to_store = |call: &&Value| call["host"] == "runs.blob.core.windows.net";
    let calls: Vec<&Value> = state["calls"].as_array().unwrap().iter().filter(to_store).collect();
    assert!(calls.len() > 100 && calls.iter().all(|call| call["method"] != "DELETE"), "{}", calls.len());
}

/// A token of a storage account's opens any other one: it goes to Azure's hosts alone, whoever wrote the address.
#[tokio::test]
async fn no_token_goes_to_a_host_that_is_not_azures() {
    let stage = Stage::empty(&[]).await;
    for host in [
        "evil.example",
        "runs.blob.core.windows.net.evil.example",
        "blob.core.windows.net",
        "runs-blob.core.windows.net",
        "runs.blob.core.windows.net:8443@evil.example",
        "127.0.0.1",
    ] {
        let store = format!("https://{host}/stanch");
        let refused = stage.stanch(&["runs", "--state", &store]).exit(2).stderr;
        assert!(refused.contains("storage account") || refused.contains("no place"), "{host}: {refused}");
        let url = "https://kv-drill.vault.azure.net/secrets/orders-db";
        let arguments = ["audit", "--archive", &store, "--secret", url, "--since", "2026-11-20T00:00:00Z"];
        let refused = stage.stanch(&arguments).exit(2).stderr;
        assert!(refused.contains("gets no token") || refused.contains("more than an address"), "{host}: {refused}");
    }
    std::fs::write(stage.path("mine.yaml"), "state: https://evil.example/stanch\n").unwrap();
    let refused = stage.stanch(&["runs", "--config", "mine.yaml"]).exit(2).stderr;
    assert!(refused.contains("gets no token"), "{refused}");
}

#[tokio::test]
async fn a_run_of_this_machine_keeps_one_at_the_store_from_its_target() {
    let stage = Stage::set().await;
    let mut here = stage.containment("r-here");
    here.extend(["-i", "severity=sev2", "--state", "local"]);
    said(on(&stage, "ann", &here)).exit(4).done();
    let refused = said(on(&stage, "ann", &stage.containment("r-there"))).exit(5).stderr;
    for told in [
        "a run of this machine holds https://kv-drill.vault.azure.net/secrets/orders-db",
        "the run `r-here` holds it",
        "`stanch resume r-here --state local",
        "`stanch upload r-here",
    ] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    let mut plan = stage.containment("r-there");
    (plan[0], plan[2], plan[3]) = ("plan", "-i", "overlap=1s");
    plan.retain(|argument| *argument != "--yes" && *argument != "--json");
    let plan = said(on(&stage, "ann", &plan)).stderr;
    assert!(plan.contains("it would be refused now: a run of this machine holds"), "{plan}");
    // The store does not know, so another machine is not kept from it; once it is there, the store says so itself.
    said(on(&stage, "ann", &["upload", "r-here"])).exit(0).done();
    for machine in ["ann", "kim"] {
        let refused = said(on(&stage, machine, &stage.containment("r-there"))).exit(5).stderr;
        assert!(refused.contains("another run holds") && refused.contains("stanch resume r-here"), "{refused}");
    }
    // Whoever goes by the folder although a store is named is told what is not looked at.
    std::fs::write(stage.path("own.yaml"), format!("{{ schema: stanch-config/v1, state: \"{STORE}\" }}\n")).unwrap();
    let mut here = stage.containment("r-alone");
    here.extend(["--state", "local", "--config", "own.yaml"]);
    let mut command = stage.command_in(&stage.path("sue"), &here);
    let told = Said::from(command.output().unwrap()).stderr;
    assert!(told.contains("is not looked at: this run is kept on this machine"), "{told}");
}

#[tokio::test]
async fn a_journal_that_was_emptied_is_damage_and_no_run_that_never_began() {
    let stage = Stage::set().await;
    let store = container(&stage);
    let (pin, journal) =
        (|run: &str| format!("runs/{run}/runbook.yaml"), |run: &str| format!("runs/{run}/journal.jsonl"));
    store.create_appendable(&journal("r-unbegun")).await.unwrap();
    store.create(&pin("r-unbegun"), b"schema: stanch/v1\n").await.unwrap();
    store.create(&pin("r-emptied"), b"schema: stanch/v1\n").await.unwrap();
    let written = store.head(&pin("r-emptied")).await.unwrap().unwrap().written_at.unwrap();
    let begun = Instant::now();
    // The service tells times in whole seconds.
    while chrono::Utc::now().timestamp() <= written {
        assert!(begun.elapsed() < Duration::from_secs(10), "the clock stands");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.create_appendable(&journal("r-emptied")).await.unwrap();
    let unbegun = said(on(&stage, "kim", &["status", "r-unbegun"])).exit(5).stderr;
    assert!(unbegun.contains("never began"), "{unbegun}");
    let emptied = said(on(&stage, "kim", &["status", "r-emptied"])).exit(5).stderr;
    assert!(!emptied.contains("never began") && emptied.contains("damaged"), "{emptied}");
    let runs = said(on(&stage, "kim", &["runs"])).exit(0).stdout;
    assert!(runs.contains("r-emptied") && !runs.contains("r-unbegun"), "{runs}");
}
