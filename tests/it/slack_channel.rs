//! The app of Slack's before and around a run's message: what plan tells of it, a message whose answer was lost, and where the
//! tokens go.

use crate::stage::{Said, Stage};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const TOKENS: [(&str, &str); 2] = [("bot", "xoxb-embedded-cloud-bot"), ("app", "xapp-embedded-cloud-app")];

fn write(stage: &Stage, channel: &str) {
    std::fs::create_dir_all(stage.path("cloud")).unwrap();
    for (name, token) in TOKENS {
        std::fs::write(stage.path("cloud").join(name), token).unwrap();
    }
    let configuration = format!(
        "schema: stanch-config/v1\nslack:\n  bot_token: file:cloud/bot\n  app_token: file:cloud/app\n  channel: {channel}\n  people: {{ U0BOB: bob }}\n"
    );
    std::fs::write(stage.path("stanch.yaml"), configuration).unwrap();
    let gate = "{ prompt: 'go on?', answers: { why: { type: string } } }";
    let gate = gate.replace("prompt", "instructions");
    let runbook =
        format!("schema: stanch/v1\nname: asking\nsteps:\n  - {{ id: gate, uses: human/do, with: {gate} }}\n");
    std::fs::write(stage.path("asking.yaml"), runbook).unwrap();
}

async fn stage(channel: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    write(&stage, channel);
    stage
}

fn plan(stage: &Stage) -> Said {
    stage.stanch(&["plan", "asking.yaml", "--config", "stanch.yaml"])
}

async fn messages(stage: &Stage) -> Vec<Value> {
    stage.state().await["slack"]["messages"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn plan_says_whether_the_bot_is_in_the_channel() {
    let in_it = plan(&stage("C0INCIDENTS").await).exit(0).stdout;
    assert!(in_it.contains("answers in Slack: the bot `stanch` of drill is in the channel"), "{in_it}");
    let away = plan(&stage("C0FOREIGN").await).exit(0).stdout;
    assert!(away.contains("! answers in Slack: the bot `stanch` of drill is not in the channel C0FOREIGN"), "{away}");
    let nowhere = plan(&stage("C0NOWHERE").await).exit(0).stdout;
    assert!(nowhere.contains("! answers in Slack") && nowhere.contains("channel_not_found"), "{nowhere}");
    let stage = stage("C0INCIDENTS").await;
    std::fs::write(stage.path("cloud").join("bot"), "xoxb-another").unwrap();
    let refused = plan(&stage).exit(0).stdout;
    assert!(refused.contains("! answers in Slack") && refused.contains("invalid_auth"), "{refused}");
    assert!(messages(&stage).await.is_empty(), "a plan writes nothing");
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_again() {
    let stage = stage("C0INCIDENTS").await;
    let lost = json!({ "match": { "path": "chat.postMessage" }, "times": 1, "do": { "drop": "after" } });
    stage.fault(&lost).await;
    let run = ["run", "asking.yaml", "--run-id", "r", "--yes", "--config", "stanch.yaml"];
    stage.stanch(&run).exit(4).done();
    let posted = messages(&stage).await;
    assert_eq!(posted.len(), 1, "{posted:#?}");
    // Of what was posted before a process died nobody may know; another run's message is not taken for it.
    std::fs::remove_file(stage.journal("r").with_file_name("chat.json")).ok();
    let other = ["run", "asking.yaml", "--run-id", "other", "--yes", "--config", "stanch.yaml"];
    stage.stanch(&other).exit(4).done();
    stage.stanch(&["approve", "r", "gate", "--by", "kim", "--answer", "why=so"]).exit(0).done();
    stage.stanch(&["resume", "r"]).exit(0).done();
    let posted = messages(&stage).await;
    assert_eq!(posted.len(), 2, "{posted:#?}");
    assert!(posted[0]["body"]["blocks"].to_string().contains("completed"), "{posted:#?}");
    assert_ne!(posted[0]["body"]["metadata"], posted[1]["body"]["metadata"]);
}

/// Takes every request down and sends whoever asks elsewhere.
fn listen(asked: Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = |mut stream: TcpStream, asked: &Mutex<Vec<String>>| {
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut chunk) {
                Ok(count) if count > 0 => request.extend_from_slice(&chunk[..count]),
                _ => break,
            }
        }
        asked.lock().unwrap().push(String::from_utf8_lossy(&request).to_lowercase());
        let elsewhere = "HTTP/1.1 307 Elsewhere\r\nlocation: https://kv-drill.vault.azure.net/api/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(elsewhere.as_bytes()).ok();
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &asked)));
    port
}

#[tokio::test]
async fn the_tokens_go_to_slack_alone() {
    let stage = stage("C0INCIDENTS").await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let port = listen(Arc::clone(&asked));
    let hosts = json!(["slack.com", "*.slack.com", "*.vault.azure.net"]);
    let cloud = json!({ "base_url": format!("http://127.0.0.1:{port}"), "ca_pem": null, "hosts": hosts });
    let file = stage.path("elsewhere.json");
    std::fs::write(&file, cloud.to_string()).unwrap();
    for arguments in [
        ["plan", "asking.yaml", "--config", "stanch.yaml", "--json", "--yes"],
        ["run", "asking.yaml", "--config", "stanch.yaml", "--json", "--yes"],
    ] {
        drop(stage.command_by(&file, &arguments).output().unwrap());
    }
    let asked = asked.lock().unwrap();
    let with_token = |token: &str| asked.iter().filter(|request| request.contains(token)).count();
    assert!(with_token("xoxb-") > 1, "{asked:#?}");
    for request in asked.iter().filter(|request| TOKENS.iter().any(|(_, token)| request.contains(token))) {
        let path = request.split(' ').nth(1).unwrap_or_default();
        assert!(path.starts_with("/api/") && request.contains("host: slack.com\r\n"), "{request}");
    }
}
