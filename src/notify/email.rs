//! Mail, with a Message-ID that is the same for every attempt.

use super::channel::{Channel, ChannelKind, KEYED, SENT_UNDER_SAME_KEY};
use super::message::{Message, Receipt};
use super::settings::ChannelSettings;
use crate::azure::{Azure, BoundedStream};
use crate::failure::{Failure, Retry};
use crate::settings::SecretReference;
use crate::told::told;
use async_trait::async_trait;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may talk with us, however often it says something.
const LONGEST: Duration = Duration::from_secs(60);
/// A server says a few lines, after its certificates. The client of mail reads an answer anew with each of its lines.
const MOST_SAID: usize = 32 << 10;
/// The port at which encryption begins with the connection.
const SUBMISSIONS: u16 = 465;

/// Its settings: mail, through a server.
#[derive(Clone, Debug)]
pub struct Email {
    pub host: String,
    pub port: u16,
    pub from: String,
    pub to: Vec<String>,
    /// Whether the connection must be encrypted before anything is said.
    pub tls: bool,
    pub login: Option<(String, SecretReference)>,
}

/// What is known of every such channel.
pub static KIND: ChannelKind = ChannelKind {
    name: "email",
    action: "notify/email",
    summary: "sends a mail",
    if_lost: SENT_UNDER_SAME_KEY,
    idempotency: KEYED,
    example: r#"- id: mail_security
  uses: notify/email
  with: { title: "Contained: ${{ secret_name(inputs.secret) }}", severity: sev2 }
"#,
    keys: &["server", "from", "to", "tls", "username", "password"],
    open_keys: &["server", "from", "to", "tls", "username"],
    read,
};

fn read(settings: &mut ChannelSettings<'_, '_, '_>) -> Option<Arc<dyn Channel>> {
    let server = settings.required("server")?;
    let parsed = server.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    let Some((host, port)) = parsed else {
        settings.decoder.wrong(format!("`{server}` is not a mail server"), settings.span, "write `server: HOST:PORT`");
        return None;
    };
    let from = settings.required("from")?;
    let to = settings.get("to").map(|node| settings.decoder.texts(node, "each of `to`")).unwrap_or_default();
    if to.is_empty() {
        settings.decoder.wrong(
            format!("{} has nobody to write to", settings.what),
            settings.span,
            "add `to: [ADDRESS]`",
        );
    }
    let tls = match settings.get("tls").map(|node| (settings.decoder.text(node, "`tls`"), node.span)) {
        None => true,
        Some((Some(word), _)) if word == "required" => true,
        Some((Some(word), _)) if word == "none" => false,
        Some((_, span)) => {
            settings.decoder.wrong("`tls` is `required` or `none`", span, "leave it out for `required`");
            true
        }
    };
    let login = login(settings, tls);
    Some(Arc::new(Email { host, port, from, to, tls, login }))
}

fn login(settings: &mut ChannelSettings<'_, '_, '_>, tls: bool) -> Option<(String, SecretReference)> {
    let username = settings.get("username").and_then(|node| settings.decoder.text(node, "`username`"));
    let password = settings.secret("password");
    for (given, missing) in [("username", "password"), ("password", "username")] {
        if let (Some(node), None) = (settings.get(given), settings.get(missing)) {
            settings.decoder.wrong(
                format!("{} has a `{given}` and no `{missing}`", settings.what),
                node.span,
                format!("add `{missing}:`"),
            );
        }
    }
    if let (Some(node), false) = (settings.get("password"), tls) {
        settings.decoder.wrong(
            format!("{} would send its password without encryption", settings.what),
            node.span,
            "take `tls: none` out",
        );
    }
    username.zip(password)
}

#[async_trait(?Send)]
impl Channel for Email {
    fn kind(&self) -> &'static ChannelKind {
        &KIND
    }

    async fn send(&self, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
        let id = format!("<{}@stanch>", message.key);
        let mail = compose(self, message, &id)?;
        let way = Way::to(self, azure)?;
        let talk = async {
            let mut connection = way.open(self, azure).await?;
            let sent = connection.send(mail.envelope(), &mail.formatted()).await.map_err(Stopped::Said)?;
            // It has the mail: that it does not say goodbye changes nothing.
            drop(connection.quit().await);
            Ok(sent)
        };
        let sent = tokio::time::timeout(LONGEST, talk).await.map_err(|_| {
            Failure::unknown(format!("the mail server `{}` did not come to an end", self.host))
                .because(format!("it has {} s for one mail", LONGEST.as_secs()))
        })?;
        match sent {
            Ok(_) => Ok(Receipt { id, warning: None }),
            Err(Stopped::Before(failure)) => Err(failure),
            Err(Stopped::Said(error)) => {
                let summary = format!("the mail server `{}` did not take the message", self.host);
                let failure = if error.is_permanent() {
                    Failure::refused(summary)
                } else if error.is_transient() {
                    Failure::refused(summary).retry(Retry::Later)
                } else {
                    Failure::unknown(summary)
                };
                Err(failure.because(said(&error)))
            }
        }
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        // A greeting, our login, and a goodbye.
        let summary = format!("the mail server `{}` does not answer", self.host);
        let way = Way::to(self, azure)?;
        let greet = async {
            let mut connection = way.open(self, azure).await?;
            let answers = connection.test_connected().await;
            drop(connection.quit().await);
            Ok(answers)
        };
        match tokio::time::timeout(LONGEST, greet).await {
            Err(_) => Err(Failure::refused(summary).because(format!("it talked for {} s", LONGEST.as_secs()))),
            Ok(Ok(true)) => Ok("the mail server answers"),
            Ok(Ok(false)) => Err(Failure::refused(summary)),
            Ok(Err(Stopped::Before(failure))) => Err(failure),
            Ok(Err(Stopped::Said(error))) => Err(Failure::refused(summary).because(said(&error))),
        }
    }
}

