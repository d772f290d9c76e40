//! What in a log deserves attention.

use super::{Archive, LEAKED, SHOP, THIEF, deed, event, found, read, rules};
use serde_json::{Value, json};
use stanch::audit::Severity;
use std::collections::BTreeSet;

#[test]
fn an_unknown_reader_is_told_from_one_who_only_tried() {
    let trier = "cccccccc-0000-4000-8000-000000000003";
    let radius = Archive::with(&[
        read(1),
        deed(2, trier, "SecretGet", "secrets/db-password", 403),
        deed(3, SHOP, "SecretGet", "secrets/db-password", 200),
    ])
    .ask();
    let reader = found(&radius, "unknown-reader");
    assert_eq!((reader.severity, reader.evidence.len()), (Severity::High, 1));
    let evidence = &reader.evidence[0];
    assert_eq!((&*evidence.oid, &*evidence.ip, evidence.count), (THIEF, "203.0.113.9", 1));
    assert_eq!(evidence.first, "2026-11-20T10:00:01.1234567Z");
    assert_eq!(evidence.user_agent, "azsdk-net-Security.KeyVault.Secrets/4.6.0");
    assert_eq!(found(&radius, "unknown-caller").evidence[0].oid, trier);
    assert_eq!(rules(&radius), ["unknown-reader", "unknown-caller"], "the known reader gives none");
}

#[test]
fn a_burst_of_refusals_before_a_success_is_found() {
    let denied = |second| deed(second, THIEF, "SecretGet", "secrets/db-password", 403);
    let burst: Vec<Value> = (0..5).map(|nth| denied(nth * 60)).collect();
    let with_success = |second| [burst.clone(), vec![read(second)]].concat();
    let finding = found(&Archive::with(&with_success(600)).ask(), "denied-then-success").clone();
    assert_eq!(
        finding.evidence.iter().map(|one| (one.status, one.count)).collect::<BTreeSet<_>>(),
        BTreeSet::from([(403, 5), (200, 1)])
    );
    let slow: Vec<Value> = (0..5).map(|nth| denied(nth * 300)).chain([read(1300)]).collect();
    for events in [slow, burst[1..].iter().cloned().chain([read(600)]).collect(), burst.clone()] {
        assert!(!rules(&Archive::with(&events).ask()).contains(&"denied-then-success"));
    }
    let first_success: Vec<Value> = [vec![read(0)], (2..7).map(|nth| denied(nth * 60)).collect()].concat();
    assert!(!rules(&Archive::with(&first_success).ask()).contains(&"denied-then-success"));
}

#[test]
fn listing_and_reading_many_secrets_is_found() {
    let gets = |count: u32| (0..count).map(|nth| deed(10 + nth, THIEF, "SecretGet", &format!("secrets/s-{nth}"), 200));
    let listing = deed(9, THIEF, "SecretList", "secrets", 200);
    let radius = Archive::with(&[vec![read(1), listing.clone()], gets(26).collect()].concat()).ask();
    assert!(found(&radius, "enumeration").summary.contains("26 secrets"));
    assert!(found(&radius, "mass-retrieval").summary.contains("27 different"));
    let radius = Archive::with(&[vec![read(1), listing.clone()], gets(4).collect()].concat()).ask();
    assert_eq!(rules(&radius), ["unknown-reader"]);
    let radius = Archive::with(
        &[vec![read(1)], gets(24).collect(), vec![deed(100, THIEF, "SecretList", "secrets", 200)]].concat(),
    )
    .ask();
    assert_eq!(rules(&radius), ["unknown-reader"], "25 secrets, and the listing came last");
}

#[test]
fn asking_for_a_version_after_its_revocation_is_found() {
    let path = format!("secrets/db-password/{LEAKED}");
    let mut revoked = deed(600, "dddddddd-0000-4000-8000-000000000004", "SecretUpdate", &path, 200);
    revoked["correlationId"] = json!("5ca1ab1e-9");
    let refused = |second| deed(second, SHOP, "SecretGet", &path, 403);
    let radius = Archive::with(&[revoked.clone(), refused(900)]).ask();
    assert_eq!(found(&radius, "read-after-revocation").severity, Severity::Medium);
    assert_eq!(rules(&radius), ["read-after-revocation"], "our own update is none");
    assert_eq!(rules(&Archive::with(&[revoked, refused(300)]).ask()), Vec::<&str>::new());
}

#[test]
fn changes_deletions_and_tools_are_found() {
    let path = format!("secrets/db-password/{LEAKED}");
    let radius = Archive::with(&[
        deed(1, SHOP, "SecretUpdate", &path, 200),
        deed(2, SHOP, "SecretBackup", "secrets/db-password/backup", 403),
        deed(3, SHOP, "SecretSet", "secrets/db-password", 200),
    ])
    .ask();
    assert_eq!(rules(&radius), ["sensitive-operation", "changed-by-others"]);
    assert!(radius.findings.iter().all(|finding| finding.severity == Severity::Medium));

    let radius = Archive::with(&[
        event(1, |event| event["properties"]["clientInfo"] = json!("curl/8.4.0")),
        deed(2, THIEF, "SecretPurge", "deletedsecrets/other", 204),
        deed(3, THIEF, "SecretSet", "secrets/db-password", 200),
    ])
    .ask();
    assert_eq!(rules(&radius), ["unknown-reader", "sensitive-operation", "changed-by-others", "tool-user-agent"]);
    assert_eq!(found(&radius, "sensitive-operation").evidence[0].note, "secret `other`");
}

#[test]
fn a_success_without_an_identity_is_found_and_a_challenge_is_not() {
    let anonymous = |status| {
        event(1, |event| {
            event["identity"] = json!({});
            event["properties"]["httpStatusCode"] = json!(status);
        })
    };
    let radius = Archive::with(&[anonymous(401)]).ask();
    assert_eq!((rules(&radius).len(), radius.accesses[0].status, radius.unknown_callers.len()), (0, 401, 0));
    assert_eq!(rules(&Archive::with(&[anonymous(200)]).ask()), ["unattributed-access"]);
}
