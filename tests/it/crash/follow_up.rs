//! A later look at the audit trail that is cut off anywhere: made to its end by whoever goes on, told once, reported once.

use super::{Death, Ended, Ending, Setting, Trouble, When, World, alone, is_heavy, play};
use stanch::engine::event::{Event, RunStatus};

const LOOKING: &str = r#"
schema: stanch/v1
name: looking
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - { id: page, uses: notify/pagerduty, with: { title: "found" } }
  - { id: siem, uses: notify/webhook, needs: [], with: { title: "found" } }
  - id: look
    uses: audit/blast_radius
    with: { secret: "${{ inputs.secret }}", since: "2026-01-01T00:00:00Z", requery: [1ms, 24h] }
    on_failure: continue
    retry: { max: 8, backoff: 10ms..40ms }
"#;

/// A run that is over, and whose later look will find a stranger.
async fn over() -> World {
    let world = World::new(&Setting::of("looking", LOOKING)).await;
    assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed));
    world.value("").await;
    world
}

fn amendments(world: &World) -> usize {
    let is_late = |event: &Event| matches!(event, Event::Observed { name, .. } if name == "late 1ms");
    world.journal().records.iter().filter(|record| is_late(&record.event)).count()
}

#[test]
fn a_later_look_that_dies_anywhere_ends_where_the_whole_one_ends() {
    let (ending, late, points) = alone(async {
        let world = over().await;
        assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed));
        let (appends, requests) = world.counted();
        let mut points = Vec::new();
        for append in 1..=appends + 1 {
            points.extend([When::Before, When::Torn, When::After].map(|when| Death::Append(append, when)));
        }
        for request in 1..=requests {
            points.extend([Trouble::DiesBefore, Trouble::DiesAfter].map(|trouble| Death::Request(request, trouble)));
        }
        (Ending::of(&world).await, world.late(), points)
    });
    assert_eq!(late[0]["unknown_callers"].as_array().map(Vec::len), Some(1), "{late}");
    assert_eq!(late[0]["told"].as_array().map(Vec::len), Some(2), "{late}");
    let every = if is_heavy() { 1 } else { 2 };
    play(points.into_iter().step_by(every), async |point| {
        let world = over().await;
        let first = world.live(point).await;
        assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed), "{point:?}, {first:?}");
        assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed), "{point:?}");
        assert_eq!(Ending::of(&world).await, ending, "{point:?}");
        assert_eq!(world.late(), late, "{point:?}");
        assert_eq!(amendments(&world), 1, "{point:?}");
    });
}
