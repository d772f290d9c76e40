//! How often a vault is asked: under its limits, and not at all for a while when it fails.

use crate::surroundings::{REQUEST_PREFIX, Surroundings, vault};
use serde_json::{Value, json};
use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport, VaultLimits};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn limited(surroundings: &Surroundings, limits: VaultLimits) -> Azure {
    let cloud = CloudFile::read(&surroundings.cloud_file(|_| {})).unwrap();
    let transport = Transport::limited(Route::Cloud(Box::new(cloud)), REQUEST_PREFIX, limits).unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    Azure { transport, identity }
}

async fn statuses(surroundings: &Surroundings) -> Vec<u64> {
    let state = surroundings.state().await;
    let calls = state["calls"].as_array().unwrap();
    let to_vault = |call: &&Value| call["path"].as_str().unwrap().starts_with("/secrets");
    calls.iter().filter(to_vault).map(|call| call["status"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_crowd_stays_under_the_limits_of_a_vault_instead_of_bouncing_off_them() {
    let enforced = stanch::cloud::Limits { creates: 10, others: 20, window_ms: 1000 };
    let surroundings = Surroundings::with(|options| options.limits = Some(enforced)).await;
    surroundings.seed("crowded", "value").await;
    let limits = VaultLimits { creates: 10, others: 20, window: Duration::from_secs(1) };
    let azure = limited(&surroundings, limits);
    let one = vault(&azure);
    // The token is there before the crowd comes.
    one.versions("crowded").await.unwrap();
    let begun = Instant::now();
    // Two clients of one process share what there is.
    let other = vault(&azure);
    let asks = (0..50).map(|index| if index % 2 == 0 { one.versions("crowded") } else { other.versions("crowded") });
    for versions in futures::future::join_all(asks).await {
        assert_eq!(versions.unwrap().len(), 1);
    }
    let took = begun.elapsed();
    let statuses = statuses(&surroundings).await;
    // A machine that is busy sends some of them late, up to what one window holds; without a budget more would bounce.
    let bounced = statuses.iter().filter(|status| **status == 429).count();
    assert!(bounced <= 20, "{statuses:?}");
    // 51 requests at 20 a second: the last ones go in the third second, and no later than they must.
    assert!(took >= Duration::from_millis(1900), "{took:?}");
}

#[tokio::test]
async fn a_vault_that_fails_again_and_again_is_left_alone_and_that_is_said() {
    let surroundings = Surroundings::new().await;
    surroundings.seed("down", "value").await;
    let azure = surroundings.azure();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    azure.transport.announce(move |text| heard.lock().unwrap().push(text));
    let vault = vault(&azure);
    vault.versions("down").await.unwrap();
    let before = statuses(&surroundings).await.len();
    surroundings.fault(json!({ "host": "kv-drill.vault.azure.net" }), 0, 17, json!({ "status": 503 })).await;
    // Sixteen ask at once and fail. One tries again after a second, for all of them, and fails; one more after two.
    // All others are not sent meanwhile; whoever loses patience is told what the vault said, not that it was not asked.
    let asks = (0..16).map(|_| vault.versions("down"));
    for answer in futures::future::join_all(asks).await {
        let words = answer.err().map(|failure| failure.summary);
        assert!(words.as_deref().is_none_or(|words| words.starts_with("`kv-drill` is unavailable (")), "{words:?}");
    }
    let begun = Instant::now();
    while vault.versions("down").await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is asked again");
    }
    let said = said.lock().unwrap().clone();
    assert_eq!(said.first().map(String::as_str), Some("`kv-drill` fails again and again: it is left alone for 1s"));
    assert_eq!(said.last().map(String::as_str), Some("`kv-drill` answers again"), "{said:?}");
    let asked = statuses(&surroundings).await.split_off(before);
    assert_eq!(asked.iter().filter(|status| **status == 503).count(), 17, "{asked:?}");
    assert!(asked.len() <= 17 + 17, "{asked:?}");
}

#[tokio::test]
async fn a_vault_that_asks_for_patience_gets_it_from_everyone() {
    let surroundings = Surroundings::new().await;
    surroundings.seed("busy", "value").await;
    let azure = surroundings.azure();
    let vault = vault(&azure);
    vault.versions("busy").await.unwrap();
    let before = statuses(&surroundings).await.len();
    surroundings
        .fault(json!({ "host": "kv-drill.vault.azure.net" }), 0, 1, json!({ "status": 429, "retry_after_s": 2 }))
        .await;
    let begun = Instant::now();
    vault.versions("busy").await.unwrap();
    let first = begun.elapsed();
    let asks = (0..5).map(|_| vault.versions("busy"));
    assert!(futures::future::join_all(asks).await.iter().all(Result::is_ok));
    assert!(first >= Duration::from_secs(2), "{first:?}");
    let asked = statuses(&surroundings).await.split_off(before);
    assert_eq!(asked.iter().filter(|status| **status == 429).count(), 1, "{asked:?}");
}
