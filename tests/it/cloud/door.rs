//! Who is let in: no page of the web, and to the control nobody without its key.

use super::Fixture;
use reqwest::{Method, RequestBuilder};
use std::os::unix::fs::PermissionsExt as _;

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Every place that somebody else could want: the control, the vault, a token endpoint, a receiver of messages.
fn places(cloud: &Fixture) -> Vec<RequestBuilder> {
    let base = cloud.running.ready().base_url.clone();
    let control = cloud.running.ready().control.clone().unwrap();
    let get = |url: String| cloud.client.get(url);
    vec![
        get(format!("{control}/state")),
        cloud.client.put(format!("{control}/secrets/kv-drill/a")).body(r#"{"value":"v"}"#),
        cloud.call(Method::GET, "/secrets"),
        get(format!(
            "{base}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"
        ))
        .header("host", "169.254.169.254")
        .header("metadata", "true"),
        cloud.client.post(format!("{base}/stanch")).header("host", "hooks.drill.example").body("{}"),
    ]
}

#[tokio::test]
async fn a_page_of_the_web_is_not_answered_anywhere() {
    let cloud = Fixture::new().await;
    for request in places(&cloud) {
        let request = || request.try_clone().unwrap();
        assert_ne!(status(request()).await, 403, "{request:?}", request = request());
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1", &cloud.running.ready().base_url] {
            assert_eq!(status(request().header("origin", origin)).await, 403, "{origin} {:?}", request());
        }
        for site in ["cross-site", "same-site", "same-origin"] {
            assert_eq!(status(request().header("sec-fetch-site", site)).await, 403, "{site} {:?}", request());
        }
        // Somebody who types the address into a browser.
        assert_ne!(status(request().header("sec-fetch-site", "none")).await, 403);
    }
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_is_not_answered() {
    let cloud = Fixture::new().await;
    let control = cloud.running.ready().control.clone().unwrap();
    let base = cloud.running.ready().base_url.clone();
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example:80"] {
        for url in [format!("{control}/state"), format!("{base}/secrets?api-version=7.4"), format!("{base}/msi/token")]
        {
            assert_eq!(status(cloud.client.get(url).header("host", host)).await, 404, "{host}");
        }
    }
}

#[tokio::test]
async fn the_control_wants_its_key_and_json() {
    let cloud = Fixture::new().await;
    let (base, control) = (cloud.running.ready().base_url.clone(), cloud.running.ready().control.clone().unwrap());
    for url in ["_control/state", "_control", "00000000000000000000000000000000/_control/state", "/_control/state"] {
        let answer = status(cloud.client.get(format!("{base}/{url}"))).await;
        assert!([403, 401].contains(&answer), "{url}: {answer}");
    }
    let body = r#"{"value":"v"}"#;
    let unkeyed = cloud.client.put(format!("{base}/_control/secrets/kv-drill/a")).body(body);
    assert_eq!(status(unkeyed).await, 403);
    let put = || cloud.client.put(format!("{control}/secrets/kv-drill/a")).body(body);
    for refused in ["text/plain", "multipart/form-data; boundary=x", "text/plain; application/json"] {
        assert_eq!(status(put().header("content-type", refused)).await, 415, "{refused}");
    }
    assert!(cloud.state().await["vaults"]["kv-drill"]["secrets"]["a"].is_null(), "nothing of it was done");
    // As scripts write it, with curl's own content type and with none.
    for taken in ["application/x-www-form-urlencoded", "application/json; charset=utf-8"] {
        assert_eq!(status(put().header("content-type", taken)).await, 200, "{taken}");
    }
    assert_eq!(status(put()).await, 200);
    assert_eq!(cloud.state().await["vaults"]["kv-drill"]["secrets"]["a"].as_array().unwrap().len(), 3);
    // What stands before `_control` in its address leads to the rest of the cloud as well.
    let rest = control.strip_suffix("/_control").unwrap();
    let listed = cloud.client.get(format!("{rest}/secrets?api-version=7.4")).bearer_auth(&cloud.token);
    assert_eq!(status(listed).await, 200);
}

#[tokio::test]
async fn the_key_is_for_the_owners_eyes_and_another_one_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let one = Fixture::with(|options| options.ready_file = Some(path.clone())).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let key = |cloud: &Fixture| {
        let control = cloud.running.ready().control.clone().unwrap();
        control.strip_prefix(&cloud.running.ready().base_url).unwrap().to_owned()
    };
    assert_ne!(key(&one), key(&Fixture::new().await));
    assert!(key(&one).len() > 32);
}
