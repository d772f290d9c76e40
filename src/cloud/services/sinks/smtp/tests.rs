use super::{LARGEST_MESSAGE, SmtpServer, listen};
use crate::cloud::world::notifications::Notifications;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

async fn server() -> (SmtpServer, Arc<Notifications>) {
    let notifications = Arc::<Notifications>::default();
    let server = listen("127.0.0.1:0".parse().unwrap(), Arc::clone(&notifications)).await.unwrap();
    (server, notifications)
}

fn transport(server: &SmtpServer) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(server.address().port())
        .credentials(Credentials::new("on-call".to_owned(), "anything".to_owned()))
        .authentication(vec![Mechanism::Plain])
        .build()
}

fn message(body: &str) -> Message {
    Message::builder()
        .from("stanch@drill.example".parse().unwrap())
        .to("leads@drill.example".parse().unwrap())
        .cc("audit@drill.example".parse().unwrap())
        .subject("orders-db leaked")
        .message_id(Some("<run-1.page@drill.example>".to_owned()))
        .body(body.to_owned())
        .unwrap()
}

/// Sends the lines at once, in one write, and reads one code for each expected answer.
async fn converse(server: &SmtpServer, sent: &[u8], answers: usize) -> Vec<String> {
    let mut stream = BufReader::new(TcpStream::connect(server.address()).await.unwrap());
    stream.write_all(sent).await.unwrap();
    let mut codes = Vec::new();
    while codes.len() < answers {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "closed after {codes:?}");
        if line.as_bytes().get(3) == Some(&b' ') {
            codes.push(line[..3].to_owned());
        }
    }
    codes
}

#[tokio::test]
async fn a_mail_client_delivers_and_a_repeated_message_id_counts_as_the_same_mail() {
    let (server, notifications) = server().await;
    let transport = transport(&server);
    let message = message("first\r\n.\r\n..two dots\r\ngrüße");
    transport.send(message.clone()).await.unwrap();
    transport.send(message.clone()).await.unwrap();
    let received = notifications.describe();
    assert_eq!(received.len(), 1);
    let mail = &received[0];
    assert_eq!(mail["channel"], "email");
    assert_eq!(mail["id"], "<run-1.page@drill.example>");
    assert_eq!(mail["deliveries"], 2);
    assert_eq!(mail["from"], "stanch@drill.example");
    assert_eq!(mail["to"], json!(["leads@drill.example", "audit@drill.example"]));
    // lettre ends the message on a line of its own; all before it is what was sent, byte for byte.
    let sent = String::from_utf8(message.formatted()).unwrap();
    assert_eq!(mail["body"].as_str().unwrap().trim_end(), sent.trim_end());
    server.shutdown().await;
}

#[tokio::test]
async fn after_a_shutdown_nobody_answers() {
    let (server, _sinks) = server().await;
    let transport = transport(&server);
    server.shutdown().await;
    assert!(transport.send(message("late")).await.is_err());
}

#[tokio::test]
async fn pipelined_commands_are_answered_one_by_one_and_dots_are_unstuffed() {
    let (server, notifications) = server().await;
    let sent = b"EHLO test\r\nMAIL FROM:<a@x> BODY=8BITMIME\r\nRCPT TO:<b@x>\r\nDATA\r\n\
        Subject: s\r\nmessage-id:\r\n <folded@x>\r\n\r\n..hidden\r\n.dotted\r\n.\r\n\
        NOOP\r\nMAIL FROM:<>\r\nRSET\r\nRCPT TO:<b@x>\r\nQUIT\r\n";
    let codes = converse(&server, sent, 11).await;
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "250", "250", "250", "503", "221"]);
    let received = notifications.describe();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["id"], "<folded@x>");
    assert_eq!(received[0]["body"], "Subject: s\r\nmessage-id:\r\n <folded@x>\r\n\r\n.hidden\r\ndotted\r\n");
    server.shutdown().await;
}

#[tokio::test]
async fn a_bare_line_feed_does_not_end_a_message() {
    let (server, notifications) = server().await;
    let sent = b"HELO test\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n\
        \r\none\n.\r\nMAIL FROM:<smuggled@x>\r\n.\r\nQUIT\r\n";
    let codes = converse(&server, sent, 7).await;
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
    assert_eq!(notifications.describe().len(), 1);
    assert_eq!(notifications.describe()[0]["from"], "a@x");
    server.shutdown().await;
}

#[tokio::test]
async fn commands_out_of_turn_and_wrong_ones_are_refused() {
    let (server, notifications) = server().await;
    let sent =
        b"MAIL FROM:<a@x>\r\nEHLO test\r\nRCPT TO:<b@x>\r\nDATA\r\nMAIL a@x\r\nAUTH LOGIN\r\nAUTH PLAIN bm8=\r\n\
        AUTH PLAIN\r\nAGEAYg==\r\nMAIL FROM:<a@x> SIZE=99999999\r\nSTARTTLS\r\nHAX\r\nQUIT\r\n";
    let codes = converse(&server, sent, 14).await;
    assert_eq!(
        codes,
        ["220", "503", "250", "503", "503", "501", "504", "501", "334", "235", "552", "502", "500", "221"]
    );
    assert!(notifications.describe().is_empty());
    server.shutdown().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_the_session_goes_on() {
    let (server, notifications) = server().await;
    let envelope = b"HELO test\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n".as_slice();
    let over = [envelope, &[b'x'; LARGEST_MESSAGE - 1], b"\r\n.\r\nNOOP\r\n"].concat();
    assert_eq!(converse(&server, &over, 7).await, ["220", "250", "250", "250", "354", "552", "250"]);
    assert!(notifications.describe().is_empty());
    let largest = [envelope, &[b'x'; LARGEST_MESSAGE - 2], b"\r\n.\r\nNOOP\r\n"].concat();
    assert_eq!(converse(&server, &largest, 7).await, ["220", "250", "250", "250", "354", "250", "250"]);
    assert_eq!(notifications.describe()[0]["body"].as_str().unwrap().len(), LARGEST_MESSAGE);
    server.shutdown().await;
}
