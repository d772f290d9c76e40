//! Which requests are taken for our own, and on what grounds.

use super::workspace::answered_by;
use super::{Archive, SHOP, THIEF, ask, event, query, read};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, Own, Query};
use stanch::azure::Caller;
use stanch::correlation::{MARK, Prefix, prefix};

fn marked(event: &mut Value) {
    event["correlationId"] = json!(format!("{}-8000-000000000000", prefix("00aabbccdd")).to_uppercase());
}

fn as_we(oid: &str) -> Query {
    let caller = Caller { oid: oid.to_uppercase(), appid: "app-1".to_owned() };
    Query { own: Own { caller: Some(caller), ..Own::default() }, ..query() }
}

fn kinds(radius: &BlastRadius) -> Vec<(bool, bool)> {
    radius.accesses.iter().map(|access| (access.own, access.claims_to_be_own)).collect()
}

#[test]
fn the_mark_is_believed_of_our_principal_alone() {
    let marked = Archive::with(&[event(1, marked)]);
    let ours = ask(marked.path(), &as_we(THIEF));
    assert_eq!((kinds(&ours), ours.unknown_callers.len()), (vec![(true, false)], 0));
    assert_eq!(ours.accesses[0].name, "stanch (another run)");

    // Another principal, even one of the same application, and nobody who has signed in here.
    for query in [as_we(SHOP), query()] {
        let claimed = ask(marked.path(), &query);
        assert_eq!((kinds(&claimed), &*claimed.unknown_callers), (vec![(false, true)], &[THIEF.to_owned()][..]));
        assert!(claimed.accesses[0].name.starts_with("claims to be stanch (another run): "), "{claimed:?}");
        assert!(claimed.coverage.notes.iter().any(|note| note.contains("not taken for our own")), "{claimed:?}");
    }

    // Our principal without the mark: somebody may use our identity.
    let unmarked = ask(Archive::with(&[read(1)]).path(), &as_we(THIEF));
    assert_eq!((kinds(&unmarked), unmarked.unknown_callers.len()), (vec![(false, false)], 1));
}

#[test]
fn what_a_known_run_did_carries_its_id() {
    let own = |event: &mut Value| event["correlationId"] = json!("5CA1AB1E-1111-4000-8000-000000000000");
    let archive = Archive::with(&[event(1, own)]);
    let known = Prefix { text: "5ca1ab1e-1111".to_owned(), run: Some("r-1".to_owned()) };
    let of_another = Query { own: Own { prefixes: vec![known.clone()], ..Own::default() }, ..query() };
    let radius = ask(archive.path(), &of_another);
    assert_eq!(
        (&*radius.accesses[0].name, &*radius.accesses[0].runs),
        ("stanch (another run)", &["r-1".to_owned()][..])
    );
    let itself = Query { own: Own { prefixes: vec![known], run: Some("r-1".to_owned()), caller: None }, ..query() };
    assert_eq!(ask(archive.path(), &itself).accesses[0].name, "app-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_tells_them_apart_as_files_do() {
    let of = |own: Value, query: Query| async move {
        let radius = answered_by(own, query).await;
        radius.accesses.iter().map(|access| (access.own, access.claims_to_be_own)).collect::<Vec<_>>()
    };
    assert_eq!(of(json!(MARK), as_we(THIEF)).await, [(true, false)]);
    assert_eq!(of(json!(MARK), as_we(SHOP)).await, [(false, true)]);
    assert_eq!(of(json!("5ca1ab1e-"), query()).await, [(true, false)], "a beginning that is known is ours");
    assert_eq!(of(json!(""), as_we(THIEF)).await, [(false, false)]);
}
