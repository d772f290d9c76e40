//! The mail server of every address: SMTP commands → one notification for each message.
//!
//! Main type: [`SmtpServer`]. A message is taken only when its end has come and before it is confirmed, so that a
//! sender who sees 250 finds it among the notifications. Commands may be sent ahead (pipelining): each line is
//! answered in its turn.

use crate::clock;
use crate::cloud::world::notifications::{Notification, Notifications};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// The name it goes by.
const MAIL_HOST: &str = "smtp.drill.example";
/// The largest message, in bytes.
const LARGEST_MESSAGE: usize = 1024 * 1024;
/// The longest command line, in bytes.
const LONGEST_COMMAND: usize = 4096;
const MOST_RECIPIENTS: usize = 100;
/// How long a silent sender is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server that runs until it is shut down or dropped.
#[derive(Debug)]
pub(crate) struct SmtpServer {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// Starts a mail server; port 0 takes any free one.
///
/// # Errors
/// When the address cannot be listened at.
pub(crate) async fn listen(address: SocketAddr, notifications: Arc<Notifications>) -> io::Result<SmtpServer> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(SmtpServer { address, accepting: tokio::spawn(accept(listener, notifications)) })
}

impl SmtpServer {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server and every open session.
    pub(crate) async fn shutdown(mut self) {
        self.accepting.abort();
        // The only outcome is the cancellation that was just asked for.
        let _cancelled = (&mut self.accepting).await;
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, notifications: Arc<Notifications>) {
    let mut sessions = JoinSet::new();
    loop {
        if let Ok((stream, peer)) = listener.accept().await {
            let notifications = Arc::clone(&notifications);
            sessions.spawn(async move {
                if let Err(error) = serve(stream, &notifications).await {
                    tracing::debug!(%peer, %error, "mail session ended early");
                }
            });
        }
        while sessions.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, notifications: &Notifications) -> io::Result<()> {
    let (input, output) = stream.into_split();
    let mut session = Session { input: BufReader::new(input), output, notifications, greeted: false, envelope: None };
    session.reply(&format!("220 {MAIL_HOST} ESMTP embedded cloud")).await?;
    loop {
        let Some(line) = timeout(PATIENCE, read_line(&mut session.input, LONGEST_COMMAND)).await?? else {
            return Ok(());
        };
        if line.overlong {
            session.reply("500 5.5.2 line too long").await?;
            continue;
        }
        if session.execute(&line.text()).await? == Next::Close {
            return Ok(());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Continue,
    Close,
}

/// Who sends to whom, between MAIL and the message.
#[derive(Debug)]
struct Envelope {
    sender: String,
    recipients: Vec<String>,
}

struct Session<'a, Input, Output> {
    input: Input,
    output: Output,
    notifications: &'a Notifications,
    greeted: bool,
    envelope: Option<Envelope>,
}

impl<Input: AsyncBufRead + Unpin, Output: AsyncWrite + Unpin> Session<'_, Input, Output> {
    async fn reply(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.output.flush().await
    }

    async fn execute(&mut self, line: &str) -> io::Result<Next> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.extended_hello().await?,
            "HELO" => {
                self.greet();
                self.reply(&format!("250 {MAIL_HOST}")).await?;
            }
            "MAIL" => {
                let answer = self.mail(argument);
                self.reply(answer).await?;
            }
            "RCPT" => {
                let answer = self.recipient(argument);
                self.reply(answer).await?;
            }
            "DATA" => self.data().await?,
            "AUTH" => self.authenticate(argument).await?,
            "RSET" => {
                self.envelope = None;
                self.reply("250 2.0.0 reset").await?;
            }
            "NOOP" => self.reply("250 2.0.0 ok").await?,
            "VRFY" => self.reply("252 2.5.2 send some mail, it will be taken").await?,
            "QUIT" => {
                self.reply("221 2.0.0 bye").await?;
                return Ok(Next::Close);
            }
            "STARTTLS" => self.reply("502 5.5.1 not offered").await?,
            _ => self.reply("500 5.5.2 no such command").await?,
        }
        Ok(Next::Continue)
    }

    fn greet(&mut self) {
        self.greeted = true;
        self.envelope = None;
    }

    async fn extended_hello(&mut self) -> io::Result<()> {
        self.greet();
        let lines = [
            format!("250-{MAIL_HOST}"),
            "250-PIPELINING".to_owned(),
            format!("250-SIZE {LARGEST_MESSAGE}"),
            "250-8BITMIME".to_owned(),
            "250-SMTPUTF8".to_owned(),
            "250-ENHANCEDSTATUSCODES".to_owned(),
            "250 AUTH PLAIN".to_owned(),
        ];
        self.reply(&lines.join("\r\n")).await
    }

