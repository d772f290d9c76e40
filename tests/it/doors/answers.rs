//! What somebody answers: a vault, a workspace, a program of the team's, a receiver of messages.

use super::planted::{HELD, assert_fit, assert_seen, assert_silent, assert_written_silent};
use super::{Door, Hostile};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{RawResponse, headers::Headers};
use stanch::azure::{
    Azure, Environment, HttpAnswer, Identity, IdentityChoice, LogAnalytics, LogAnswer, Route, Transport, VaultRequest,
    failed,
};
use stanch::issuers::Answer;
use stanch::notify::{Says, pagerduty, received, slack, teams, webhook};
use stanch::visible;
use std::time::Duration;

const STATUSES: [u16; 16] = [200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 504];

const ERRORS: &[&str] = &[
    r#"{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource.\r\nIf role assignments were changed recently, wait.\r\nCaller: appid=0f0e;oid=7991ac3e","innererror":{"code":"ForbiddenByRbac"}}}"#,
    r#"{"error":{"code":"Forbidden","message":"Operation get is not allowed on a disabled secret.","innererror":{"code":"SecretDisabled"}}}"#,
    r#"{"error":{"code":"SecretNotFound","message":"A secret with (name/id) orders-db was not found in this key vault."}}"#,
    r#"{"error":{"code":"Conflict","message":"Secret orders-db is currently in a deleted but recoverable state","innererror":{"code":"ObjectIsDeletedButRecoverable"}}}"#,
    r#"{"error":{"code":"Throttled","message":"Too many requests","details":[{"code":"a","message":"b"},{"message":"c"},{}]}}"#,
    r#"{"error":{"message":"Request is invalid","code":"BadArgumentError","innererror":{"code":"SemanticError","message":"A semantic error occurred.","innererror":{"code":"SEM0100","message":"'where' operator: Failed to resolve table"}}}}"#,
    r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"TimeGenerated","type":"datetime"}],"rows":[["2026-09-14T08:00:00Z"],[null]]}],"error":{"code":"PartialError","message":"There were some errors when processing your query.","details":[{"code":"EngineError","message":"E_QUERY_RESULT_SET_TOO_LARGE"}]}}"#,
    r#"{"tables":[{"name":"t","columns":[{"name":"a"}],"rows":[[1,2]]}]}"#,
    r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1","error_codes":[7000215]}"#,
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "",
    "null",
    "[]",
    r#"{"error":null}"#,
    r#"{"error":{"code":7,"message":[]}}"#,
];

fn azure() -> Azure {
    let transport = Transport::new(Route::Real, "0123456789ab").unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    Azure { transport, identity }
}

fn answer(hostile: &mut Hostile, good: &[&str]) -> HttpAnswer {
    let status = *hostile.one_of(&STATUSES);
    let pause = (hostile.below(4) == 0).then(|| Duration::from_secs(hostile.below(100_000) as u64));
    HttpAnswer::new(status, pause, hostile.damaged(good))
}

#[test]
fn no_error_of_a_service_does_more_than_tell() {
    let azure = azure();
    let workspace = LogAnalytics::new(uuid::Uuid::from_u128(14), "kv-drill.vault.azure.net", &azure);
    HELD.first().unwrap();
    Door::new(module_path!(), "no_error_of_a_service_does_more_than_tell").try_all(|hostile| {
        let answer = answer(hostile, ERRORS);
        assert_silent("what it says", answer.said().as_bytes());
        assert_silent("a part of it", answer.said_between("\"message\":\"", "\"").unwrap_or_default().as_bytes());
        match workspace.read(&answer) {
            Ok(LogAnswer::Rows(_, Some(told)) | LogAnswer::TooMuch(told)) => {
                assert_silent("what a workspace says", told.as_bytes());
                assert_seen("what a workspace says", &visible::line(&told));
            }
            Ok(_) => {}
            Err(failure) => assert_fit(&failure),
        }
        let asked = VaultRequest {
            doing: "set secrets",
            operation: "Set Secret",
            vault: "kv-drill",
            secret: "orders-db",
            identity: &azure.identity,
            writes: hostile.below(2) == 0,
        };
        assert_fit(&failed(asked, &of_the_client(hostile, &answer)));
    });
}

