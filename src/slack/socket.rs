//! Socket Mode: a line that the app opens, over which it hears what people press. Slack ends each after some hours, and
//! sooner when it likes: then the next one is opened.

use super::app::SlackApp;
use super::press::Press;
use crate::azure::Azure;
use crate::clock;
use crate::failure::{Failure, Retry};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long after a failure it is tried again, doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// What was heard is remembered so long: Slack may send it again.
const MOST_REMEMBERED: usize = 256;

/// Whether presses are heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Not yet, or not now.
    #[default]
    Away,
    Listening,
    /// Not any more, and not again.
    GaveUp,
}

/// How a line ended.
enum Ended {
    /// It broke, or Slack wants another one to be opened.
    Anew,
    /// Nobody hears any more.
    Unheard,
}

/// Listens until nobody hears what is heard, or Slack will not have it. What is wrong is told in one sentence, once.
pub async fn listen(
    app: &SlackApp,
    azure: &Azure,
    heard: mpsc::Sender<Press>,
    standing: &watch::Sender<Standing>,
    tell: impl Fn(&Failure),
) {
    let mut known = VecDeque::new();
    let mut wait = FIRST_WAIT;
    let mut told = false;
    loop {
        let ended = line(app, azure, &heard, standing, &mut known).await;
        let was_open = standing.send_replace(Standing::Away) == Standing::Listening;
        if was_open {
            (wait, told) = (FIRST_WAIT, false);
        }
        let pause = match ended {
            Ok(Ended::Unheard) => return,
            Ok(Ended::Anew) if was_open => continue,
            Ok(Ended::Anew) => wait,
            Err(failure) => {
                if !std::mem::replace(&mut told, true) || failure.retry == Retry::Never {
                    tell(&failure);
                }
                match failure.retry {
                    Retry::Never => {
                        standing.send_replace(Standing::GaveUp);
                        return;
                    }
                    Retry::After(pause) => pause.max(wait),
                    Retry::Later => wait,
                }
            }
        };
        tokio::select! {
            () = clock::sleep(pause) => {}
            () = heard.closed() => return,
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// One line, from its beginning to its end.
async fn line(
    app: &SlackApp,
    azure: &Azure,
    heard: &mpsc::Sender<Press>,
    standing: &watch::Sender<Standing>,
    known: &mut VecDeque<String>,
) -> Result<Ended, Failure> {
    let url = app.open(azure).await?;
    let mut line = azure.transport.web_socket(&url).await?;
    loop {
        let text = tokio::select! {
            text = line.next() => text,
            () = heard.closed() => return Ok(Ended::Unheard),
        };
        let Some(text) = text else { return Ok(Ended::Anew) };
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let member = |name: &str| said.get(name).and_then(Value::as_str);
        match member("type") {
            Some("hello") => drop(standing.send_replace(Standing::Listening)),
            Some("disconnect") if member("reason") == Some("link_disabled") => {
                let failure = Failure::refused("Socket Mode was turned off for the app of Slack");
                return Err(failure.help("turn it on in the app's settings").retry(Retry::Never));
            }
            Some("disconnect") => return Ok(Ended::Anew),
            _ => {}
        }
        let Some(id) = member("envelope_id") else { continue };
        // Slack waits three seconds for this; what follows may take longer.
        if line.send(json!({ "envelope_id": id }).to_string()).await.is_err() {
            return Ok(Ended::Anew);
        }
        if known.iter().any(|known| known == id) {
            continue;
        }
        known.push_back(id.to_owned());
        if known.len() > MOST_REMEMBERED {
            known.pop_front();
        }
        let press = said.get("payload").filter(|_| member("type") == Some("interactive")).and_then(Press::read);
        if let Some(press) = press
            && heard.send(press).await.is_err()
        {
            return Ok(Ended::Unheard);
        }
    }
}