    fn mail(&mut self, argument: &str) -> &'static str {
        if !self.greeted {
            return "503 5.5.1 say hello first";
        }
        if self.envelope.is_some() {
            return "503 5.5.1 there is a sender already";
        }
        let Some((sender, parameters)) = path_after(argument, "FROM:") else {
            return "501 5.5.4 MAIL FROM:<address> is wanted";
        };
        let declared = parameters.split_ascii_whitespace().find_map(|parameter| parameter.strip_prefix("SIZE="));
        if declared.and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size > LARGEST_MESSAGE as u64) {
            return "552 5.3.4 message too large";
        }
        self.envelope = Some(Envelope { sender, recipients: Vec::new() });
        "250 2.1.0 ok"
    }

    fn recipient(&mut self, argument: &str) -> &'static str {
        let Some(envelope) = &mut self.envelope else {
            return "503 5.5.1 MAIL comes first";
        };
        match path_after(argument, "TO:") {
            Some((recipient, _)) if !recipient.is_empty() => {
                if envelope.recipients.len() >= MOST_RECIPIENTS {
                    return "452 4.5.3 too many recipients";
                }
                envelope.recipients.push(recipient);
                "250 2.1.5 ok"
            }
            _ => "501 5.5.4 RCPT TO:<address> is wanted",
        }
    }

    async fn data(&mut self) -> io::Result<()> {
        let Some(envelope) = self.envelope.take_if(|envelope| !envelope.recipients.is_empty()) else {
            return self.reply("503 5.5.1 MAIL and RCPT come first").await;
        };
        self.reply("354 end with a line that holds a dot only").await?;
        match timeout(PATIENCE, read_message(&mut self.input)).await?? {
            Some(message) => {
                let message = String::from_utf8_lossy(&message).into_owned();
                self.notifications.add(notification(envelope, message));
                self.reply("250 2.0.0 taken").await
            }
            None => self.reply("552 5.3.4 message too large").await,
        }
    }

    /// Takes any name and password, in one step or in two.
    async fn authenticate(&mut self, argument: &str) -> io::Result<()> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        if !self.greeted || self.envelope.is_some() {
            return self.reply("503 5.5.1 not now").await;
        }
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.reply("504 5.5.4 PLAIN only").await;
        }
        let mut response = initial.trim().to_owned();
        if response.is_empty() {
            self.reply("334 ").await?;
            let line = timeout(PATIENCE, read_line(&mut self.input, LONGEST_COMMAND)).await??;
            response = line.map(|line| line.text()).unwrap_or_default();
        }
        if response == "*" {
            return self.reply("501 5.0.0 cancelled").await;
        }
        // Authorisation identity, name and password, parted by zero bytes.
        let parts = STANDARD.decode(response).map(|plain| plain.split(|byte| *byte == 0).count());
        let answer = if parts == Ok(3) { "235 2.7.0 welcome" } else { "501 5.5.2 that is not PLAIN" };
        self.reply(answer).await
    }
}

/// `FROM:<address> PARAMETERS` → the address and the parameters in upper case.
fn path_after(argument: &str, prefix: &str) -> Option<(String, String)> {
    let (found, rest) = argument.split_at_checked(prefix.len())?;
    if !found.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    Some((address.to_owned(), parameters.to_ascii_uppercase()))
}

/// One line as it was read, with its end.
struct Line {
    bytes: Vec<u8>,
    /// Longer than what was to be kept; `bytes` holds its start.
    overlong: bool,
}

impl Line {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// Reads to the end of the line and keeps at most `most` bytes; `None` at the end of the stream.
async fn read_line(input: &mut (impl AsyncBufRead + Unpin), most: usize) -> io::Result<Option<Line>> {
    let mut line = Line { bytes: Vec::new(), overlong: false };
    loop {
        let ready = input.fill_buf().await?;
        if ready.is_empty() {
            return if line.bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let end = memchr::memchr(b'\n', ready).map(|position| position + 1);
        let taken = end.unwrap_or(ready.len());
        let room = most.saturating_sub(line.bytes.len());
        line.overlong |= taken > room;
        line.bytes.extend(ready.iter().take(taken.min(room)));
        input.consume(taken);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Reads to the line with a lone dot and takes the doubled dots back; `None` if the message was too large.
///
/// Only CRLF ends a line here: a bare line feed before a dot must not end the message (SMTP smuggling).
async fn read_message(input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let mut overlong = false;
    let mut at_line_start = true;
    loop {
        // Room for the lone dot, so that a message of exactly the largest size can still be ended.
        let room = LARGEST_MESSAGE - message.len() + 3;
        let line = read_line(input, room).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if at_line_start && line.bytes == b".\r\n" {
            return Ok((!overlong).then_some(message));
        }
        let content = match line.bytes.strip_prefix(b".") {
            Some(unstuffed) if at_line_start => unstuffed,
            _ => &line.bytes,
        };
        at_line_start = line.overlong || line.bytes.ends_with(b"\r\n");
        if overlong || line.overlong || message.len() + content.len() > LARGEST_MESSAGE {
            overlong = true;
            message.clear();
        } else {
            message.extend_from_slice(content);
        }
    }
}

/// A second mail with the same Message-ID is a delivery of the first.
fn notification(envelope: Envelope, message: String) -> Notification {
    let id = message_id(&message);
    let mut notification = Notification::new("email", MAIL_HOST, clock::now(), message.into());
    notification.id = id;
    notification.facts.insert("from".to_owned(), envelope.sender.into());
    notification.facts.insert("to".to_owned(), envelope.recipients.into());
    notification
}

/// The value of the message's `Message-ID` field, which may be folded onto the next line.
fn message_id(message: &str) -> Option<String> {
    let mut lines = message.lines().take_while(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let Some((name, first)) = line.split_once(':') else {
            continue;
        };
        if !name.trim_end().eq_ignore_ascii_case("message-id") {
            continue;
        }
        let mut value = first.trim().to_owned();
        while let Some(folded) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            value.push_str(folded.trim());
        }
        return (!value.is_empty()).then_some(value);
    }
    None
}

#[cfg(test)]
mod tests;
