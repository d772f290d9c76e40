//! Tokens that are none: each is refused when the answer is given, and leaves nothing.

use super::{begin, events, gate, shown, token, with_steps};
use crate::stage::Stage;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

const OTHER_TENANT: &str = "11111111-5d1a-4a5e-9d4f-6a3c1f0e7b21";

async fn asking() -> Stage {
    let stage = with_steps(&gate("approvals: verified")).await;
    begin(&stage, "r", &[]).exit(4).done();
    stage
}

fn refused(stage: &Stage, token: &str, why: &str) {
    let said = shown(stage, "approve", "r", token).exit(5).stderr;
    assert!(said.contains(why), "{why}: {said}");
    assert!(events(stage, "r", "gate_answered").is_empty(), "{why}");
}

#[tokio::test]
async fn a_token_with_another_claim_than_a_persons_own_is_refused() {
    let stage = asking().await;
    let now = chrono::Utc::now().timestamp();
    let issuer = |tenant: &str| format!("https://sts.windows.net/{tenant}/");
    for (claims, why) in [
        (json!({ "exp": now - 1 }), "it has expired"),
        (json!({ "exp": now }), "it has expired"),
        (json!({ "exp": null }), "until when"),
        (json!({ "exp": "tomorrow" }), "until when"),
        (json!({ "nbf": now + 600 }), "not valid yet"),
        (json!({ "tid": OTHER_TENANT, "iss": issuer(OTHER_TENANT) }), "not of the tenant"),
        (json!({ "tid": OTHER_TENANT }), "not of the tenant"),
        (json!({ "tid": null }), "not of the tenant"),
        (json!({ "iss": issuer(OTHER_TENANT) }), "not of the tenant"),
        (json!({ "iss": "https://login.example/0c4f6b1e-5d1a-4a5e-9d4f-6a3c1f0e7b21/v2.0" }), "not of the tenant"),
        (json!({ "aud": "https://graph.microsoft.com" }), "another audience"),
        (json!({ "aud": "https://vault.azure.net.example" }), "another audience"),
        (json!({ "aud": ["https://vault.azure.net"] }), "another audience"),
        (json!({ "oid": null }), "no object id"),
        (json!({ "oid": "alice" }), "no object id"),
        (json!({ "idtyp": "app" }), "only a person answers"),
        (json!({ "scp": null }), "only a person answers"),
    ] {
        refused(&stage, &token(&stage, 1, Some("alice@contoso.com"), claims).await, why);
    }
    refused(&stage, &token(&stage, 1, None, json!({})).await, "only a person answers");
    for text in ["", "a", "a.b", "a.b.c", "e30.e30.", "....", "Bearer x.y.z"] {
        let said = shown(&stage, "approve", "r", text).exit(5).stderr;
        assert!(said.contains("no token") || said.contains("not taken"), "{text}: {said}");
    }
}

/// A token's header and claims.
fn opened(token: &str) -> [Value; 2] {
    let parts: Vec<&str> = token.split('.').collect();
    [parts[0], parts[1]].map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}

fn signed_part(header: &Value, claims: &Value) -> String {
    [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

#[tokio::test]
async fn a_token_that_the_tenant_did_not_sign_is_refused() {
    let stage = asking().await;
    let good = token(&stage, 1, Some("alice@contoso.com"), json!({})).await;
    let [header, claims] = opened(&good);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    // Other claims under the same signature, and the same claims under a part of it.
    let mut changed = claims.clone();
    changed["oid"] = "22222222-0000-4000-8000-000000000000".into();
    refused(&stage, &format!("{}.{signature}", signed_part(&header, &changed)), "signature is not the tenant's");
    let cut = URL_SAFE_NO_PAD.decode(signature).unwrap();
    refused(&stage, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&cut[1..])), "not the tenant's");
    refused(&stage, &format!("{signed}."), "not the tenant's");
    // A key of somebody's own, under the tenant's name for one, under its own, and in the header.
    let own = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let sign = |header: &Value| {
        let signed = signed_part(header, &claims);
        let mut signature = vec![0; own.public_modulus_len()];
        own.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    refused(&stage, &sign(&header), "not the tenant's");
    for other in [
        json!({ "typ": "JWT", "alg": "RS256", "kid": "own" }),
        json!({ "typ": "JWT", "alg": "RS256", "kid": "../keys", "jku": "https://login.example/keys" }),
        json!({ "typ": "JWT", "alg": "RS256", "kid": "own", "jwk": { "kty": "RSA", "n": "AQAB", "e": "AQAB" } }),
    ] {
        refused(&stage, &sign(&other), "a key that the tenant does not publish");
    }
    refused(&stage, &sign(&json!({ "typ": "JWT", "alg": "RS256" })), "which key signed it");
    // No algorithm, and one for which the public key is the secret one.
    for algorithm in ["none", "None", "NONE", "", "HS256", "RS512", "PS256", "ES256"] {
        let mut other = header.clone();
        other["alg"] = algorithm.into();
        refused(&stage, &format!("{}.{signature}", signed_part(&other, &claims)), "not signed by RS256");
        refused(&stage, &format!("{}.", signed_part(&other, &claims)), "not signed by RS256");
    }
    let mut hmac = header.clone();
    hmac["alg"] = "HS256".into();
    let signed = signed_part(&hmac, &claims);
    for key in public_keys(&stage).await {
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(&signed).finalize().into_bytes();
        refused(&stage, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac)), "not signed by RS256");
    }
    let mut critical = header;
    critical["crit"] = json!(["exp"]);
    refused(&stage, &sign(&critical), "another kind");
    // What was wrong with none of them: the good one.
    shown(&stage, "approve", "r", &good).exit(0).done();
}

