//! Fragments: pinned with the run byte for byte, and gone on with only as they were pinned.

use crate::stage::Stage;
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;

const RUNBOOK: &str = "schema: stanch/v1\nname: shared\nsteps:\n  - { id: first, uses: wait, with: { for: 10ms } }\n  - \
                       include: parts/ask.yaml\n  - id: last\n    uses: wait\n    with: { for: 10ms }\n    if: ${{ \
                       steps.ask.outputs.answer == \"approved\" }}\n";
const ASK: &str = "schema: stanch-fragment/v1\nsteps:\n  - include: ../more/pause.yaml\n  - id: ask\n    uses: \
                   human/approve\n    with: { prompt: \"Go on?\" }\n";
const PAUSE: &str = "schema: stanch-fragment/v1\nsteps:\n  - { id: pause, uses: wait, with: { for: 10ms } }\n";

fn write(stage: &Stage) -> String {
    for (name, text) in [("shared.yaml", RUNBOOK), ("parts/ask.yaml", ASK), ("more/pause.yaml", PAUSE)] {
        let path = stage.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    stage.path("shared.yaml").to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_pins_its_fragments_and_needs_no_other_copy() {
    let stage = Stage::empty(&[]).await;
    let runbook = write(&stage);
    let status = stage.stanch(&["run", &runbook, "--run-id", "r-shared", "--yes", "--json"]).exit(4).json();
    let ids: Vec<&str> = status["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["first", "pause", "ask", "last"]);

    let opened = std::fs::read_to_string(stage.journal("r-shared")).unwrap();
    let opened: serde_json::Value = serde_json::from_str(opened.lines().next().unwrap()).unwrap();
    let run = stage.state_dir().join("runs/r-shared");
    for (path, text) in [("parts/ask.yaml", ASK), ("more/pause.yaml", PAUSE)] {
        let sha256 = hex::encode(Sha256::digest(text));
        assert_eq!(opened["event"]["fragments"][path], sha256.as_str());
        let pinned = run.join("fragments").join(format!("{sha256}.yaml"));
        assert_eq!(std::fs::read_to_string(&pinned).unwrap(), text);
        assert_eq!(std::fs::metadata(&pinned).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::metadata(run.join("fragments")).unwrap().permissions().mode() & 0o777, 0o700);

    // The originals may change or go: the run goes on with what it pinned.
    std::fs::remove_dir_all(stage.path("parts")).unwrap();
    std::fs::write(stage.path("more/pause.yaml"), "nonsense").unwrap();
    stage.stanch(&["approve", "r-shared", "ask", "--by", "alice"]).exit(0).done();
    let status = stage.stanch(&["resume", "r-shared", "--json"]).exit(0).json();
    assert_eq!(status["status"], "completed");
}

#[tokio::test]
async fn a_changed_or_missing_pinned_fragment_is_refused() {
    let stage = Stage::empty(&[]).await;
    let runbook = write(&stage);
    stage.stanch(&["run", &runbook, "--run-id", "r-changed", "--yes"]).exit(4).done();
    let sha256 = hex::encode(Sha256::digest(PAUSE));
    let pinned = stage.state_dir().join("runs/r-changed/fragments").join(format!("{sha256}.yaml"));
    std::fs::write(&pinned, PAUSE.replace("10ms", "20ms")).unwrap();
    let said = stage.stanch(&["resume", "r-changed"]).exit(5);
    assert!(said.stderr.contains("the pinned fragment `more/pause.yaml` was changed"), "{}", said.stderr);
    assert!(said.stderr.contains("help:"), "{}", said.stderr);
    std::fs::remove_file(&pinned).unwrap();
    let said = stage.stanch(&["resume", "r-changed"]).exit(5);
    assert!(said.stderr.contains("the pinned fragment `more/pause.yaml` cannot be read"), "{}", said.stderr);
}

#[test]
fn what_people_agree_to_covers_the_fragments() {
    use stanch::plan::Plan;
    use stanch::runbook::RunbookSource;
    use std::collections::BTreeMap;
    let digest = |pause: &str| {
        let library = BTreeMap::from([
            ("parts/ask.yaml".to_owned(), ASK.to_owned()),
            ("more/pause.yaml".to_owned(), pause.to_owned()),
        ]);
        let source = RunbookSource { name: "shared.yaml", text: RUNBOOK, library: &library };
        Plan::new(&source, &serde_json::Map::new(), &stanch::actions::catalogue()).unwrap().digest()
    };
    assert_eq!(digest(PAUSE), digest(PAUSE));
    assert_ne!(digest(PAUSE), digest(&PAUSE.replace("10ms", "20ms")));
}