pub(super) fn compose(channel: &Email, message: &Message<'_>, id: &str) -> Result<lettre::Message, Failure> {
    let address = |text: &str| {
        text.parse::<Mailbox>()
            .map_err(|error| Failure::refused(format!("`{text}` is not a mail address")).because(error.to_string()))
    };
    let mut builder = lettre::Message::builder()
        .message_id(Some(id.to_owned()))
        .from(address(&channel.from)?)
        .subject(message.headline());
    for to in &channel.to {
        builder = builder.to(address(to)?);
    }
    let mut text = format!("{}\n\n", message.summary());
    for (name, value) in message.all_facts() {
        // A line of a value is none of ours.
        text.push_str(&format!("{name}: {}\n", value.replace('\n', "\n    ")));
    }
    let parts = MultiPart::alternative_plain_html(text, html(message));
    builder.multipart(parts).map_err(|error| Failure::refused("the mail cannot be written").because(error.to_string()))
}

/// The same for readers that show HTML: no script, no picture, nothing that is fetched.
fn html(message: &Message<'_>) -> String {
    let escaped = |text: &str| handlebars::html_escape(text).replace('\n', "<br>\n");
    let facts = message.all_facts();
    let rows: String = facts
        .iter()
        .map(|(name, value)| {
            format!("<tr><th align=\"left\" valign=\"top\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
        })
        .collect();
    let (title, summary) = (escaped(&message.headline()), escaped(&message.summary()));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n\
         <h1>{title}</h1>\n<p>{summary}</p>\n<table>\n{rows}</table>\n</body></html>\n"
    )
}

/// Why nothing was sent, or nobody knows whether it was.
enum Stopped {
    /// Before anything was said.
    Before(Failure),
    Said(lettre::transport::smtp::Error),
}

/// What a server, or the way to it, says.
fn said(error: &lettre::transport::smtp::Error) -> String {
    told(&error.to_string())
}

/// How a server is reached.
struct Way {
    host: String,
    port: u16,
    tls: Option<Begun>,
}

/// When encryption begins: with the connection, or after a greeting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    AtOnce,
    AfterGreeting,
}

impl Way {
    /// In a drill all mail goes to the cloud on this machine.
    fn to(channel: &Email, azure: &Azure) -> Result<Self, Failure> {
        let local = ["localhost", "127.0.0.1", "::1"].contains(&channel.host.as_str());
        match azure.transport.cloud().map(|cloud| cloud.smtp) {
            Some(Some(address)) => Ok(Self { host: address.ip().to_string(), port: address.port(), tls: None }),
            Some(None) if !local => {
                let summary = format!("the cloud file does not stand for the mail server `{}`", channel.host);
                let help = "in a drill nothing is sent anywhere else; name a local one under `smtp` in the cloud file";
                Err(Failure::refused(summary).help(help))
            }
            Some(None) => Ok(Self { host: channel.host.clone(), port: channel.port, tls: None }),
            None => {
                let begun = if channel.port == SUBMISSIONS { Begun::AtOnce } else { Begun::AfterGreeting };
                let tls = channel.tls.then_some(begun);
                Ok(Self { host: channel.host.clone(), port: channel.port, tls })
            }
        }
    }

    /// Connects, encrypts and logs in, as the channel says.
    async fn open(&self, channel: &Email, azure: &Azure) -> Result<AsyncSmtpConnection, Stopped> {
        let login = match &channel.login {
            Some(_) if !channel.tls => {
                let failure = Failure::refused("a password is not sent without encryption");
                return Err(Stopped::Before(failure.help("take `tls: none` out")));
            }
            Some((user, password)) => {
                let password = password.resolve(azure).await.map_err(Stopped::Before)?;
                Some(Credentials::new(user.clone(), password.expose().to_owned()))
            }
            None => None,
        };
        let stream = tokio::time::timeout(TIMEOUT, self.stream()).await;
        let stream = stream.unwrap_or_else(|late| Err(late.into())).map_err(|error| self.unreachable(&error))?;
        let hello = ClientId::default();
        let connecting = AsyncSmtpConnection::connect_with_transport(stream, &hello);
        let mut connection = connecting.await.map_err(Stopped::Said)?;
        if self.tls == Some(Begun::AfterGreeting) {
            let parameters = TlsParameters::new(self.host.clone()).map_err(Stopped::Said)?;
            connection.starttls(parameters, &hello).await.map_err(Stopped::Said)?;
        }
        if let Some(login) = login {
            connection.auth(DEFAULT_MECHANISMS, &login).await.map_err(Stopped::Said)?;
        }
        Ok(connection)
    }

    async fn stream(&self) -> io::Result<Box<dyn AsyncTokioStream>> {
        let stream = Talk(BoundedStream::connect(&self.host, self.port, LONGEST, MOST_SAID).await?);
        if self.tls != Some(Begun::AtOnce) {
            return Ok(Box::new(stream));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.and_then(BuilderVerifierExt::with_platform_verifier).map_err(io::Error::other)?;
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::new(builder.with_no_client_auth()));
        Ok(Box::new(Talk(connector.connect(name, stream).await?)))
    }

    fn unreachable(&self, error: &io::Error) -> Stopped {
        let summary = format!("the mail server `{}` cannot be reached", self.host);
        Stopped::Before(Failure::refused(summary).because(told(&error.to_string())).retry(Retry::Later))
    }
}

/// A connection as the client of mail takes it.
#[derive(Debug)]
struct Talk<S>(S);

impl AsyncTokioStream for Talk<BoundedStream> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncTokioStream for Talk<TlsStream<Talk<BoundedStream>>> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Talk<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Talk<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
