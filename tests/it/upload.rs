//! Runs of one machine that are brought to the store: the same bytes, once, and one place where they go on.

use crate::stage::Stage;
use crate::store::{STORE, container, journal, new_versions, on, said};
use serde_json::json;
use std::fs::{read, read_to_string};

/// A run on a machine of its own that waits at its gate.
fn at_its_gate(stage: &Stage, run: &str) {
    let mut arguments = stage.containment(run);
    arguments.extend(["-i", "severity=sev2", "--state", "local"]);
    said(on(stage, "ann", &arguments)).exit(4).done();
}

fn here(stage: &Stage, arguments: &[&str]) -> crate::stage::Said {
    said(on(stage, "ann", &[arguments, &["--state", "local"]].concat()))
}

#[tokio::test]
async fn a_run_that_was_uploaded_goes_on_at_the_store_alone() {
    let stage = Stage::set().await;
    at_its_gate(&stage, "r-1");
    let uploaded = said(on(&stage, "ann", &["upload", "r-1", "--json"])).exit(0).json();
    assert_eq!(uploaded["journal"], format!("{STORE}/runs/r-1/journal.jsonl"));
    assert_eq!(
        journal(&stage, "r-1").await.as_bytes(),
        read(stage.path("ann").join("runs/r-1/journal.jsonl")).unwrap()
    );
    let verified = |machine: &str, store: &str| {
        said(on(&stage, machine, &["verify", "r-1", "--state", store])).exit(0).stdout.trim().to_owned()
    };
    assert_eq!(verified("ann", "local"), uploaded["head"]);
    assert_eq!(verified("kim", STORE), uploaded["head"]);
    // The copy is no fork.
    let refused: [&[&str]; 6] = [
        &["resume", "r-1"],
        &["resume", "r-1", "--take-over", "--because", "x"],
        &["approve", "r-1", "approve", "--by", "kim"],
        &["reject", "r-1", "approve", "--by", "kim"],
        &["settle", "r-1", "rotate", "--as", "done", "--because", "x"],
        &["abandon", "r-1", "--because", "x"],
    ];
    for arguments in refused {
        let refused = here(&stage, arguments).exit(5).stderr;
        assert!(refused.contains(&format!("stanch resume r-1 --state {STORE}")), "{arguments:?}: {refused}");
    }
    assert!(here(&stage, &["status", "r-1"]).exit(0).stderr.contains("this is a copy"));
    assert!(here(&stage, &["runs"]).exit(0).stdout.contains("goes on at"));
    // Its target is kept from others, there and here.
    let other = said(on(&stage, "kim", &stage.containment("r-2"))).exit(5).stderr;
    assert!(other.contains("stanch resume r-1"), "{other}");
    let other = here(&stage, &stage.containment("r-2")).exit(5).stderr;
    assert!(other.contains(&format!("stanch status r-1 --state {STORE}")), "{other}");
    // Once more changes nothing.
    let again = said(on(&stage, "ann", &["upload", "r-1", "--json"])).exit(0).json();
    assert_eq!((&again["head"], &again["was_there"]), (&uploaded["head"], &json!(true)));
    said(on(&stage, "kim", &["approve", "r-1", "approve", "--by", "kim"])).exit(0).done();
    said(on(&stage, "kim", &["resume", "r-1", "--json"])).exit(0).done();
    assert_eq!(new_versions(&stage).await, 1);
    // The copy gets what was written there, and its target is free.
    said(on(&stage, "ann", &["upload", "r-1"])).exit(0).done();
    assert_eq!(verified("ann", "local"), verified("kim", STORE));
    here(&stage, &["resume", "r-1"]).exit(5).done();
    here(&stage, &stage.containment("r-2")).exit(0).done();
}

#[tokio::test]
async fn what_belongs_to_the_run_is_uploaded_with_it() {
    let stage = Stage::set().await;
    at_its_gate(&stage, "r-1");
    let folder = stage.path("ann").join("runs/r-1");
    std::fs::create_dir(folder.join("timestamps")).unwrap();
    std::fs::write(folder.join("timestamps/ab.tsr"), "a stamp").unwrap();
    said(on(&stage, "ann", &["upload", "r-1"])).exit(0).done();
    let names = container(&stage).list("runs/r-1/").await.unwrap();
    let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
    for name in ["runbook.yaml", "stanch.yaml", "timestamps/ab.tsr"] {
        assert!(names.contains(&format!("runs/r-1/{name}")), "{names:?}");
        let there = container(&stage).read(&format!("runs/r-1/{name}"), 0, 1 << 20).await.unwrap();
        assert_eq!(there, Some(read(folder.join(name)).unwrap()));
    }
    assert!(!names.iter().any(|name| name.contains("report")), "{names:?}");
}

