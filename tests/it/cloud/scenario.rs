use super::{Fixture, body};
use reqwest::Method;
use serde_json::{Value, json};
use stanch::cloud::scenario::Scenario;
use std::time::Duration;

const TEXT: &str = "
schema: stanch-scenario/v1
name: small
summary: A password leaked
vault: kv-drill
secret: db
secrets:
  - { name: db, content_type: text/plain, tags: { owner: orders }, versions: [{ age: 9d, enabled: false }, { age: 2d }] }
  - { name: other, versions: [{ age: 1d }] }
consumers:
  - { name: orders-api, reads: latest, refresh: 50ms, ip: 10.1.0.4 }
attackers:
  - { name: intruder, ip: 198.51.100.66, user_agent: curl/8.4.0, after: 0s, every: 50ms, reads: 2, also: [other] }
faults:
  - { match: { method: PUT, path: '^/secrets/db' }, times: 1, do: { status: 503 } }
exposure: 6h
";

async fn eventually(cloud: &Fixture, what: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let state = cloud.state().await;
        if what(&state) {
            return state;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never came to that: {state}");
    }
}

#[tokio::test]
async fn a_scenario_fills_the_vault_lets_its_callers_go_and_plants_its_faults() {
    let cloud = Fixture::with(|options| options.scenario = Some(Scenario::parse(TEXT).unwrap())).await;
    let state = eventually(&cloud, |state| {
        let reads = |who: &str| state[who][0]["reads"].as_u64().unwrap_or_default();
        reads("consumers") > 2 && reads("attackers") > 2
    })
    .await;
    let secret = &state["vaults"]["kv-drill"]["secrets"]["db"];
    assert_eq!(secret.as_array().unwrap().len(), 2);
    assert_eq!((&secret[0]["enabled"], &secret[1]["enabled"]), (&json!(false), &json!(true)));
    assert!(secret[0]["created"].as_str().unwrap() < secret[1]["created"].as_str().unwrap());
    assert_eq!(secret[1]["tags"], json!({ "owner": "orders" }));
    let names: Vec<&str> =
        state["principals"].as_array().unwrap().iter().map(|principal| principal["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"orders-api") && names.contains(&"intruder"), "{names:?}");
    let config = std::fs::read_to_string(cloud.running.ready().config.clone().unwrap()).unwrap();
    let consumer = state["consumers"][0]["oid"].as_str().unwrap();
    assert!(config.contains(&format!("known_callers: [\"{consumer}\"]")), "{config}");

    let set = || cloud.call(Method::PUT, "/secrets/db").json(&json!({ "value": "new" }));
    assert_eq!(body(set()).await.0, 503, "the planted fault");
    let (status, new) = body(set()).await;
    assert_eq!(status, 200);
    let version = super::last_segment(&new["id"]);
    eventually(&cloud, |state| state["consumers"][0]["versions"].to_string().contains(&version)).await;
    let leaked = state["vaults"]["kv-drill"]["secrets"]["db"][1]["version"].as_str().unwrap();
    let off = json!({ "attributes": { "enabled": false } });
    assert_eq!(body(cloud.call(Method::PATCH, &format!("/secrets/db/{leaked}")).json(&off)).await.0, 200);
    let state = eventually(&cloud, |state| state["attackers"][0]["last_status"] == 403).await;
    assert_eq!(state["consumers"][0]["failures"], 0, "who reads the latest version notices nothing");
}

#[tokio::test]
async fn notifications_arrive_at_their_sinks_with_the_credentials_of_the_written_configuration() {
    let cloud = Fixture::new().await;
    let config = cloud.running.ready().config.clone().unwrap();
    let credential = |name: &str| std::fs::read_to_string(config.with_file_name("credentials").join(name)).unwrap();
    let slack = reqwest::Url::parse(&credential("slack-webhook")).unwrap();
    let base = &cloud.running.ready().base_url;
    let post = |host: &str, path: &str, content: Value| {
        cloud.client.post(format!("{base}{path}")).header("host", host).json(&content)
    };
    let message = json!({ "text": "leaked" });
    assert_eq!(post(slack.host_str().unwrap(), slack.path(), message.clone()).send().await.unwrap().status(), 200);
    let page = json!({
        "routing_key": credential("pagerduty-routing-key"), "event_action": "trigger", "dedup_key": "run-1",
        "payload": { "summary": "leaked", "source": "stanch", "severity": "critical" },
    });
    assert_eq!(post("events.pagerduty.com", "/v2/enqueue", page).send().await.unwrap().status(), 202);
    let teams = reqwest::Url::parse(&credential("teams-webhook")).unwrap();
    let path = format!("{}?{}", teams.path(), teams.query().unwrap());
    let card =
        json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": { "type": "AdaptiveCard" } });
    let card = json!({ "type": "message", "attachments": [card] });
    assert_eq!(post(teams.host_str().unwrap(), &path, card).send().await.unwrap().status(), 202);
    let unsigned = post("hooks.drill.example", "/stanch", json!({})).send().await.unwrap();
    assert!(unsigned.status().is_client_error(), "webhooks are signed");

    let state = cloud.state().await;
    let seen: Vec<(&Value, &Value)> = state["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|notification| (&notification["channel"], &notification["host"]))
        .collect();
    let expected = [
        (json!("slack"), json!("hooks.slack.com")),
        (json!("pagerduty"), json!("events.pagerduty.com")),
        (json!("teams"), json!("drill.logic.azure.com")),
    ];
    assert_eq!(seen, expected.iter().map(|(channel, host)| (channel, host)).collect::<Vec<_>>());
    assert_eq!(state["notifications"][0]["body"], message);
    let mail = cloud.running.ready().smtp.clone().unwrap();
    assert!(tokio::net::TcpStream::connect(mail).await.is_ok());
}
