//! What is said before a run of whom it will ask, and what of those who answered while others still must.

use super::{begin, events, gate, shown, signed_in, token, with_steps, write};
use serde_json::{Value, json};

#[tokio::test]
async fn a_name_that_nobody_signs_in_by_is_refused_where_it_stands() {
    let do_it = "  - { id: gate, uses: human/do, with: { instructions: roll it, from: [bob], approvals: verified } }\n";
    let group = format!("from: [alice, 'group:{}']", uuid::Uuid::from_u128(9));
    for steps in [gate("approvals: verified, from: [a@b.example, alice]"), do_it.to_owned(), gate(&group)] {
        let stage = with_steps(&steps).await;
        for command in ["lint", "plan"] {
            let said = stage.stanch(&[command, "asking.yaml"]).exit(2);
            let said = said.stdout + &said.stderr;
            assert!(said.contains("may answer a gate and is only a name") && said.contains("asking.yaml:4:"), "{said}");
            assert!(said.contains("NAME@DOMAIN"), "{said}");
        }
    }
    let stage = with_steps(&gate("approvals: verified")).await;
    stage.stanch(&["lint", "asking.yaml"]).exit(0).done();
    std::fs::write(stage.path("people.yaml"), "schema: stanch-config/v1\napprovers: [alice]\n").unwrap();
    let said = stage.stanch(&["plan", "asking.yaml", "--config", "people.yaml"]).exit(2).stderr;
    assert!(said.contains("`alice` may answer a gate and is only a name"), "{said}");
    std::fs::write(stage.path("people.yaml"), "schema: stanch-config/v1\napprovals: verified\napprovers: [alice]\n")
        .unwrap();
    let said = stage.stanch(&["plan", "asking.yaml", "--config", "people.yaml"]).exit(2).stderr;
    assert!(said.contains("people.yaml:3:") && said.contains("only a name"), "{said}");
}

#[tokio::test]
async fn a_gate_that_an_unsigned_start_closes_is_told_before_the_run() {
    let stage = with_steps(&gate("approvals: verified, not_requester: true")).await;
    let signed = "stanch run asking.yaml --signed-in";
    let plan = stage.stanch(&["plan", "asking.yaml"]).exit(0).stdout;
    assert!(plan.contains("! nobody could say yes to `gate`") && plan.contains(signed), "{plan}");
    let checks = stage.stanch(&["plan", "asking.yaml", "--json"]).exit(0).json()["checks"].to_string();
    assert!(checks.contains("nobody could say yes to `gate`"), "{checks}");
    let said = begin(&stage, "unsigned", &[]).exit(4).stderr;
    assert!(said.contains("nobody could say yes to `gate`") && said.contains(signed), "{said}");
    let said = begin(&stage, "signed", &["--signed-in"]).exit(4).stderr;
    assert!(!said.contains("nobody could say yes"), "{said}");

    // Those who are left when the requester is not counted.
    write(&stage, &gate("min: 2, from: [alice, carol], not_requester: true"));
    let said = begin(&stage, "few", &[]).exit(4).stderr;
    assert!(said.contains("`gate` needs 2 yes, and too few may answer: alice, carol, not carol"), "{said}");
    write(&stage, &gate("min: 2, from: [alice, bob], not_requester: true"));
    let said = begin(&stage, "enough", &[]).exit(4).stderr;
    assert!(!said.contains("too few"), "{said}");
}

#[tokio::test]
async fn those_who_said_yes_are_shown_while_others_must() {
    let steps =
        gate("min: 2, approvals: verified") + "  - { id: roll, uses: human/do, with: { instructions: roll it } }\n";
    let stage = with_steps(&steps).await;
    begin(&stage, "r", &["--signed-in"]).exit(4).done();
    signed_in(&stage, "approve", "r", "bob").exit(0).done();
    let status = stage.stanch(&["status", "r"]).exit(0).stdout;
    assert!(status.contains("1 of 2 said yes: bob@drill.example (signed in, object id "), "{status}");
    let asked = stage.stanch(&["status", "r", "--json"]).exit(0).json()["asked"][0].clone();
    assert_eq!(asked["agreed"][0]["by"], "bob@drill.example");
    assert!(asked["agreed"][0]["at"].as_str().unwrap().ends_with('Z') && asked["signed_in"] == true, "{asked}");
    let handover = stage.stanch(&["status", "r", "--handover"]).exit(0).stdout;
    assert!(handover.contains("1 of 2 said yes: bob@drill.example"), "{handover}");

    signed_in(&stage, "approve", "r", "alice").exit(0).done();
    stage.stanch(&["resume", "r"]).exit(4).done();
    stage.stanch(&["approve", "r", "roll", "--signed-in", "--by", "alice"]).exit(0).done();
    let steps = stage.stanch(&["resume", "r", "--json"]).exit(0).json()["steps"].clone();
    let who = steps[1]["outputs"]["who"].as_str().unwrap();
    assert!(who.starts_with("alice@drill.example (signed in, object id "), "{steps}");
    let status = stage.stanch(&["status", "r", "--full"]).exit(0).stdout;
    assert!(status.contains("done by alice@drill.example (signed in"), "{status}");
}

