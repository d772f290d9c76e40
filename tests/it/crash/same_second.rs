//! Versions of one second: times of a vault have whole seconds, and nothing older may stay enabled for that.

use super::{Death, Ended, Setting, Trouble, Which, World, alone};
use serde_json::{Value, json};
use stanch::engine::event::RunStatus;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const RUNBOOK: &str = r#"
schema: stanch/v1
name: same-second
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - { id: rotate, uses: keyvault/rotate, with: { secret: "${{ inputs.secret }}" } }
  - { id: tell, uses: notify/webhook, with: { title: "rotated" } }
  - id: revoke
    uses: keyvault/disable_old
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
  - id: prove
    uses: keyvault/prove_revoked
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

/// How many seconds are tried until both versions come into one.
const TRIES: usize = 100;

async fn versions(world: &World) -> Vec<Value> {
    world.surroundings.state().await["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().clone()
}

async fn put_in(world: &World, value: &str) -> String {
    let seeded = world.surroundings.control("PUT", "secrets/kv-drill/orders-db", &json!({ "value": value })).await;
    seeded["version"].as_str().unwrap().to_owned()
}

/// A world whose leaked version is of the second of the one that replaced it; the run was cut off behind the rotation.
async fn one_second() -> (World, String, String) {
    for _ in 0..TRIES {
        let world = World::new(&Setting::of("same-second", RUNBOOK)).await;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        tokio::time::sleep(Duration::from_nanos(1_000_000_000 - u64::from(since.subsec_nanos()))).await;
        let leaked = put_in(&world, "leaked").await;
        let behind = Which::Kind("POST /stanch".to_owned(), 0);
        assert_eq!(world.trouble(behind, Trouble::DiesBefore).await, Ended::Died);
        let rotated = world.journal().state().step("rotate").outputs["version"].as_str().unwrap().to_owned();
        let versions = versions(&world).await;
        let created = |id: &str| versions.iter().find(|version| version["version"] == id).unwrap()["created"].clone();
        if created(&leaked) == created(&rotated) {
            return (world, leaked, rotated);
        }
    }
    panic!("no two versions came into one second");
}

#[test]
fn an_older_version_of_the_same_second_is_disabled_whatever_somebody_else_put_in_meanwhile() {
    for meddled in [false, true] {
        alone(async {
            let (world, leaked, rotated) = one_second().await;
            let theirs = if meddled { put_in(&world, "somebody else's").await } else { rotated.clone() };
            assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed));
            for version in versions(&world).await {
                let id = version["version"].as_str().unwrap();
                let stays = id == rotated || id == theirs;
                assert_eq!(version["enabled"], stays, "{meddled}: {leaked} leaked, {rotated} replaced it: {version}");
            }
            let proven = world.journal().state().step("prove").outputs["proven"].clone();
            assert!(proven.as_array().unwrap().contains(&json!(leaked)), "{meddled}: {proven}");
        });
    }
}