/// The published key, as it might be taken for a password.
async fn public_keys(stage: &Stage) -> Vec<Vec<u8>> {
    let url = format!("http://{}/0c4f6b1e-5d1a-4a5e-9d4f-6a3c1f0e7b21/discovery/v2.0/keys", stage.address());
    let http = crate::surroundings::plain_http();
    let keys: Value =
        http.get(url).header("host", "login.microsoftonline.com").send().await.unwrap().json().await.unwrap();
    let text = keys["keys"][0]["n"].as_str().unwrap().to_owned();
    vec![text.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(&text).unwrap(), keys["keys"][0].to_string().into_bytes()]
}

#[tokio::test]
async fn both_versions_of_tokens_count_and_both_audiences() {
    let steps = gate("approvals: verified, min: 4");
    let stage = with_steps(&steps).await;
    begin(&stage, "r", &[]).exit(4).done();
    let second = "https://login.microsoftonline.com/0c4f6b1e-5d1a-4a5e-9d4f-6a3c1f0e7b21/v2.0";
    let of_vaults = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
    for (number, claims) in [
        json!({}),
        json!({ "aud": "https://vault.azure.net/" }),
        json!({ "aud": "https://storage.azure.com" }),
        json!({ "ver": "2.0", "iss": second, "aud": of_vaults, "upn": null, "preferred_username": "dora@contoso.com" }),
    ]
    .into_iter()
    .enumerate()
    {
        let upn = format!("person{number}@contoso.com");
        let token = token(&stage, 100 + number as u128, Some(&upn), claims).await;
        shown(&stage, "approve", "r", &token).exit(0).done();
    }
    let by = events(&stage, "r", "gate_answered")[3]["by"].clone();
    assert_eq!(by, "dora@contoso.com");
}

#[tokio::test]
async fn where_the_keys_cannot_be_asked_for_nobody_is_taken_for_anybody() {
    let stage = asking().await;
    let good = token(&stage, 1, Some("alice@contoso.com"), json!({})).await;
    stage.fault(&json!({ "match": { "path": "/discovery/" }, "times": 1, "do": { "status": 503 } })).await;
    refused(&stage, &good, "are not known");
    stage.fault(&json!({ "match": { "path": "openid-configuration" }, "times": 1, "do": { "drop": "before" } })).await;
    refused(&stage, &good, "login.microsoftonline.com");
    shown(&stage, "approve", "r", &good).exit(0).done();
}

#[tokio::test]
async fn a_key_for_tokens_of_others_signs_none_of_the_tenants() {
    let stage = asking().await;
    let login = "https://login.microsoftonline.com";
    for (issuer, is_own) in [
        (format!("{login}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"), false),
        ("https://login.example/{tenantid}/v2.0".to_owned(), false),
        (format!("{login}/{{tenantid}}/v2.0"), true),
    ] {
        stage.control_post("signing_keys", &json!({ "issuer": issuer })).await;
        let token = token(&stage, 1, Some("alice@contoso.com"), json!({})).await;
        match is_own {
            true => shown(&stage, "approve", "r", &token).exit(0).done(),
            false => refused(&stage, &token, "a key that the tenant does not publish"),
        }
    }
}
