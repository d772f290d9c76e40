//! The war room and the note of a handover: what somebody who comes to a run gets to see, and nobody else.

use crate::stage::Stage;
use crate::surroundings::plain_http;
use futures::StreamExt;
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A served page.
struct Room {
    child: Child,
    url: String,
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Room {
    fn open(stage: &Stage, run: &str) -> Self {
        Self::serve(stage, &["serve", run, "--json"])
    }

    fn serve(stage: &Stage, arguments: &[&str]) -> Self {
        let mut child = stage.command(arguments).spawn().unwrap();
        let said = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>().next();
        let url = said.unwrap().unwrap()["url"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    async fn shown(&self) -> Value {
        plain_http().get(format!("{}room", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// Follows the events until one is as wanted.
    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let follow = async {
            let answer = plain_http().get(format!("{}events", self.url)).send().await.unwrap();
            let (mut bytes, mut text) = (answer.bytes_stream(), String::new());
            loop {
                text.push_str(&String::from_utf8_lossy(&bytes.next().await.unwrap().unwrap()));
                while let Some((event, rest)) = text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest)) {
                    text = rest.to_owned();
                    let data =
                        event.lines().find_map(|line| line.strip_prefix("data: ").filter(|data| !data.is_empty()));
                    if let Some(shown) = data.map(|data| serde_json::from_str::<Value>(data).unwrap())
                        && wanted(&shown)
                    {
                        return shown;
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, follow).await.unwrap()
    }
}

async fn waiting_at_a_gate(prompt: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    begin(&stage, prompt);
    stage
}

fn begin(stage: &Stage, prompt: &str) {
    let text = format!(
        "schema: stanch/v1\nname: asking\nsteps:\n  - id: gate\n    uses: human/approve\n    with: {{ prompt: '{prompt}', \
         from: [bob] }}\n  - {{ id: after, uses: wait, with: {{ for: 1ms }} }}\n"
    );
    std::fs::write(stage.path("asking.yaml"), text).unwrap();
    stage.stanch(&["run", "asking.yaml", "--run-id", "r", "--yes", "--json"]).exit(4).done();
}

fn texts<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    value[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_page_follows_a_run_from_one_process_to_the_next() {
    let stage = waiting_at_a_gate("go on?").await;
    let room = Room::open(&stage, "r");
    let shown = room.shown().await;
    assert_eq!((&shown["status"], &shown["worker"]), (&"waiting".into(), &Value::Null));
    assert!(shown["nobody_since"].is_string(), "{shown}");
    let asked = &shown["asked"][0];
    assert_eq!((&asked["step"], &asked["text"], &asked["whose"]), (&"gate".into(), &"go on?".into(), &"bob".into()));
    assert!(texts(asked, "commands")[0].starts_with("stanch approve r gate --by NAME"), "{asked}");
    assert!(texts(&shown, "next")[0].starts_with("stanch resume r"), "{shown}");

    stage.stanch(&["approve", "r", "gate", "--by", "bob"]).exit(0).done();
    let answered = room.until(|shown| shown["asked"] == Value::Array(Vec::new())).await;
    assert_ne!(answered["status"], "completed");
    stage.stanch(&["resume", "r", "--json"]).exit(0).done();
    let over = room.until(|shown| shown["status"] == "completed").await;
    assert_eq!((&over["nobody_since"], &over["next"]), (&Value::Null, &Value::Array(Vec::new())));
    let moments = over["report"]["timeline"].as_array().unwrap();
    assert!(moments.iter().any(|moment| moment["what"].as_str().unwrap().contains("bob")), "{moments:?}");
}

#[tokio::test]
async fn a_page_that_is_opened_before_the_first_run_follows_it() {
    let stage = Stage::empty(&[]).await;
    let room = Room::serve(&stage, &["serve", "--json"]);
    assert_eq!(room.shown().await["waits"], "for the first run that begins here");
    begin(&stage, "go on?");
    let shown = room.until(|shown| shown["status"] == "waiting").await;
    assert_eq!(shown["report"]["run"]["id"], "r");
}

#[tokio::test]
async fn a_killed_process_is_said_to_be_gone_while_the_page_lives_on() {
    let stage = Stage::set().await;
    let arguments = [&stage.containment("r")[..], &["-i", "overlap=1h"]].concat();
    let mut child = stage.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while crate::stage::count_lines(&stage.journal("r")) < 12 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let room = Room::open(&stage, "r");
    let alive = room.until(|shown| shown["worker"].is_string()).await;
    assert_eq!(alive["status"], "running");
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = room.until(|shown| shown["worker"].is_null()).await;
    assert!(gone["nobody_since"].is_string() && gone["status"] == "interrupted", "{gone}");
    assert!(texts(&gone, "next")[0].starts_with("stanch resume r"));
    for value in stage.values() {
        assert!(!gone.to_string().contains(value.as_str()));
    }

    // A journal that cannot be read any more is said, and the page stays.
    std::fs::write(stage.journal("r"), "nonsense\n").unwrap();
    let trouble = room.until(|shown| shown["trouble"].is_string()).await;
    assert!(trouble["trouble"].as_str().unwrap().contains("journal"), "{trouble}");
}

#[tokio::test]
async fn only_who_has_the_address_sees_it_and_nobody_can_change_anything() {
    let stage = waiting_at_a_gate("<script>alert(1)</script>\u{202e}").await;
    let room = Room::open(&stage, "r");
    let http = plain_http();
    let (base, token) = room.url.trim_end_matches('/').rsplit_once('/').unwrap();
    assert!(token.len() >= 32);
    for path in ["", "/", "/room", "/x/room", "/x/", &format!("/{token}x/room"), &format!("//{token}/room")] {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &*answer.text().await.unwrap()), (404, ""), "{path}");
    }
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1"] {
        let answer = http.get(format!("{}room", room.url)).header("host", host).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{host}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = http.request(method, format!("{}room", room.url)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 405);
    }
    let page = http.get(&room.url).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    let page = page.text().await.unwrap();
    assert!(!page.contains("://"), "nothing is fetched from elsewhere");
    let shown = room.shown().await;
    assert_eq!(shown["asked"][0]["text"], "<script>alert(1)</script>\u{fffd}", "a direction of writing is seen");
    let script = http.get(format!("{}page.js", room.url)).send().await.unwrap().text().await.unwrap();
    for raw in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(raw), "{raw}");
    }
}

#[tokio::test]
async fn what_cannot_be_served_is_refused() {
    let stage = Stage::empty(&[]).await;
    let refused = stage.stanch(&["serve", "--slack"]).exit(2).stderr;
    assert!(refused.contains("no runs yet"), "{refused}");
    let stage = waiting_at_a_gate("go?").await;
    let refused = stage.stanch(&["serve", "r", "--listen", "0.0.0.0:0"]).exit(2).stderr;
    assert!(refused.contains("not a loopback address") && refused.contains("ssh -L"), "{refused}");
    let refused = stage.stanch(&["serve", "other"]).exit(2).stderr;
    assert!(refused.contains("no run `other`"), "{refused}");
}

#[tokio::test]
async fn a_handover_says_what_is_done_what_is_open_and_what_is_next() {
    let stage = waiting_at_a_gate("go on?").await;
    let note = stage.stanch(&["status", "r", "--handover"]).exit(0).stdout;
    for wanted in [
        "nothing was rotated by this run",
        "people told: nobody yet",
        "nobody works on it; its last record is of",
        "(takes an answer of bob)",
        "`stanch approve r gate --by NAME",
        "once that is answered: `stanch resume r",
    ] {
        assert!(note.contains(wanted), "{wanted}\n{note}");
    }
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r")).exit(0).done();
    let note = stage.stanch(&["status", "r", "--handover"]).exit(0).stdout;
    for wanted in ["- rotated: version `", "- refused by the vault: version `", "(record ", "none: the run is over"] {
        assert!(note.contains(wanted), "{wanted}\n{note}");
    }
    for value in stage.values() {
        assert!(!note.contains(value.as_str()));
    }
}
