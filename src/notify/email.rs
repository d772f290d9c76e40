//! Mail, with a Message-ID that is the same for every attempt.

use super::channel::{Channel, ChannelKind, KEYED, SENT_UNDER_SAME_KEY};
use super::message::{Message, Receipt};
use super::settings::ChannelSettings;
use crate::azure::Azure;
use crate::failure::{Failure, Retry};
use crate::settings::SecretReference;
use crate::told::told;
use async_trait::async_trait;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may talk with us, however often it says something.
const LONGEST: Duration = Duration::from_secs(60);

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
        let server = server(self, azure).await?;
        let sent = tokio::time::timeout(LONGEST, server.send(mail)).await.map_err(|_| {
            Failure::unknown(format!("the mail server `{}` did not come to an end", self.host))
                .because(format!("it has {} s for one mail", LONGEST.as_secs()))
        })?;
        match sent {
            Ok(_) => Ok(Receipt { id, warning: None }),
            Err(error) => {
                let summary = format!("the mail server `{}` did not take the message", self.host);
                let failure = if error.is_permanent() {
                    Failure::refused(summary)
                } else if error.is_transient() {
                    Failure::refused(summary).retry(Retry::Later)
                } else {
                    Failure::unknown(summary)
                };
                Err(failure.because(told(&error.to_string())))
            }
        }
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        // A greeting, our login, and a goodbye.
        let summary = format!("the mail server `{}` does not answer", self.host);
        let server = server(self, azure).await?;
        let Ok(greeted) = tokio::time::timeout(LONGEST, server.test_connection()).await else {
            return Err(Failure::refused(summary).because(format!("it talked for {} s", LONGEST.as_secs())));
        };
        match greeted {
            Ok(true) => Ok("the mail server answers"),
            Ok(false) => Err(Failure::refused(summary)),
            Err(error) => Err(Failure::refused(summary).because(told(&error.to_string()))),
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

/// In a drill all mail goes to the cloud on this machine.
async fn server(channel: &Email, azure: &Azure) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let unusable = |error: lettre::transport::smtp::Error| {
        Failure::refused(format!("the mail server `{}` cannot be used", channel.host)).because(told(&error.to_string()))
    };
    let builder = match azure.transport.cloud() {
        Some(cloud) => {
            let local = ["localhost", "127.0.0.1", "::1"].contains(&channel.host.as_str());
            let (host, port) = match cloud.smtp {
                Some(address) => (address.ip().to_string(), address.port()),
                None if local => (channel.host.clone(), channel.port),
                None => {
                    return Err(Failure::refused(format!(
                        "the cloud file does not stand for the mail server `{}`",
                        channel.host
                    ))
                    .help(
                        "in a drill nothing is sent anywhere else; name a local one under `smtp` in the cloud file",
                    ));
                }
            };
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port)
        }
        None if channel.tls && channel.port == 465 => {
            AsyncSmtpTransport::<Tokio1Executor>::relay(&channel.host).map_err(unusable)?
        }
        None if channel.tls => {
            AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&channel.host).map_err(unusable)?.port(channel.port)
        }
        None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&channel.host).port(channel.port),
    };
    let builder = builder.timeout(Some(TIMEOUT));
    match &channel.login {
        Some((user, password)) if channel.tls => {
            let password = password.resolve(azure).await?;
            Ok(builder.credentials(Credentials::new(user.clone(), password.expose().to_owned())).build())
        }
        Some(_) => Err(Failure::refused("a password is not sent without encryption").help("take `tls: none` out")),
        None => Ok(builder.build()),
    }
}
