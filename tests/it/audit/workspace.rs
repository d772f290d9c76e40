//! A workspace, as the query interface answers: whole, in part, not at all, and refusing.

use super::{HOST, LEAKED, THIEF, query, time};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, Likely, Place, Query, Source, Watch, blast_radius};
use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport};
use stanch::failure::Failure;
use std::sync::{Arc, Mutex};

const ID: &str = "11111111-2222-4333-8444-555555555555";

type Script = dyn Fn(&str) -> (u16, String) + Send + Sync;

/// A workspace on this machine, and what it was asked.
struct Stub {
    asked: Arc<Mutex<Vec<String>>>,
    cloud: CloudFile,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok()) == Some("Bearer a.b.c");
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = body["query"].as_str().unwrap().to_owned();
    assert!(bearer && path == format!("/v1/workspaces/{ID}/query"), "{path}");
    let (status, answer) = (shared.script)(&text);
    shared.asked.lock().unwrap().push(text);
    (StatusCode::from_u16(status).unwrap(), answer).into_response()
}

impl Stub {
    async fn serve(script: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let shared = Shared { script: Arc::new(script), asked: asked.clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(
            async move { axum::serve(listener, axum::Router::new().fallback(answer).with_state(shared)).await },
        );
        let cloud =
            json!({"base_url": base, "ca_pem": null, "hosts": ["api.loganalytics.azure.com"], "token": "a.b.c"});
        Self { asked, cloud: serde_json::from_value(cloud).unwrap() }
    }

    fn source(&self) -> Source {
        let transport = Transport::new(Route::Cloud(Box::new(self.cloud.clone())), "").unwrap();
        let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::new([]));
        let azure = Azure { transport, identity };
        Source::open(&Place::workspace(ID).unwrap(), &azure, "kv-drill.vault.azure.net").unwrap()
    }

