//! Mail, with a Message-ID that is the same for every attempt.

use super::message::{Message, Receipt};
use crate::azure::Azure;
use crate::config::Email;
use crate::failure::{Failure, Retry};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn send(channel: &Email, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
    let id = format!("<{}@stanch>", message.key);
    let mail = compose(channel, message, &id)?;
    let server = server(channel, azure).await?;
    match server.send(mail).await {
        Ok(_) => Ok(Receipt { id }),
        Err(error) => {
            let summary = format!("the mail server `{}` did not take the message", channel.host);
            let failure = if error.is_permanent() {
                Failure::refused(summary)
            } else if error.is_transient() {
                Failure::refused(summary).retry(Retry::Later)
            } else {
                Failure::unknown(summary)
            };
            Err(failure.because(error.to_string()))
        }
    }
}

/// Whether the server answers and takes our login: a greeting, and a goodbye.
pub(super) async fn reach(channel: &Email, azure: &Azure) -> Result<(), Failure> {
    let summary = format!("the mail server `{}` does not answer", channel.host);
    match server(channel, azure).await?.test_connection().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::refused(summary)),
        Err(error) => Err(Failure::refused(summary).because(error.to_string())),
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
        .subject(message.headline())
        .header(ContentType::TEXT_PLAIN);
    for to in &channel.to {
        builder = builder.to(address(to)?);
    }
    let mut text = format!("{}\n\n", message.summary);
    for (name, value) in message.all_facts() {
        text.push_str(&format!("{name}: {value}\n"));
    }
    builder.body(text).map_err(|error| Failure::refused("the mail cannot be written").because(error.to_string()))
}

/// In a drill all mail goes to the cloud on this machine.
async fn server(channel: &Email, azure: &Azure) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let unusable = |error: lettre::transport::smtp::Error| {
        Failure::refused(format!("the mail server `{}` cannot be used", channel.host)).because(error.to_string())
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
