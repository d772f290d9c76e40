//! Who has moved, as far as the log can show it: what cannot be seen is waited for, and said.

use crate::stage::Stage;
use serde_json::{Value, json};
use stanch::clock::{self, Timestamp};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const SECRET: &str = "https://kv-drill.vault.azure.net/secrets/orders-key";
const OVERLAP_MS: u64 = 3_000;

/// One that moves, one that is pinned; and whoever is given beside them.
fn scenario(more: &str) -> String {
    format!(
        "
schema: stanch-scenario/v1
name: consumers
summary: One moves, one is pinned to a version
vault: kv-drill
secret: orders-key
secrets:
  - {{ name: orders-key, tags: {{ owner: orders-team }}, versions: [{{ age: 20d }}] }}
consumers:
  - {{ name: orders-api, reads: latest, refresh: 200ms, ip: 10.1.0.4 }}
  - {{ name: reports-batch, reads: pinned, refresh: 100ms, ip: 10.1.2.9 }}
{more}exposure: 1h
"
    )
}

const RUNBOOK: &str = "
schema: stanch/v1
name: adopt
inputs:
  secret: { type: keyvault_secret, required: true }
  overlap: { type: duration, default: 3s }
  severity: { type: string, default: sev1 }
steps:
  - { id: check, uses: keyvault/check, with: { secret: '${{ inputs.secret }}' } }
  - { id: rotate, uses: keyvault/rotate, with: { secret: '${{ inputs.secret }}' } }
  - id: readers
    uses: keyvault/await_readers
    with: { secret: '${{ inputs.secret }}', version: '${{ steps.rotate.outputs.version }}', overlap: '${{ inputs.overlap }}', every: 100ms }
    on_failure: continue
  - id: approve
    uses: human/approve
    if: ${{ inputs.severity != 'sev1' }}
    with: { prompt: go on }
  - { id: revoke, uses: keyvault/revoke, with: { secret: '${{ inputs.secret }}', keep: '${{ steps.rotate.outputs.version }}' } }
  - id: look
    uses: audit/blast_radius
    with: { secret: '${{ inputs.secret }}', since: '${{ before(run.started_at, \"1h\") }}' }
    on_failure: continue
";

