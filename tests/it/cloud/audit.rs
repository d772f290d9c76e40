use super::{Fixture, body};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn events(cloud: &Fixture) -> Vec<Value> {
    let mut files = files_below(cloud.running.ready().archive.as_ref().unwrap());
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_call_is_a_line_in_the_archive_before_it_is_answered() {
    let cloud = Fixture::new().await;
    let token =
        cloud.issue(json!({ "oid": "o-7", "appid": "a-7", "upn": "eve@drill.example", "ip": "198.51.100.7" })).await;
    body(cloud.bare(Method::GET, "/secrets/db")).await;
    let version = cloud.set("db", "v1").await;
    let get = cloud.bare(Method::GET, "/secrets/db/").bearer_auth(token);
    let id = "11111111-2222-4333-8444-555555555555";
    body(get.header("x-ms-client-request-id", id).header("user-agent", "curl/8.0")).await;
    body(cloud.call(Method::GET, "/secrets/nothing")).await;

    let events = events(&cloud);
    let seen: Vec<(&str, u64, &str)> = events
        .iter()
        .map(|event| {
            let status = event["properties"]["httpStatusCode"].as_u64().unwrap();
            (event["operationName"].as_str().unwrap(), status, event["resultSignature"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("Authentication", 401, "Unauthorized"),
        ("SecretSet", 200, "OK"),
        ("SecretGet", 200, "OK"),
        ("SecretGet", 404, "Not Found"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(events[0]["identity"], json!({}));
    let read = &events[2];
    assert_eq!(read["properties"]["id"], format!("https://kv-drill.vault.azure.net/secrets/db/{version}"));
    assert_eq!(
        read["properties"]["requestUri"], "https://kv-drill.vault.azure.net/secrets/db/?api-version=7.4",
        "the request names no version, the event's id does"
    );
    assert_eq!(read["correlationId"], id);
    assert_eq!(read["callerIpAddress"], "198.51.100.7");
    assert_eq!(read["properties"]["clientInfo"], "curl/8.0");
    let claim = json!({ "oid": "o-7", "appid": "a-7", "idtyp": "user", "upn": "eve@drill.example" });
    assert_eq!(read["identity"]["claim"], claim);
    let time = read["time"].as_str().unwrap();
    assert_eq!((time.len(), time.as_bytes()[19]), ("2026-11-23T03:12:09.1234560Z".len(), b'.'), "{time}");
    assert!(!events.iter().any(|event| event.to_string().contains("v1\"")), "no values");
}

#[tokio::test]
async fn the_archive_is_laid_out_as_in_a_storage_account() {
    let cloud = Fixture::new().await;
    cloud.set("db", "v1").await;
    let root = cloud.running.ready().archive.clone().unwrap();
    assert!(root.ends_with("insights-logs-auditevent"));
    let files = files_below(&root);
    assert_eq!(files.len(), 1);
    let place = files[0].strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let form = regex::Regex::new(
        r"^resourceId=/SUBSCRIPTIONS/[0-9A-F-]{36}/RESOURCEGROUPS/[A-Z-]+/PROVIDERS/MICROSOFT\.KEYVAULT/VAULTS/KV-DRILL/y=\d{4}/m=\d\d/d=\d\d/h=\d\d/m=00/PT1H\.json$",
    );
    assert!(form.unwrap().is_match(&place), "{place}");
}

#[tokio::test]
async fn lines_can_be_late() {
    let cloud = Fixture::with(|options| options.audit_lag = Duration::from_secs(600)).await;
    cloud.set("db", "v1").await;
    assert_eq!(events(&cloud).len(), 0);
    cloud.settle().await;
    assert_eq!(events(&cloud).len(), 1);

    let cloud = Fixture::with(|options| options.audit_lag = Duration::from_millis(100)).await;
    cloud.set("db", "v1").await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while events(&cloud).is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the line never came");
        tokio::task::yield_now().await;
    }
}
