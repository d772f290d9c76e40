//! What a portal or a command line exports: CSV and JSON, in both shapes of table.

use super::{FRESH, HOST, LEAKED, SHOP, THIEF, ask, counts, query, write};
use serde_json::json;
use stanch::audit::{BlastRadius, Source, blast_radius, csv};
use tempfile::TempDir;

fn exported(name: &str, text: &str) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    write(&path, text.as_bytes());
    ask(&path, &query())
}

#[test]
fn a_csv_of_the_diagnostics_table_is_read_with_the_portals_times() {
    let id = format!("{HOST}/secrets/db-password/{LEAKED}");
    let text = format!(
        "\u{feff}\"TimeGenerated [UTC]\",OperationName,CallerIPAddress,\"httpStatusCode_d\",id_s,requestUri_s,clientInfo_s,identity_claim_oid_g,identity_claim_upn_s,ResourceId,ResultSignature,CorrelationId\r\n\
        \"11/20/2026, 10:00:05.123 AM\",SecretGet,203.0.113.9,200,{id},{HOST}/secrets/DB-Password?api-version=7.4,\"curl/8, \"\"x\"\"\",{THIEF},mallory@example.com,/SUBSCRIPTIONS/S/VAULTS/KV-DRILL,OK,1\r\n\
        \"11/20/2026, 10:00:06.000 AM\",SecretGet,203.0.113.9,403.0,{HOST}/secrets/smtp,{HOST}/secrets/smtp,curl/8,{THIEF},,/SUBSCRIPTIONS/S/VAULTS/KV-DRILL,Forbidden,2\r\n\
        \"yesterday\",SecretGet,,,,,,,,,,\r\n"
    );
    let radius = exported("export.csv", &text);
    let access = &radius.accesses[0];
    assert_eq!(
        (&*access.oid, &*access.version, access.status, &*access.name),
        (THIEF, LEAKED, 200, "mallory@example.com")
    );
    assert_eq!((&*access.first, &*access.user_agent), ("2026-11-20T10:00:05.123Z", "curl/8, \"x\""));
    assert_eq!(
        radius.second_order.iter().map(|row| (&*row.secret, row.count, row.succeeded)).collect::<Vec<_>>(),
        [("smtp", 1, 0)]
    );
    assert_eq!((radius.coverage.events, radius.coverage.unreadable_lines), (2, 1));
    assert!(radius.coverage.notes.iter().any(|note| note.contains("what its query asked for")));
}

#[test]
fn json_rows_of_either_table_are_read() {
    let specific = json!({
        "TimeGenerated": "2026-11-20T10:00:01.5Z", "OperationName": "SecretGet", "CallerIpAddress": "203.0.113.9",
        "HttpStatusCode": 200, "Id": format!("{HOST}/secrets/db-password/{FRESH}"), "RequestUri": format!("{HOST}/secrets/db-password"),
        "Identity": json!({"claim": {"oid": THIEF.to_uppercase(), "appid": "a"}}).to_string(),
        "_ResourceId": "/subscriptions/s/providers/microsoft.keyvault/vaults/kv-drill", "TenantId": "t"
    });
    let diagnostics = json!({
        "TimeGenerated": "2026-11-20T10:00:02Z", "OperationName": "SecretGet", "CallerIPAddress": "203.0.113.8",
        "httpStatusCode_d": 200.0, "id_s": format!("{HOST}/secrets/db-password/{FRESH}"), "requestUri_s": format!("{HOST}/secrets/db-password"),
        "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g": SHOP, "ResourceId": "/X/VAULTS/KV-DRILL"
    });
    let rows = json!([specific, diagnostics]);
    for text in [rows.to_string(), serde_json::to_string_pretty(&rows).unwrap(), format!("{specific}\n{diagnostics}\n")]
    {
        let radius = exported("export.json", &text);
        let who: Vec<_> = radius.accesses.iter().map(|access| (&*access.oid, &*access.version, access.known)).collect();
        assert_eq!(who, [(THIEF, FRESH, false), (SHOP, FRESH, true)], "{text}");
        assert_eq!(
            (radius.coverage.events, radius.coverage.unreadable_lines, &radius.coverage.gaps[..]),
            (2, 0, &[][..])
        );
        assert_eq!(radius.coverage.first, "2026-11-20T10:00:01.5Z");
    }
}

#[test]
fn what_is_no_export_is_refused_with_a_way_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.csv");
    write(&path, b"a,b\n1,2\n");
    let failure = blast_radius(&Source::path(&path), &query()).unwrap_err();
    assert!(failure.reasons[0].contains("TimeGenerated") && failure.help.is_some(), "{failure:?}");
}

#[test]
fn the_table_has_a_row_for_each_access_and_each_other_secret() {
    let archive = super::Archive::with(&[super::read(1), super::deed(2, THIEF, "SecretGet", "secrets/smtp", 200)]);
    let radius = archive.ask();
    assert_eq!(counts(&radius), 1);
    let text = csv(&radius, "kv-drill").unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        rows.iter().map(|row| (row[0], row[2])).collect::<Vec<_>>(),
        [("relation", "secret"), ("access", "db-password"), ("second_order", "smtp")]
    );
}
