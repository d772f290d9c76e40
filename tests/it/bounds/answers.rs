//! Answers that are too large, too many or too slow, by whoever answers in a vault's place.

use super::hostile::{Hostile, Piece, head, packed_spaces, plain};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const INVENTORY: [&str; 3] = ["inventory", "--vault", "https://kv-drill.vault.azure.net"];
/// What hostile answers may cost beside what the program takes anyway, in KiB.
const MOST: u64 = 64 << 10;
/// Gigabytes are promised, and nobody waits for them.
const GIGABYTES: usize = 3 << 10;

/// What the program takes for an empty vault.
async fn usual(arguments: &[&str]) -> u64 {
    let empty = Hostile::new(|_, _| plain(200, r#"{"value":[],"nextLink":null}"#)).await;
    let (said, most, _) = empty.measured(Some("t"), arguments).await;
    said.exit(0).done();
    most
}

/// What stands at the end of the next page's address.
type NextPage = fn(usize) -> String;

/// One page of a list, and where it goes on.
fn page(count: usize, next: &str) -> String {
    let entry = |number: usize| {
        let id = format!("https://kv-drill.vault.azure.net/secrets/s-{number}");
        json!({ "id": id, "attributes": { "enabled": true, "created": 1_700_000_000, "updated": 1_700_000_000 } })
    };
    json!({ "value": (0..count).map(entry).collect::<Vec<_>>(), "nextLink": next }).to_string()
}

#[tokio::test]
async fn gigabytes_of_an_answer_are_not_taken_packed_or_not() {
    let usual = usual(&INVENTORY).await;
    for encoding in ["gzip", "deflate", "plain", "plain with a length", "packed error", "challenge"] {
        let hostile = Hostile::new(move |_, _| {
            let packed = |status| {
                let encoding = if encoding == "deflate" { "deflate" } else { "gzip" };
                let mut pieces = vec![head(status, &format!("content-encoding: {encoding}\r\n"))];
                pieces.extend(packed_spaces(encoding, "{\"value\":[", GIGABYTES));
                pieces
            };
            let spaces = || Piece::Again(Arc::new(vec![b' '; 1 << 20]), GIGABYTES);
            match encoding {
                "plain" => vec![head(200, ""), spaces()],
                "plain with a length" => vec![head(200, "content-length: 3221225472\r\n"), spaces()],
                "packed error" => packed(403),
                "challenge" => packed(401),
                _ => packed(200),
            }
        })
        .await;
        let (said, most, took) = hostile.measured(Some("t"), &INVENTORY).await;
        let error = &said.stderr;
        assert_eq!(said.code, Some(5), "{encoding}: {error}");
        assert!(error.contains("the answer of `kv-drill.vault.azure.net` is too large"), "{encoding}: {error}");
        assert!(error.contains("help: "), "{encoding}: {error}");
        assert!(most < usual + MOST, "{encoding}: {most} KiB, else {usual}");
        assert!(took < Duration::from_secs(30), "{encoding}: {took:?}");
    }
}

#[tokio::test]
async fn an_identity_that_answers_without_end_is_told_so() {
    let usual = usual(&INVENTORY).await;
    let hostile = Hostile::new(|path, _| {
        if path.contains("/secrets") {
            return plain(401, "{}");
        }
        let mut pieces = vec![head(200, "content-encoding: gzip\r\n")];
        pieces.extend(packed_spaces("gzip", "{\"access_token\":\"", GIGABYTES));
        pieces
    })
    .await;
    let (said, most, _) = hostile.measured(None, &INVENTORY).await;
    assert_eq!(said.code, Some(5), "{}", said.stderr);
    assert!(said.stderr.contains("the answer of `169.254.169.254` is too large"), "{}", said.stderr);
    assert!(most < usual + MOST, "{most} KiB, else {usual}");
}

#[tokio::test]
async fn a_small_answer_that_stands_for_much_is_not_taken() {
    let usual = usual(&INVENTORY).await;
    for entry in ["{}", "[]", "0", "{\"tags\":{\"a\":\"\"}}"] {
        let body = format!("{{\"value\":[{entry}{}]}}", format!(",{entry}").repeat(900_000 / (entry.len() + 1)));
        let hostile = Hostile::new(move |_, _| plain(200, &body)).await;
        let (said, most, _) = hostile.measured(Some("t"), &INVENTORY).await;
        assert_eq!(said.code, Some(5), "{}", said.stderr);
        assert!(said.stderr.contains("`kv-drill.vault.azure.net` has too many entries"), "{}", said.stderr);
        assert!(most < usual + MOST, "{entry}: {most} KiB, else {usual}");
    }
}

#[tokio::test]
async fn a_list_that_leads_nowhere_ends() {
    let base = "https://kv-drill.vault.azure.net/secrets?api-version=7.4&$skiptoken=";
    let usual = usual(&INVENTORY).await;
    let lists: [(&str, &str, NextPage); 4] = [
        ("itself", "points back to an earlier one, or to itself", |_| "a".to_owned()),
        ("a circle", "points back to an earlier one, or to itself", |number| (number % 7).to_string()),
        ("no end, and full pages", "it still goes on", |number| number.to_string()),
        ("no end, and heavy pages", "it still goes on", |number| number.to_string()),
    ];
    for (name, why, next) in lists {
        let hostile = Hostile::new(move |_, number| {
            let next = format!("{base}{}", next(number));
            match name {
                "no end, and heavy pages" => {
                    let tags: serde_json::Map<_, _> = (0..15).map(|tag| (format!("{tag:>0200}"), "v".repeat(200).into())).collect();
                    let attributes = json!({ "created": 1_700_000_000 });
                    let entry = json!({ "id": "https://kv-drill.vault.azure.net/secrets/s", "attributes": attributes, "tags": tags });
                    plain(200, &json!({ "value": vec![entry; 100], "nextLink": next }).to_string())
                }
                "no end, and full pages" => plain(200, &page(1_000, &next)),
                _ => plain(200, &page(0, &next)),
            }
        })
        .await;
        let (said, most, took) = hostile.measured(Some("t"), &INVENTORY).await;
        assert_eq!(said.code, Some(5), "{name}: {}", said.stderr);
        assert!(said.stderr.contains("the list of `kv-drill` cannot be read"), "{name}: {}", said.stderr);
        assert!(said.stderr.contains(why), "{name}: {}", said.stderr);
        assert!(most < usual + MOST, "{name}: {most} KiB, else {usual}");
        println!("{name}: {most} KiB, usually {usual}, {took:?}");
    }
}

#[tokio::test]
async fn a_list_that_leads_to_another_host_is_not_followed() {
    for next in [
        "https://evil.vault.azure.net/secrets",
        "http://kv-drill.vault.azure.net/secrets",
        "https://127.0.0.1:1/secrets",
    ] {
        let hostile = Hostile::new(move |path, number| {
            assert!(number == 0 || !path.contains("skiptoken"));
            plain(200, &page(1, &format!("{next}?api-version=7.4&$skiptoken=1")))
        })
        .await;
        let (said, _, _) = hostile.measured(Some("t"), &INVENTORY).await;
        assert_eq!(said.code, Some(5), "{next}: {}", said.stderr);
        assert!(!said.stderr.contains("is too"), "{next}: {}", said.stderr);
    }
}

#[tokio::test]
async fn heads_of_answers_are_bounded_too() {
    let usual = usual(&INVENTORY).await;
    let line = Arc::new(format!("x-more: {}\r\n", "y".repeat(8_000)).into_bytes());
    for endless in ["one line", "many lines"] {
        let line = Arc::clone(&line);
        let hostile = Hostile::new(move |_, _| {
            let begin = Piece::Bytes(b"HTTP/1.1 200 OK\r\nx-long: ".to_vec());
            let spaces = Piece::Again(Arc::new(vec![b'y'; 1 << 20]), GIGABYTES);
            let lines = Piece::Again(Arc::clone(&line), GIGABYTES * 128);
            vec![begin, if endless == "one line" { spaces } else { lines }]
        })
        .await;
        let (said, most, _) = hostile.measured(Some("t"), &INVENTORY).await;
        assert_eq!(said.code, Some(5), "{endless}: {}", said.stderr);
        assert!(most < usual + MOST, "{endless}: {most} KiB, else {usual}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_comes_to_an_end() {
    if !crate::stage::is_heavy() {
        // It is waited for and asked for again as long as for a slow vault, which is too long for every day.
        return;
    }
    for body in ["answer", "head"] {
        let hostile = Hostile::new(move |_, _| {
            let begin = if body == "answer" { head(200, "") } else { Piece::Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()) };
            vec![begin, Piece::Drip(b' ', Duration::from_secs(1))]
        })
        .await;
        let (said, _, took) = hostile.measured(Some("t"), &INVENTORY).await;
        println!("{body}: {took:?} {}", said.stderr);
        assert_eq!(said.code, Some(5), "{body}: {}", said.stderr);
        assert!(took < Duration::from_secs(4 * 50), "{body}: {took:?}");
        let why = if body == "answer" { "did not come to its end" } else { "did not answer" };
        assert!(said.stderr.contains(why), "{body}: {}", said.stderr);
    }
}