#[tokio::test]
async fn a_run_is_given_up_by_those_whose_word_counts() {
    let stage = with_steps(&gate("min: 1")).await;
    std::fs::write(stage.path("policy.yaml"), "schema: stanch-config/v1\napprovals: verified\n").unwrap();
    begin(&stage, "r", &["--config", "policy.yaml"]).exit(4).done();
    let said = stage.stanch(&["abandon", "r", "--because", "so", "--by", "kim"]).exit(5).stderr;
    assert!(said.contains("`kim` is only typed") && said.contains("--signed-in"), "{said}");
    assert!(events(&stage, "r", "run_abandoned").is_empty());
    stage.stanch(&["abandon", "r", "--because", "so", "--signed-in", "--by", "bob"]).exit(0).done();
    let abandoned = events(&stage, "r", "run_abandoned");
    assert_eq!(abandoned[0]["by"], "bob@drill.example");
    assert!(abandoned[0]["seen"]["verified"]["oid"].is_string(), "{abandoned:?}");
    let log = stage.stanch(&["log", "r"]).exit(0).stdout;
    assert!(log.contains("abandoned by bob@drill.example (signed in, object id"), "{log}");
}

#[tokio::test]
async fn a_refused_answer_says_what_to_do_and_scripts_read_why() {
    let stage = with_steps(&gate("approvals: verified")).await;
    begin(&stage, "r", &[]).exit(4).done();
    let now = chrono::Utc::now().timestamp();
    let other = uuid::Uuid::from_u128(5).to_string();
    for (claims, why) in [
        (
            json!({ "aud": "https://graph.microsoft.com" }),
            ["for `https://graph.microsoft.com`", "--resource https://vault.azure.net"],
        ),
        (
            json!({ "tid": other, "iss": format!("https://sts.windows.net/{other}/") }),
            [other.as_str(), "az login --tenant 0c4f6b1e"],
        ),
        (json!({ "nbf": now + 600, "exp": now + 900 }), ["by the clock of this machine", "set the clock"]),
        (json!({ "nbf": now - 900, "exp": now - 600 }), ["by the clock of this machine", "sign in anew"]),
    ] {
        let said = shown(&stage, "approve", "r", &token(&stage, 1, Some("a@contoso.com"), claims).await).exit(5).stderr;
        assert!(why.iter().all(|why| said.contains(why)), "{why:?}: {said}");
    }
    let token = token(&stage, 1, Some("a@contoso.com"), json!({})).await;
    for (text, why) in [
        (format!("{{ \"accessToken\": \"{token}\" }}"), "it is the whole answer"),
        (token.chars().take(40).collect(), "az account get-access-token"),
    ] {
        let said = shown(&stage, "approve", "r", &text).exit(5).stderr;
        assert!(said.contains(why) && said.contains("-o tsv"), "{said}");
    }
    let refused = stage.stanch(&["approve", "r", "gate", "--by", "kim", "--json"]).exit(5).json();
    assert_eq!((&refused["taken"], &refused["run"], &refused["step"]), (&json!(false), &json!("r"), &json!("gate")));
    assert!(refused["error"]["reasons"][0].as_str().unwrap().contains("only typed"), "{refused}");
    for (arguments, code) in [(["approve", "r", "none"], 2), (["approve", "none", "gate"], 2)] {
        let refused = stage.stanch(&[&arguments[..], &["--by", "kim", "--json"]].concat()).exit(code).json();
        assert!(refused["taken"] == false && refused["error"]["summary"].is_string(), "{refused}");
    }
    // As it stands in a request.
    let pasted = stage
        .stanch_given(&["approve", "r", "gate", "--token-stdin", "--json"], format!("Bearer {token}\n").as_bytes());
    assert_eq!(pasted.exit(0).json(), json!({ "run": "r", "step": "gate", "taken": true, "left": false }));
    let twice = stage.stanch(&["approve", "r", "gate", "--signed-in", "--by", "bob"]).exit(2).stderr;
    assert!(twice.contains("it was approved by a@contoso.com") && !twice.contains("gate_answered"), "{twice}");
}

#[tokio::test]
async fn the_cloud_signs_nobody_in_at_another_tenant_than_its_own() {
    let stage = with_steps(&gate("min: 1")).await;
    let password = std::fs::read_to_string(stage.ready_file().parent().unwrap().join("credentials/person-bob"));
    let password = password.unwrap_or_default();
    let scope = "https://vault.azure.net/.default";
    let person = [("grant_type", "password"), ("username", "bob"), ("password", password.trim()), ("scope", scope)];
    let application =
        [("grant_type", "client_credentials"), ("client_id", "x"), ("client_secret", "y"), ("scope", scope)];
    let ask = async |tenant: &str, form: &[(&str, &str)]| -> Value {
        let url = format!("http://{}/{tenant}/oauth2/v2.0/token", stage.address());
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = reqwest::Client::new().post(url).header("host", "login.microsoftonline.com");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    };
    let other = uuid::Uuid::from_u128(5).to_string();
    let refused = ask(&other, &person).await;
    assert_eq!(refused["error_codes"][0], 50_020, "{refused}");
    let token = ask(&other, &application).await["access_token"].as_str().unwrap().to_owned();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["tid"], other.as_str());
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{other}/"));
}
