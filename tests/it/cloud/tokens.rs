use super::{Fixture, body};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::Value;

fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).unwrap()).unwrap()
}

async fn opens_the_vault(cloud: &Fixture, token: &Value) -> bool {
    body(cloud.bare(Method::GET, "/secrets").bearer_auth(token.as_str().unwrap())).await.0 == 200
}

#[tokio::test]
async fn app_service_gives_the_managed_identity_a_token() {
    let cloud = Fixture::new().await;
    let base = &cloud.running.ready().base_url;
    let url = format!("{base}/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net");
    assert_eq!(body(cloud.client.get(&url)).await.0, 401, "the header proves that the caller sits in the app");
    let (status, answer) = body(cloud.client.get(&url).header("x-identity-header", "any")).await;
    assert_eq!(status, 200);
    assert!(answer["expires_on"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000, "a text");
    assert_eq!((&answer["token_type"], &answer["resource"]), (&"Bearer".into(), &"https://vault.azure.net".into()));
    assert!(opens_the_vault(&cloud, &answer["access_token"]).await);
    let state = cloud.state().await;
    let oid = &claims(answer["access_token"].as_str().unwrap())["oid"];
    let known = state["principals"].as_array().unwrap().iter().find(|principal| &principal["oid"] == oid).unwrap();
    assert_eq!(known["name"], "stanch");
}

#[tokio::test]
async fn the_metadata_service_wants_its_header_and_knows_user_assigned_identities() {
    let cloud = Fixture::new().await;
    let url = format!(
        "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net",
        cloud.running.ready().base_url
    );
    let at = |url: &str| cloud.client.get(url).header("host", "169.254.169.254");
    assert_eq!(body(at(&url)).await.0, 400);
    let (status, system) = body(at(&url).header("Metadata", "true")).await;
    assert_eq!(status, 200);
    assert!(opens_the_vault(&cloud, &system["access_token"]).await);
    let (_, user) = body(at(&format!("{url}&client_id=app-77")).header("Metadata", "true")).await;
    let claims_of = |answer: &Value| claims(answer["access_token"].as_str().unwrap());
    assert_eq!(claims_of(&user)["appid"], "app-77");
    assert_ne!(claims_of(&user)["oid"], claims_of(&system)["oid"]);
}

#[tokio::test]
async fn people_sign_in_and_anybody_can_check_what_was_signed() {
    let cloud = Fixture::new().await;
    let base = &cloud.running.ready().base_url;
    let at = |url: String| cloud.client.get(url).header("host", "login.microsoftonline.com");
    let sign_in = async |name: &str, password: &str| {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "password"),
                ("client_id", "cli"),
                ("scope", "https://vault.azure.net/.default"),
            ])
            .extend_pairs([("username", name), ("password", password)])
            .finish();
        let request =
            cloud.client.post(format!("{base}/t/oauth2/v2.0/token")).header("host", "login.microsoftonline.com");
        body(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    };
    let config = cloud.running.ready().config.clone().unwrap();
    let password = std::fs::read_to_string(config.with_file_name("credentials").join("person-bob")).unwrap();
    for (name, password) in [("bob", "made up"), ("bob", ""), ("mallory", password.as_str()), ("alice", &password)] {
        let (status, refused) = sign_in(name, password).await;
        assert_eq!((status, &refused["error"]), (400, &"invalid_grant".into()), "{name}");
    }
    let (_, answer) = sign_in("bob@drill.example", &password).await;
    let token = answer["access_token"].as_str().unwrap();
    let said = claims(token);
    assert_eq!((&said["upn"], &said["idtyp"]), (&"bob@drill.example".into(), &"user".into()));
    assert_eq!(said["groups"].as_array().unwrap().len(), 2);
    assert!(opens_the_vault(&cloud, &answer["access_token"]).await);

    let tenant = said["tid"].as_str().unwrap();
    let (_, discovery) = body(at(format!("{base}/{tenant}/v2.0/.well-known/openid-configuration"))).await;
    let keys = discovery["jwks_uri"].as_str().unwrap().strip_prefix("https://login.microsoftonline.com").unwrap();
    let (_, keys) = body(at(format!("{base}{keys}"))).await;
    let bytes = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
    let key = aws_lc_rs::signature::RsaPublicKeyComponents {
        n: bytes(&keys["keys"][0]["n"]),
        e: bytes(&keys["keys"][0]["e"]),
    };
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
    assert!(key.verify(algorithm, signed.as_bytes(), &signature).is_ok());
    assert!(key.verify(algorithm, &signed.as_bytes()[1..], &signature).is_err());
}

#[tokio::test]
async fn entra_gives_tokens_for_secrets_and_assertions() {
    let cloud = Fixture::new().await;
    let url = format!("{}/tenant-1/oauth2/v2.0/token", cloud.running.ready().base_url);
    let ask = async |fields: &[(&str, &str)]| {
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = cloud.client.post(&url).header("host", "login.microsoftonline.com");
        body(request.header("content-type", "application/x-www-form-urlencoded").body(encoded)).await
    };
    let basic =
        [("grant_type", "client_credentials"), ("client_id", "app-1"), ("scope", "https://vault.azure.net/.default")];
    let (status, refused) = ask(&basic).await;
    assert_eq!((status, &refused["error"]), (401, &"invalid_client".into()));
    assert!(refused["error_codes"][0].is_i64());
    for proof in [("client_secret", "made up"), ("client_assertion", "a.b.c")] {
        let (status, answer) = ask(&[&basic[..], &[proof]].concat()).await;
        assert_eq!(status, 200);
        assert_eq!(answer["expires_in"], 3_599, "a number");
        assert_eq!(claims(answer["access_token"].as_str().unwrap())["appid"], "app-1");
        assert!(opens_the_vault(&cloud, &answer["access_token"]).await);
    }
    let (status, _) = ask(&[("grant_type", "password"), ("client_id", "app-1")]).await;
    assert_eq!(status, 400);
}