#[tokio::test]
async fn an_upload_that_breaks_off_goes_on_and_half_a_run_is_gone_on_with_nowhere() {
    let stage = Stage::set().await;
    at_its_gate(&stage, "r-1");
    let path = stage.path("ann").join("runs/r-1/journal.jsonl");
    let whole = read_to_string(&path).unwrap();
    let fault = json!({ "match": { "host": "runs.blob.core.windows.net", "path": "journal.jsonl.*appendblock" },
        "do": { "status": 403 } });
    stage.fault(&fault).await;
    let broken = said(on(&stage, "ann", &["upload", "r-1"])).exit(1).stderr;
    assert!(broken.contains("broke off") && broken.contains("stanch upload r-1"), "{broken}");
    stage.clear_faults().await;
    let begun: String = whole.split_inclusive('\n').take(5).collect();
    container(&stage).append("runs/r-1/journal.jsonl", 0, begun.as_bytes(), None).await.unwrap();
    here(&stage, &["resume", "r-1"]).exit(5).done();
    for arguments in [["resume", "r-1"].as_slice(), &["abandon", "r-1", "--because", "x"]] {
        let half = said(on(&stage, "kim", arguments)).exit(5).stderr;
        assert!(half.contains("is not whole here") && half.contains("stanch upload r-1"), "{half}");
    }
    said(on(&stage, "ann", &["upload", "r-1"])).exit(0).done();
    assert_eq!(journal(&stage, "r-1").await, whole);
    said(on(&stage, "kim", &["resume", "r-1", "--json"])).exit(4).done();
}

#[tokio::test]
async fn a_half_uploaded_run_whose_machine_is_lost_is_given_up() {
    let stage = Stage::set().await;
    at_its_gate(&stage, "r-1");
    let fault = json!({ "match": { "host": "runs.blob.core.windows.net", "path": "journal.jsonl.*appendblock" },
        "do": { "status": 403 } });
    stage.fault(&fault).await;
    said(on(&stage, "ann", &["upload", "r-1"])).exit(1).done();
    stage.clear_faults().await;
    let whole = read_to_string(stage.path("ann").join("runs/r-1/journal.jsonl")).unwrap();
    let begun: String = whole.split_inclusive('\n').take(5).collect();
    container(&stage).append("runs/r-1/journal.jsonl", 0, begun.as_bytes(), None).await.unwrap();
    said(on(&stage, "kim", &["abandon", "r-1", "--take-over", "--because", "it burned"])).exit(0).done();
    let differs = said(on(&stage, "ann", &["upload", "r-1"])).exit(5).stderr;
    assert!(differs.contains("with other lines") && differs.contains("at line 6"), "{differs}");
}

#[tokio::test]
async fn a_run_that_stands_there_with_other_lines_is_left_as_it_is() {
    let stage = Stage::set().await;
    at_its_gate(&stage, "r-1");
    let container = container(&stage);
    container.create_appendable("runs/r-1/journal.jsonl").await.unwrap();
    container.append("runs/r-1/journal.jsonl", 0, b"{\"another\":1}\n", None).await.unwrap();
    let refused = said(on(&stage, "ann", &["upload", "r-1"])).exit(5).stderr;
    assert!(refused.contains("the store has a run `r-1` with other lines"), "{refused}");
    assert_eq!(journal(&stage, "r-1").await, "{\"another\":1}\n");
    // It is not marked: it goes on here.
    here(&stage, &["resume", "r-1", "--json"]).exit(4).done();
}

#[tokio::test]
async fn a_run_at_work_and_one_that_is_not_there_are_not_uploaded() {
    let stage = Stage::set().await;
    let runbook =
        "{ schema: stanch/v1, name: busy, summary: busy, steps: [{ id: busy, uses: wait, with: { for: 30s } }] }";
    std::fs::write(stage.path("busy.yaml"), runbook).unwrap();
    let arguments = ["run", "busy.yaml", "--run-id", "r-1", "--yes", "--state", "local"];
    let mut worker = on(&stage, "ann", &arguments).spawn().unwrap();
    let path = stage.path("ann").join("runs/r-1/journal.jsonl");
    let begun = std::time::Instant::now();
    while !read_to_string(&path).is_ok_and(|text| text.contains("timer_set")) {
        assert!(begun.elapsed().as_secs() < 60, "it does not begin");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let held = said(on(&stage, "ann", &["upload", "r-1"])).exit(5).stderr;
    assert!(held.contains("being worked on by another process"), "{held}");
    worker.kill().unwrap();
    worker.wait().unwrap();
    said(on(&stage, "ann", &["upload", "r-9"])).exit(2).done();
    let nowhere = here(&stage, &["upload", "r-1"]).exit(2).stderr;
    assert!(nowhere.contains("--state https://"), "{nowhere}");
    // What a dead process tore goes nowhere.
    let mut torn = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut torn, b"{\"v\":1,\"se").unwrap();
    said(on(&stage, "ann", &["upload", "r-1"])).exit(0).done();
    let there = journal(&stage, "r-1").await;
    assert!(there.lines().last().unwrap().contains("tail_cut"), "{there}");
    assert_eq!(there, read_to_string(&path).unwrap());
}

#[tokio::test]
async fn lost_answers_double_nothing_of_an_upload() {
    for trouble in [json!({ "drop": "after" }), json!({ "status": 503 })] {
        let stage = Stage::set().await;
        at_its_gate(&stage, "r-1");
        for skip in 0..6 {
            let fault = json!({ "match": { "host": "runs.blob.core.windows.net", "method": "PUT" },
                "skip": 2 * skip, "times": 1, "do": trouble });
            stage.fault(&fault).await;
        }
        said(on(&stage, "ann", &["upload", "r-1"])).exit(0).done();
        let whole = read_to_string(stage.path("ann").join("runs/r-1/journal.jsonl")).unwrap();
        assert_eq!(journal(&stage, "r-1").await, whole, "{trouble}");
    }
}