    async fn ask(&self, query: Query) -> Result<BlastRadius, Failure> {
        let source = self.source();
        tokio::task::spawn_blocking(move || blast_radius(&source, &query)).await.unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn table(columns: &[&str], rows: &[Value]) -> Value {
    let columns: Vec<Value> = columns.iter().map(|name| json!({"name": name, "type": "string"})).collect();
    json!({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]})
}

fn absent() -> (u16, String) {
    let inner = json!({"code": "SEM0100", "message": "'where' operator: Failed to resolve table or column expression named 'X'"});
    let error = json!({"code": "BadArgumentError", "message": "The request had some invalid properties",
        "innererror": {"code": "SemanticError", "message": "A semantic error occurred.", "innererror": inner}});
    (400, json!({ "error": error }).to_string())
}

const COLUMNS: [&str; 17] = [
    "entry_resource",
    "entry_oid",
    "entry_appid",
    "entry_upn",
    "entry_principal",
    "entry_ip",
    "entry_operation",
    "entry_path",
    "entry_id",
    "entry_status",
    "entry_signature",
    "entry_agent",
    "entry_own",
    "entry_slot",
    "entry_count",
    "first_seen",
    "last_seen",
];

/// A row of a summary: so many reads of a path by the thief.
fn row(path: &str, id: &str, count: u64, (first, last): (&str, &str)) -> Value {
    json!([
        "/subscriptions/s/providers/microsoft.keyvault/vaults/kv-drill",
        THIEF,
        "app-1",
        "mallory@example.com",
        "",
        "203.0.113.9",
        "SecretGet",
        format!("{HOST}/{path}"),
        format!("{HOST}/{id}"),
        200,
        "OK",
        "curl/8.4.0",
        false,
        first,
        count,
        first,
        last
    ])
}

fn moments(minute: u32) -> (String, String) {
    (format!("2026-11-20T10:{minute:02}:00.1234567Z"), format!("2026-11-20T10:{minute:02}:59.7654321Z"))
}

/// A workspace with the resource-specific table alone, in which all is well.
fn whole(text: &str) -> (u16, String) {
    if !text.lines().any(|line| line == "AZKVAuditLogs") {
        return absent();
    }
    let (first, last) = moments(5);
    let id = format!("secrets/db-password/{LEAKED}");
    let answer = if text.contains("entry_hour") {
        table(
            &["entry_hour", "entry_count", "first_seen", "last_seen"],
            &[json!(["2026-11-20T10:00:00Z", 40, first, last])],
        )
    } else if text.contains("by entry_resource\n") {
        table(&["entry_resource", "entry_count"], &[json!(["/x/vaults/KV-DRILL", 40])])
    } else if text.contains("entry_oid in (") {
        table(
            &COLUMNS,
            &[
                row("secrets/smtp", "secrets/smtp/9", 3, (&first, &last)),
                row("secrets/db-password", &id, 4, (&first, &last)),
            ],
        )
    } else if text.contains("contains secret") {
        let other = row("secrets/db-password-old", "secrets/db-password-old/1", 9, (&first, &last));
        table(&COLUMNS, &[row("secrets/DB-Password", &id, 4, (&first, &last)), other])
    } else {
        table(&["entry_count", "first_seen"], &[json!([40, "2026-10-01T00:00:00Z"])])
    };
    (200, answer.to_string())
}

/// What is answered where the engine found so much of our ids in the request's.
pub(super) async fn answered_by(own: Value, query: Query) -> BlastRadius {
    let stub = Stub::serve(move |text| {
        let (status, answer) = whole(text);
        if !text.contains("contains secret") {
            return (status, answer);
        }
        assert!(text.contains("\"57a4c4\""), "the mark is looked for: {text}");
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        for row in answer["tables"][0]["rows"].as_array_mut().into_iter().flatten() {
            row[12] = own.clone();
        }
        (status, answer.to_string())
    })
    .await;
    stub.ask(query).await.unwrap()
}

fn one_hour() -> Query {
    Query { known: [String::from("somebody")].into(), ..query() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_answers_with_what_the_engine_counted() {
    let stub = Stub::serve(whole).await;
    let radius = stub.ask(one_hour()).await.unwrap();
    let access = &radius.accesses[0];
    assert_eq!(radius.accesses.len(), 1, "the sibling is none: {:#?}", radius.accesses);
    assert_eq!((&*access.version, access.count, &*access.name), (LEAKED, 4, "mallory@example.com"));
    assert_eq!((&*access.first, &*access.last), ("2026-11-20T10:05:00.1234567Z", "2026-11-20T10:05:59.7654321Z"));
    assert_eq!(radius.unknown_callers, [THIEF]);
    let reach: Vec<_> = radius.second_order.iter().map(|row| (&*row.secret, row.count, &*row.vault)).collect();
    assert_eq!(reach, [("smtp", 3, "kv-drill")], "the secret itself is no second order");
    let coverage = &radius.coverage;
    assert_eq!((coverage.files, coverage.events, coverage.log_begins), (1, 40, Some(time("2026-10-01T00:00:00Z"))));
    assert_eq!((&coverage.gaps[..], &*coverage.sources[0]), (&[][..], &*format!("workspace {ID}")));
    assert!(coverage.truncations.is_empty() && coverage.vaults_without_log.is_empty(), "{coverage:?}");
    for text in stub.asked() {
        assert!(text.matches("db-password").count() <= 1, "the name is bound once: {text}");
        assert!(
            text.contains("column_ifexists") && text.contains("entry_resource endswith \"/vaults/kv-drill\""),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_many_runs_are_told_from_others_and_the_rest_is_said() {
    let stub = Stub::serve(whole).await;
    let mut many = one_hour();
    many.own.prefixes = (0..2_500).map(|run| format!("{run:08X}-0000").into()).collect();
    many.own.prefixes.extend(["5ca1ab1e-".into(), "x\") or true".into()]);
    let radius = stub.ask(many).await.unwrap();
    let telling: Vec<String> = stub.asked().into_iter().filter(|text| text.contains("entry_own = ")).collect();
    assert!(!telling.is_empty());
    for text in telling {
        let told = |prefix: &str| text.contains(&format!("\"{prefix}\""));
        assert!(told("5ca1ab1e-") && told("000009c3-0000") && !told("00000000-0000"), "{text}");
        assert!(!text.contains("or true"), "what is no id is no part of a query: {text}");
    }
    assert!(radius.coverage.notes.iter().any(|note| note.contains("the latest 2000")), "{:?}", radius.coverage.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_part_is_asked_for_in_halves_and_then_said_to_be_a_gap() {
    let stub = Stub::serve(|text| {
        let (status, answer) = whole(text);
        if status == 200 && text.contains("contains secret") {
            let mut answer: Value = serde_json::from_str(&answer).unwrap();
            answer["tables"][0]["rows"] = json!([]);
            answer["error"] = json!({"code": "PartialError", "message": "There were some errors", "details": [{"code": "EngineError", "message": "a shard is away"}]});
            return (200, answer.to_string());
        }
        (status, answer)
    })
    .await;
    let radius = stub.ask(one_hour()).await.unwrap();
    let gaps = &radius.coverage.gaps;
    assert!(gaps.len() > 1, "in halves: {gaps:?}");
    assert!(gaps.iter().all(|gap| gap.likely == Likely::Missing && gap.why.contains("a shard is away")), "{gaps:?}");
    assert_eq!((gaps[0].from, gaps.last().unwrap().to), (one_hour().since, one_hour().until));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_are_given_at_once_are_read_in_halves_of_the_time() {
    let stub = Stub::serve(|text| {
        let from = text.find("TimeGenerated >= datetime(").map(|at| &text[at + 26..at + 26 + 27]);
        let to = text.find("TimeGenerated < datetime(").map(|at| &text[at + 25..at + 25 + 27]);
        let (Some(from), Some(to), true) =
            (from, to, text.contains("contains secret") && text.contains("AZKVAuditLogs\n"))
        else {
            return whole(text);
        };
        // Each minute holds 500 rows; only so many of them fit into an answer.
        let id = format!("secrets/db-password/{LEAKED}");
        let minutes = (0..60).filter(|minute| {
            let (first, _) = moments(*minute);
            &*first >= from && &*first < to
        });
        let rows: Vec<Value> = minutes
            .flat_map(|minute| {
                let (first, last) = moments(minute);
                let row = row("secrets/db-password", &id, 1, (&first, &last));
                (0..500).map(move |_| row.clone())
            })
            .take(20_001)
            .collect();
        (200, table(&COLUMNS, &rows).to_string())
    })
    .await;
    let radius = stub.ask(one_hour()).await.unwrap();
    assert_eq!(radius.accesses.iter().map(|access| access.count).sum::<u64>(), 60 * 500);
    assert!(radius.coverage.truncations.is_empty() && radius.coverage.gaps.is_empty(), "{:?}", radius.coverage);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_and_an_empty_answer_are_no_evidence() {
    let stub = Stub::serve(|_| absent()).await;
    let radius = stub.ask(one_hour()).await.unwrap();
    assert!(radius.findings.iter().any(|finding| finding.rule == "no-evidence"), "{:?}", radius.findings);
    assert!(radius.coverage.notes.iter().any(|note| note.contains("neither")), "{:?}", radius.coverage);
    assert_eq!(radius.coverage.vaults_without_log, ["kv-drill"]);

    let stub = Stub::serve(|text| if text.contains("AZKVAuditLogs\n") { (200, String::new()) } else { absent() }).await;
    let radius = stub.ask(one_hour()).await.unwrap();
    assert!(radius.coverage.gaps.iter().any(|gap| gap.why.contains("empty answer")), "{:?}", radius.coverage.gaps);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_do_and_nothing_is_sent_elsewhere() {
    let denied = json!({"error": {"code": "InsufficientAccessError", "message": "The provided credentials have insufficient access"}});
    let mut stub = Stub::serve(move |_| (403, denied.to_string())).await;
    let failure = stub.ask(one_hour()).await.unwrap_err();
    assert!(failure.summary.contains(ID) && failure.help.unwrap().contains("Log Analytics Reader"));
    stub.cloud.hosts.clear();
    let failure = stub.ask(one_hour()).await.unwrap_err();
    assert!(failure.summary.contains("does not stand for `api.loganalytics.azure.com`"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_each_access_once() {
    let stub = Stub::serve(whole).await;
    let (source, query) = (stub.source(), Query { version: Some(LEAKED.to_owned()), ..one_hour() });
    let (first, second) = tokio::task::spawn_blocking(move || {
        let mut watch = Watch::new(source, query);
        (watch.look().unwrap(), watch.look().unwrap())
    })
    .await
    .unwrap();
    assert_eq!(
        first.iter().map(|sight| (&*sight.version, sight.status, sight.known)).collect::<Vec<_>>(),
        [(LEAKED, 200, false)]
    );
    assert_eq!(second, []);
}