/// Consumers that all have read.
async fn set(more: &str) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, scenario(more)).unwrap();
    let stage = Stage::empty(&["--scenario", path.to_str().unwrap()]).await;
    for _ in 0..400 {
        let state = stage.state().await;
        let consumers = state["consumers"].as_array().unwrap().clone();
        if !consumers.is_empty() && consumers.iter().all(|consumer| consumer["reads"].as_u64() > Some(1)) {
            break;
        }
        // One that reads once a day has read once.
        if consumers.len() > 2 && consumers.iter().all(|consumer| consumer["reads"].as_u64() > Some(0)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    std::fs::write(stage.path("adopt.yaml"), RUNBOOK).unwrap();
    stage
}

/// The configuration of the cloud, with another audit source for the vault.
fn with_source(stage: &Stage, source: &Path) -> String {
    let cloud = std::fs::read_to_string(stage.path("cloud").join("stanch.yaml")).unwrap();
    let path = stage.path("with-source.yaml");
    let source = serde_json::Value::from(source.to_str().unwrap());
    std::fs::write(&path, format!("{cloud}vaults:\n  kv-drill: {{ audit: {{ archive: {source} }} }}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(stage: &Stage, config: Option<&str>, more: &[&str]) -> Value {
    let secret = format!("secret={SECRET}");
    let mut arguments = vec!["run", "adopt.yaml", "--run-id", "r", "--yes", "--json", "-i", &secret];
    arguments.extend(config.into_iter().flat_map(|config| ["--config", config]));
    arguments.extend(more);
    let said = stage.stanch(&arguments);
    assert!([Some(0), Some(3)].contains(&said.code), "{}", said.stderr);
    said.json()
}

fn step<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

fn observed(stage: &Stage, name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(stage.journal("r")).unwrap();
    let mut events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    let found = events.rfind(|event| event["type"] == "observed" && event["name"] == name);
    found.map(|event| event["value"].clone())
}

/// When the overlap ended, by the journal.
fn overlap_ends(stage: &Stage) -> Timestamp {
    let text = std::fs::read_to_string(stage.journal("r")).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let timer = records.iter().find(|record| record["event"]["type"] == "timer_set").unwrap();
    timer["event"]["until"].as_str().unwrap().parse().unwrap()
}

/// Whether a consumer failed, and when first.
async fn first_failure(stage: &Stage, name: &str) -> Option<Timestamp> {
    let state = stage.state().await;
    let consumers = state["consumers"].as_array().unwrap().clone();
    let consumer = consumers.iter().find(|consumer| consumer["name"] == name).unwrap();
    consumer["first_failure"].as_str().map(|time| time.parse().unwrap())
}

/// An entry of the log: a read of the old version by somebody.
fn entry(vault: &str, at: Timestamp, version: &str) -> String {
    let host = format!("https://{vault}.vault.azure.net");
    let resource =
        format!("/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{}", vault.to_uppercase());
    let line = json!({
        "time": at.format("%Y-%m-%dT%H:%M:%S%.6f0Z").to_string(),
        "resourceId": resource,
        "operationName": "SecretGet",
        "resultSignature": "OK",
        "callerIpAddress": "10.9.9.9",
        "correlationId": "00000000-0000-4000-8000-000000000000",
        "identity": { "claim": { "oid": "eeeeeeee-0000-4000-8000-000000000005", "appid": "app" } },
        "properties": {
            "id": format!("{host}/secrets/orders-key/{version}"),
            "requestUri": format!("{host}/secrets/orders-key/?api-version=7.4"),
            "httpStatusCode": 200
        }
    });
    format!("{line}\n")
}

/// Puts entries where a vault's diagnostic setting would put them.
fn archived(root: &Path, vault: &str, at: Timestamp, file: &str, bytes: &[u8]) {
    let resource = format!(
        "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{}",
        vault.to_uppercase()
    );
    let hour = at.format("y=%Y/m=%m/d=%d/h=%H/m=00").to_string();
    let folder = root.join("insights-logs-auditevent").join(resource).join(hour);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file), bytes).unwrap();
}

/// Runs it on a log that cannot show who has moved; gives the outputs of the wait, and what was recorded of it.
async fn waited_to_the_end(stage: &Stage, config: Option<&str>) -> (Value, Value) {
    let status = run(stage, config, &[]);
    let readers = step(&status, "readers");
    assert_eq!(readers["status"], "done", "a log that cannot be read is no failure of the wait: {readers}");
    let outputs = readers["outputs"].clone();
    assert!(outputs["waited_ms"].as_u64().unwrap() >= OVERLAP_MS, "{outputs}");
    assert_eq!(outputs["moved"], json!([]), "nobody has moved who was not seen: {outputs}");
    let adoption = observed(stage, "adoption").unwrap();
    assert_eq!(adoption["ended"], "overlap_over", "{adoption}");
    assert_eq!(step(&status, "revoke")["status"], "done");
    assert_eq!(first_failure(stage, "orders-api").await, None);
    let ends = overlap_ends(stage);
    let failed = first_failure(stage, "reports-batch").await;
    assert!(failed.is_none_or(|at| at >= ends), "{failed:?} is before {ends}");
    let shown = stage.stanch(&["status", "r"]).stdout;
    assert!(!shown.contains("nobody else was seen"), "{shown}");
    (outputs, adoption)
}

#[tokio::test]
async fn an_empty_source_shows_nobody_gone() {
    let stage = set("").await;
    let empty = stage.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let config = with_source(&stage, &empty);
    let (outputs, adoption) = waited_to_the_end(&stage, Some(&config)).await;
    assert_eq!((&outputs["evidence"], &adoption["log"]["state"]), (&json!("none"), &json!("empty")));
    assert!(outputs["because"].as_str().unwrap().contains("holds no entry of this vault"), "{outputs}");
    let checked = observed(&stage, "blast_radius_not_known").unwrap();
    assert!(checked["because"].as_str().unwrap().contains("holds no entry of this vault"), "{checked}");
    assert_eq!(observed(&stage, "blast_radius"), None, "an empty log is no answer");
    let shown = stage.stanch(&["status", "r"]).stdout;
    assert!(shown.contains("holds no entry of this vault"), "{shown}");
    let status = stage.stanch(&["status", "r", "--json"]).exit(0).json();
    let look = &step(&status, "look")["outputs"];
    assert_eq!(look["source"], "", "{look}");
    let pinned = step(&status, "check")["outputs"]["pinned_because"].as_str().unwrap().to_owned();
    assert!(pinned.starts_with("not known: "), "{pinned}");
}

#[tokio::test]
async fn a_source_that_cannot_be_opened_shows_nobody_gone() {
    let stage = set("").await;
    let config = with_source(&stage, &stage.path("nowhere"));
    let (outputs, adoption) = waited_to_the_end(&stage, Some(&config)).await;
    assert_eq!((&outputs["evidence"], &adoption["log"]["state"]), (&json!("none"), &json!("unreadable")));
    assert!(outputs["because"].as_str().unwrap().contains("no audit archive at"), "{outputs}");
    let status = stage.stanch(&["status", "r", "--json"]).json();
    assert_eq!(step(&status, "look")["status"], "failed");
    assert!(observed(&stage, "blast_radius_not_known").is_some());
}

#[tokio::test]
async fn a_log_that_is_broken_shows_nobody_gone() {
    let stage = set("").await;
    let now = clock::now();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(entry("kv-drill", now, "0").repeat(50).as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    archived(&stage.path("broken"), "kv-drill", now, "PT1H.json.gz", &whole[..whole.len() / 3]);
    let config = with_source(&stage, &stage.path("broken"));
    let (outputs, adoption) = waited_to_the_end(&stage, Some(&config)).await;
    assert_eq!(adoption["log"]["state"], "unreadable", "{adoption}");
    assert!(outputs["because"].as_str().unwrap().contains("could not be read"), "{outputs}");
}

#[tokio::test]
async fn a_log_of_another_vault_shows_nobody_gone() {
    for loose in [false, true] {
        let stage = set("").await;
        let later = clock::now() + chrono::TimeDelta::seconds(2);
        let root = stage.path("other");
        let lines = entry("kv-other", later, "0");
        if loose {
            std::fs::create_dir(&root).unwrap();
            std::fs::write(root.join("export.json"), lines).unwrap();
        } else {
            archived(&root, "kv-other", later, "PT1H.json", lines.as_bytes());
        }
        let config = with_source(&stage, &root);
        let (outputs, adoption) = waited_to_the_end(&stage, Some(&config)).await;
        assert_eq!((&outputs["evidence"], &adoption["log"]["state"]), (&json!("none"), &json!("empty")), "{adoption}");
    }
}

#[tokio::test]
async fn a_log_that_ends_before_the_rotation_names_its_readers_and_shows_none_of_them_moved() {
    let stage = set("").await;
    let state = stage.state().await;
    let old = state["vaults"]["kv-drill"]["secrets"]["orders-key"][0]["version"].as_str().unwrap().to_owned();
    let earlier = clock::now() - chrono::TimeDelta::minutes(12);
    let orders_api = state["consumers"].as_array().unwrap().iter().find(|one| one["name"] == "orders-api").unwrap();
    let oid = orders_api["oid"].as_str().unwrap();
    let line = entry("kv-drill", earlier, &old).replace("eeeeeeee-0000-4000-8000-000000000005", oid);
    archived(&stage.path("ended"), "kv-drill", earlier, "PT1H.json", line.as_bytes());
    let config = with_source(&stage, &stage.path("ended"));
    let secret = format!("secret={SECRET}");
    let planned = stage.stanch(&["plan", "adopt.yaml", "-i", &secret, "--config", &config]).exit(0).stdout;
    assert!(planned.contains("the log is 12 minutes behind: with an overlap of 3s it may not show who"), "{planned}");
    let (outputs, adoption) = waited_to_the_end(&stage, Some(&config)).await;
    assert_eq!(
        (&outputs["evidence"], &adoption["log"]["state"]),
        (&json!("part"), &json!("ends_before")),
        "{adoption}"
    );
    assert_eq!(outputs["left_behind"][0]["oid"], oid, "{outputs}");
    let because = outputs["because"].as_str().unwrap();
    assert!(because.contains("the audit trail ends at") && because.contains("who has moved is not known"), "{because}");
    assert!(because.contains("readers that read less often than every"), "{because}");
    let shown = stage.stanch(&["status", "r"]).stdout;
    assert!(shown.contains("the audit trail ends at"), "{shown}");
}

#[tokio::test]
async fn no_source_is_said_and_waited_for() {
    let stage = set("").await;
    let mut ready: Value = serde_json::from_str(&std::fs::read_to_string(stage.ready_file()).unwrap()).unwrap();
    ready["archive"] = Value::Null;
    std::fs::write(stage.ready_file(), ready.to_string()).unwrap();
    let config = stage.path("bare.yaml");
    std::fs::write(&config, "schema: stanch-config/v1\nidentity: auto\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    let (outputs, adoption) = waited_to_the_end(&stage, Some(&config)).await;
    assert_eq!((&outputs["evidence"], &adoption["log"]["state"]), (&json!("none"), &json!("no_source")));
    assert_eq!(outputs["because"], "no audit source is configured for `kv-drill`");
}

#[tokio::test]
async fn a_log_past_the_rotation_with_all_moved_ends_the_wait() {
    let stage = set("").await;
    let status = run(&stage, None, &["-i", "overlap=60s"]);
    let outputs = &step(&status, "readers")["outputs"];
    assert_eq!((&outputs["moved"], &outputs["evidence"]), (&json!(["orders-api"]), &json!("audit")), "{outputs}");
    assert!(outputs["waited_ms"].as_u64().unwrap() < 30_000, "{outputs}");
    let adoption = observed(&stage, "adoption").unwrap();
    assert_eq!((&adoption["log"]["state"], &adoption["ended"]), (&json!("reaches"), &json!("all_moved")), "{adoption}");
    assert_eq!(adoption["pinned"][0]["name"], "reports-batch");
    assert_eq!(first_failure(&stage, "orders-api").await, None);
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_log_that_lags_is_looked_at_until_it_has_come_past_the_rotation() {
    let stage = set("").await;
    let (archive, late) = (stage.path("cloud").join("insights-logs-auditevent"), stage.path("late"));
    copied(&archive, &late);
    let config = with_source(&stage, &late);
    let journal = stage.journal("r");
    // The log comes once the readers were looked for in vain, and one of them has read since.
    let comes = std::thread::spawn(move || {
        for _ in 0..2_000 {
            let waits = std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"rotation\""));
            if waits {
                std::thread::sleep(Duration::from_millis(1_500));
                return copied(&archive, &late);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let status = run(&stage, Some(&config), &["-i", "overlap=60s"]);
    comes.join().unwrap();
    let outputs = &step(&status, "readers")["outputs"];
    assert!((1_400..30_000).contains(&outputs["waited_ms"].as_u64().unwrap()), "{outputs}");
    assert_eq!((&outputs["moved"], &outputs["evidence"]), (&json!(["orders-api"]), &json!("audit")), "{outputs}");
}

#[tokio::test]
async fn who_reads_once_a_day_is_not_taken_for_gone() {
    let stage = set("  - { name: night-job, reads: latest, refresh: 24h, ip: 10.1.3.3 }\n").await;
    let status = run(&stage, None, &[]);
    let outputs = &step(&status, "readers")["outputs"];
    assert!(outputs["waited_ms"].as_u64().unwrap() >= OVERLAP_MS, "{outputs}");
    assert_eq!(outputs["left_behind"][0]["name"], "night-job", "{outputs}");
    assert_eq!(outputs["left_behind"][0]["habit"], "once", "{outputs}");
    assert!(outputs["because"].as_str().unwrap().contains("the audit trail was seen until"), "{outputs}");
    assert_eq!(outputs["moved"], json!(["orders-api"]));
}

#[tokio::test]
async fn our_own_requests_of_another_state_directory_are_no_strangers() {
    let stage = set("").await;
    run(&stage, None, &[]);
    std::fs::rename(stage.state_dir(), stage.path("elsewhere")).unwrap();
    let status = run(&stage, None, &[]);
    let look = &step(&status, "look")["outputs"];
    assert_eq!(look["unknown"], 0, "{look}");
    let found = observed(&stage, "blast_radius").unwrap();
    let accesses = found["accesses"].as_array().unwrap();
    let others: Vec<&Value> = accesses.iter().filter(|access| access["name"] == "stanch (another run)").collect();
    assert!(!others.is_empty() && others.iter().all(|access| access["own"] == true), "{accesses:#?}");
    assert!(accesses.iter().any(|access| access["own"] == true && access["runs"] == json!(["r"])), "{accesses:#?}");

    // From a place that knows neither run, and where nobody has signed in, they only claim to be ours.
    std::fs::rename(stage.state_dir(), stage.path("elsewhere-too")).unwrap();
    let archive = stage.path("cloud").join("insights-logs-auditevent");
    let asked =
        ["audit", "--archive", archive.to_str().unwrap(), "--secret", SECRET, "--since", "2026-01-01T00:00:00Z"];
    let found = stage.stanch(&[&asked[..], &["--json"]].concat()).exit(0).json();
    let accesses = found["accesses"].as_array().unwrap();
    let claim: Vec<&Value> = accesses.iter().filter(|access| access["claims_to_be_own"] == true).collect();
    assert!(!claim.is_empty() && claim.iter().all(|access| access["own"] == false), "{accesses:#?}");
    let name = claim[0]["name"].as_str().unwrap();
    assert!(name.starts_with("claims to be stanch (another run)"), "{name}");
    let text = stage.stanch(&asked).exit(0).stdout;
    assert!(text.contains("is not known here"), "{text}");
}

#[tokio::test]
async fn an_exposure_a_little_ahead_of_this_clock_is_looked_into() {
    let stage = set("").await;
    let runbook = RUNBOOK.replace("${{ before(run.started_at, \"1h\") }}", "${{ inputs.since }}");
    let runbook = runbook.replace("  severity:", "  since: { type: timestamp, required: true }\n  severity:");
    std::fs::write(stage.path("adopt.yaml"), runbook).unwrap();
    let ahead = (clock::now() + chrono::TimeDelta::seconds(90)).to_rfc3339();
    let status = run(&stage, None, &["-i", &format!("since={ahead}")]);
    let look = step(&status, "look");
    assert_eq!(look["status"], "done", "{look}");
    assert!(look["outputs"]["because"].as_str().unwrap().contains("ahead of the end"), "{look}");
    assert!(look["outputs"]["reads"].as_u64() > Some(0), "{look}");
}
