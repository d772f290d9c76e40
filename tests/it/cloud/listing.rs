use super::{Fixture, body, keys, last_segment};
use reqwest::Method;
use serde_json::{Value, json};

/// Follows next links to the end, at this cloud's address; each page as its items' ids.
async fn pages(cloud: &Fixture, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = path.to_owned();
    loop {
        let (status, page) = body(cloud.call(Method::GET, &path)).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(keys(&page), ["value", "nextLink"]);
        pages.push(page["value"].as_array().unwrap().iter().map(|item| last_segment(&item["id"])).collect());
        let Some(link) = page["nextLink"].as_str() else { return pages };
        let rest = link.strip_prefix("https://kv-drill.vault.azure.net:443").unwrap();
        assert!(rest.contains("?api-version=7.4&$skiptoken=eyJ"), "{rest}");
        // The link names the interface's version already; the fixture adds it again.
        path = rest.replace("api-version=7.4&", "");
    }
}

#[tokio::test]
async fn versions_are_listed_by_their_ids_and_never_by_time_in_pages_of_25() {
    let cloud = Fixture::new().await;
    cloud.seed("db", json!({ "value": "old", "count": 60 })).await;
    let pages = pages(&cloud, "/secrets/db/versions").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);
    let listed: Vec<String> = pages.concat();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    let state = cloud.state().await;
    let set: Vec<&str> = state["vaults"]["kv-drill"]["secrets"]["db"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["version"].as_str().unwrap())
        .collect();
    assert_ne!(listed, set, "sixty random ids in the order of time would be a wonder");
}

#[tokio::test]
async fn a_list_item_has_no_value_and_a_listing_of_secrets_has_no_versions() {
    let cloud = Fixture::new().await;
    let whole = json!({ "value": "v1", "contentType": "t", "tags": { "a": "b" }, "attributes": { "enabled": false } });
    body(cloud.call(Method::PUT, "/secrets/db").json(&whole)).await;
    cloud
        .seed("from-certificate", json!({ "value": "x", "managed": true, "content_type": "application/x-pkcs12" }))
        .await;
    let (_, page) = body(cloud.call(Method::GET, "/secrets")).await;
    assert_eq!(keys(&page["value"][0]), ["contentType", "id", "attributes", "tags"]);
    assert_eq!(page["value"][0]["id"], "https://kv-drill.vault.azure.net/secrets/db");
    assert_eq!(page["value"][0]["attributes"]["enabled"], false, "disabled ones are listed");
    assert_eq!(keys(&page["value"][1]), ["contentType", "id", "managed", "attributes"]);
    let (_, versions) = body(cloud.call(Method::GET, "/secrets/db/versions")).await;
    assert_eq!(keys(&versions["value"][0]), ["contentType", "id", "attributes", "tags"]);
    assert_eq!(last_segment(&versions["value"][0]["id"]).len(), 32);
}

#[tokio::test]
async fn secrets_are_listed_by_upper_cased_name() {
    let cloud = Fixture::new().await;
    for name in ["b-two", "a-one", "B-one", "A-two", "c"] {
        cloud.set(name, "x").await;
    }
    let pages = pages(&cloud, "/secrets?maxresults=2").await;
    assert_eq!(pages, [vec!["a-one", "A-two"], vec!["B-one", "b-two"], vec!["c"]]);
}

#[tokio::test]
async fn versions_of_a_secret_that_does_not_exist_are_an_empty_page() {
    let cloud = Fixture::new().await;
    let answer = body(cloud.call(Method::GET, "/secrets/nothing/versions")).await;
    assert_eq!(answer, (200, json!({ "value": [], "nextLink": null })));
}

#[tokio::test]
async fn an_empty_page_can_have_a_next_link() {
    let cloud = Fixture::new().await;
    for name in ["a", "b", "c"] {
        cloud.set(name, "x").await;
    }
    body(cloud.call(Method::DELETE, "/secrets/b")).await;
    let listed = pages(&cloud, "/secrets?maxresults=1").await;
    assert_eq!(listed, [vec!["a"], vec![], vec!["c"]], "a deleted secret leaves a gap");

    cloud.seed("many", json!({ "value": "x", "count": 30 })).await;
    cloud.control(Method::PUT, "vaults/kv-drill", json!({ "empty_pages": true })).await;
    let listed = pages(&cloud, "/secrets/many/versions").await;
    assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [0, 25, 0, 5]);
}

#[tokio::test]
async fn page_sizes_and_tokens_that_do_not_fit_are_refused() {
    let cloud = Fixture::new().await;
    for query in ["maxresults=0", "maxresults=26", "maxresults=many", "$skiptoken=nonsense"] {
        assert_eq!(body(cloud.call(Method::GET, &format!("/secrets?{query}"))).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn a_secret_with_twenty_thousand_versions_can_be_paged_through() {
    let cloud = Fixture::new().await;
    let latest = cloud.seed("old", json!({ "value": "x", "count": 20_000, "created": "2026-01-01T00:00:00Z" })).await;
    let mut seen = 0;
    let mut newest = (0, String::new());
    let mut path = "/secrets/old/versions".to_owned();
    loop {
        let (_, page) = body(cloud.call(Method::GET, &path)).await;
        for item in page["value"].as_array().unwrap() {
            seen += 1;
            newest = newest.max((item["attributes"]["created"].as_i64().unwrap(), last_segment(&item["id"])));
        }
        let Some(link) = page["nextLink"].as_str() else { break };
        path = link.split_once(":443").unwrap().1.replace("api-version=7.4&", "");
    }
    assert_eq!(seen, 20_000);
    assert_eq!(newest.1, latest);
    assert_eq!(newest.0, 1_767_225_600);
    assert_eq!(body(cloud.call(Method::GET, "/secrets/old")).await.1["value"], Value::from("x"));
}
