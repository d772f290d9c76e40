//! Answers that break off, requests that arrive twice or late: each effect is settled, and what came of it is put right.

use super::ending::Ending;
use super::{Ended, Setting, Trouble, Which, Whole, World, alone, database, is_heavy, play, settings, whole};
use serde_json::Value;
use stanch::engine::event::RunStatus;

/// Effects of every kind that a vault and a channel know.
const ROTATION: &str = r#"
schema: stanch/v1
name: rotation
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - id: rotate
    uses: keyvault/rotate
    with: { secret: "${{ inputs.secret }}" }
    retry: { max: 8, backoff: 10ms..40ms }
  - id: revoke
    uses: keyvault/disable_old
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
    retry: { max: 8, backoff: 10ms..40ms }
finally:
  - id: reconcile
    uses: keyvault/reconcile
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

const MESSAGES: &str = r#"
schema: stanch/v1
name: messages
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - { id: siem, uses: notify/webhook, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
  - { id: page, uses: notify/pagerduty, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
  - { id: slack, uses: notify/slack, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
  - { id: teams, uses: notify/teams, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
"#;

#[test]
fn an_answer_that_breaks_off_at_any_byte_is_settled() {
    for setting in [Setting::of("rotation", ROTATION), Setting::of("messages", MESSAGES)] {
        let Whole { ending, writes, .. } = whole(&setting);
        for (kind, before) in writes.into_iter().filter(|(_, before)| *before == 0) {
            let which = Which::Kind(kind.clone(), before);
            let length = alone(async {
                let world = World::new(&setting).await;
                world.trouble(which.clone(), Trouble::Cut { after: 0, reset: true }).await;
                world.line.answered()
            });
            assert!(length > 100, "{kind}: {length}");
            let every = if is_heavy() { 1 } else { length / 8 };
            let cuts: Vec<usize> = (0..length).step_by(every).collect();
            let count = cuts.len();
            play(cuts, async |after| {
                let world = World::new(&setting).await;
                let cut = Trouble::Cut { after, reset: after % 2 == 0 };
                let ended = world.trouble(which.clone(), cut).await;
                assert_eq!(ended, Ended::Over(RunStatus::Completed), "{kind} at byte {after}");
                assert!(world.line.happened(), "{kind} at byte {after}");
                assert_eq!(Ending::of(&world).await, ending, "{kind} at byte {after}");
            });
            println!("{kind}: an answer of {length} bytes breaks off at {count} places, every one is settled");
        }
    }
}

/// Every write of every built-in runbook, with this trouble; all end as if it had happened once.
fn each_write(trouble: Trouble, what: &str) {
    let database = database();
    for setting in settings(database.as_ref()) {
        let Whole { ending, writes, .. } = whole(&setting);
        let (name, count) = (&setting.name, writes.len());
        play(writes, async |(kind, before)| {
            let world = World::new(&setting).await;
            let ended = world.trouble(Which::Kind(kind.clone(), before), trouble).await;
            assert_eq!(ended, Ended::Over(RunStatus::Completed), "{name}: {kind}, {before} before it, {what}");
            assert!(world.line.happened() && !world.line.is_late(), "{name}: {kind}, {before} before it, {what}");
            let put_right = Ending::of(&world).await.put_right();
            assert_eq!(put_right, ending.clone().put_right(), "{name}: {kind}, {before} before it, {what}");
            assert_one_value(&world, &format!("{name}: {kind}, {before} before it, {what}")).await;
        });
        println!("{name}: {count} requests that {what}, all of them end well");
    }
}

/// Everyone gets the value that the run went on with, and no other version can be read.
async fn assert_one_value(world: &World, what: &str) {
    let (current, now) = world.value("").await;
    let state = world.surroundings.state().await;
    for version in state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap() {
        let id = version["version"].as_str().unwrap();
        if version["enabled"] == Value::Bool(true) && id != current {
            assert_eq!(world.value(id).await.1, now, "{what}: {version}");
        }
    }
}

#[test]
fn every_write_that_arrives_twice_ends_as_if_it_had_arrived_once() {
    each_write(Trouble::Twice, "arrive twice");
}

/// The request is given up, the other side knows nothing of it, it is sent again; then it arrives.
#[test]
fn a_write_that_arrives_after_it_was_given_up_is_put_right_at_the_end() {
    each_write(Trouble::Late, "arrive late");
}

#[test]
fn every_built_in_runbook_that_rotates_looks_for_what_arrived_late() {
    let catalogue = stanch::actions::catalogue();
    for (name, text) in stanch::cli::BUILT_IN {
        let source = stanch::runbook::RunbookSource { name, text, library: &stanch::runbook::source::NoLibrary };
        let (runbook, _) = stanch::plan::lint(&source, &catalogue).sound().unwrap();
        let uses =
            |steps: &[stanch::runbook::model::Step], action: &str| steps.iter().any(|step| step.uses.value == action);
        let rotates = uses(&runbook.steps, "keyvault/rotate");
        // Where a credential has an issuer, the last step looks there as well.
        let looks = uses(&runbook.finally, "keyvault/reconcile") || uses(&runbook.steps, "issuer/close");
        assert!(!rotates || looks, "{name}");
    }
}