/// The answer as the official client hands it on.
fn of_the_client(hostile: &mut Hostile, answer: &HttpAnswer) -> Error {
    let mut headers = Headers::new();
    if hostile.below(4) == 0 {
        headers.insert("retry-after", hostile.text(&["30", "Wed, 21 Oct 2026 07:28:00 GMT"]));
    }
    let status = answer.status.into();
    let kind = match hostile.below(8) {
        0 => ErrorKind::Io,
        1 => ErrorKind::Connection,
        2 => ErrorKind::DataConversion,
        _ => ErrorKind::HttpResponse {
            status,
            error_code: (hostile.below(3) == 0).then(|| hostile.text(&["Forbidden", "SecretNotFound"])),
            raw_response: Some(Box::new(RawResponse::from_bytes(status, headers, answer.bytes().to_vec()))),
        },
    };
    let message = hostile.text(&["the server returned an error", "invalid type: null, expected a string"]);
    Error::with_message(kind, message)
}

const TRIED: &[&str] = &[
    r#"{"accepted":true,"answer":"HTTP 200"}"#,
    r#"{"accepted":false,"answer":"401 {\"error\":\"invalid api key\"}"}"#,
    r#"{"accepted":null,"answer":"cannot tell"}"#,
    r#"{"value":null,"credential":"key-2","accepted":true,"answer":"the key is unknown","more":[1,2,{"a":"b"}]}"#,
    "{}",
    "[]",
    "",
    "{\"accepted\":true,",
    "Traceback (most recent call last):\n  File \"rotate.py\", line 1\n",
];
const ISSUED: &[&str] =
    &["key-2", "projects/orders/keys/0123456789abcdef", "b7b1b6f0-0000-4000-8000-000000000001", "AKIA IOSFODNN", ""];

#[test]
fn no_answer_of_a_program_does_more_than_tell() {
    let old = &HELD[0];
    Door::new(module_path!(), "no_answer_of_a_program_does_more_than_tell").try_all(|hostile| {
        match Answer::read("rotate", &hostile.damaged(TRIED)) {
            Ok(answer) => {
                let trial = answer.trial("rotate", old);
                assert_written_silent("a trial", &trial);
                assert_seen("a trial", &visible::line(&serde_json::to_string(&trial).unwrap()));
            }
            Err(failure) => assert_fit(&failure),
        }
        // The new value is one that is known already: nothing else may be kept of so many inputs.
        let credential = hostile.text(ISSUED);
        let value = HELD.get(hostile.below(HELD.len() + 1)).map(|value| value.expose()).unwrap_or_default();
        let answer = serde_json::json!({ "value": value, "credential": credential }).to_string();
        match Answer::read("rotate", answer.as_bytes()).and_then(|answer| answer.issued("rotate", Some(old))) {
            Ok(issued) => {
                let credential = issued.credential.unwrap();
                assert_silent("a credential's name", credential.as_bytes());
                assert!(
                    !credential.chars().any(char::is_control) && credential.chars().count() <= 256,
                    "{credential:?}"
                );
                assert_seen("a credential's name", &visible::line(&credential));
            }
            Err(failure) => assert_fit(&failure),
        }
    });
}

const RECEIVED: &[&str] = &[
    "ok",
    r#"{"ok":true}"#,
    r#"{"ok":true,"warning":"missing_charset"}"#,
    r#"{"ok":false,"error":"invalid_auth"}"#,
    r#"{"ok":false,"error":"ratelimited"}"#,
    "no_text",
    "1",
    "",
    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId tcid=1,server=DB",
    r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute workflow"}}"#,
    r#"{"status":"success","message":"Event processed","dedup_key":"srv01/HTTP"}"#,
    r#"{"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is missing"]}"#,
    "<!DOCTYPE html>\n<html>\n<title>Sign in</title>\n</html>\n",
];

#[test]
fn no_answer_to_a_message_does_more_than_tell() {
    HELD.first().unwrap();
    let receivers: [(&str, Says); 4] = [
        ("Slack", slack::says),
        ("Teams", teams::says),
        ("PagerDuty", pagerduty::says),
        ("the webhook", webhook::says),
    ];
    Door::new(module_path!(), "no_answer_to_a_message_does_more_than_tell").try_all(|hostile| {
        let answer = answer(hostile, RECEIVED);
        let (who, says) = *hostile.one_of(&receivers);
        match received(who, &answer, says) {
            Ok(warning) => {
                let warning = warning.unwrap_or_default();
                assert_seen("a warning", &warning);
                assert_silent("a warning", warning.as_bytes());
                assert!(!warning.contains('\n'), "{warning}");
            }
            Err(failure) => assert_fit(&failure),
        }
    });
}
