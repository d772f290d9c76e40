use super::{Fixture, body, refusal};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn without_a_good_token_everything_is_challenged() {
    let cloud = Fixture::new().await;
    let (status, challenge) = body(cloud.bare(Method::PUT, "/secrets/db")).await;
    assert_eq!(status, 401);
    let expected =
        r#"{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}"#;
    assert_eq!(challenge.to_string(), expected);
    let answer = cloud.bare(Method::GET, "/secrets/nothing").send().await.unwrap();
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    let (authority, resource) = challenge.split_once(", ").unwrap();
    assert!(authority.starts_with("Bearer authorization=\"https://login.windows.net/"), "{authority}");
    assert_eq!(resource, "resource=\"https://vault.azure.net\"");

    let with = async |token: &str| body(cloud.bare(Method::GET, "/secrets").bearer_auth(token)).await;
    assert_eq!(with("made.up.token").await.0, 401);
    let who = |extra: Value| {
        let mut who = json!({ "oid": "o", "appid": "a" });
        who.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        who
    };
    let foreign = cloud.issue(who(json!({ "resource": "https://graph.microsoft.com" }))).await;
    let answer = with(&foreign).await;
    let message = "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://graph.microsoft.com.";
    assert_eq!(refusal(&answer), (401, "Unauthorized", None, message));
    let expired = cloud.issue(who(json!({ "lifetime_s": -1 }))).await;
    assert_eq!(with(&expired).await.0, 401);
}

#[tokio::test]
async fn denials_speak_as_each_of_azures_gates() {
    let cloud = Fixture::new().await;
    cloud.set("db", "v1").await;
    let deny = async |rules: Value| cloud.control(Method::PUT, "access/kv-drill", rules).await;
    let get = async || body(cloud.call(Method::GET, "/secrets/db")).await;

    deny(json!({ "deny": [{ "operation": "SecretGet" }], "kind": "ForbiddenByRbac" })).await;
    let answer = get().await;
    let (status, code, inner, message) = refusal(&answer);
    assert_eq!((status, code, inner), (403, "Forbidden", Some("ForbiddenByRbac")));
    let lines: Vec<&str> = message.split("\r\n").collect();
    assert_eq!(lines[0], "Caller is not authorized to perform action on resource.");
    assert!(lines[2].starts_with("Caller: appid=a-1;oid=o-1;iss=https://sts.windows.net/"), "{}", lines[2]);
    assert_eq!(lines[3], "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'");
    assert!(lines[4].ends_with("/vaults/kv-drill/secrets/db'"), "{}", lines[4]);
    assert_eq!(lines[9], "", "the message ends with a line's end");
    assert_eq!(body(cloud.call(Method::GET, "/secrets")).await.0, 200, "only what the rule names");

    deny(json!({ "deny": [{}], "kind": "ForbiddenByFirewall" })).await;
    let answer = body(cloud.call(Method::GET, "/secrets/db").header("x-drill-client-ip", "203.0.113.9")).await;
    let (_, _, inner, message) = refusal(&answer);
    assert_eq!(inner, Some("ForbiddenByFirewall"));
    assert!(message.starts_with("Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.9\r\nCaller: "));

    deny(json!({ "deny": [{ "oid": "O-1" }], "kind": "AccessDenied" })).await;
    let answer = get().await;
    let (_, _, inner, message) = refusal(&answer);
    assert_eq!(inner, Some("AccessDenied"));
    assert!(message.contains("does not have secrets get permission on key vault 'kv-drill;location="), "{message}");

    deny(json!({ "deny": [{ "oid": "somebody else" }] })).await;
    assert_eq!(get().await.0, 200);
    cloud.control(Method::DELETE, "access/kv-drill", json!({})).await;
    assert_eq!(get().await.0, 200);
}
