//! A WebSocket, by the same way out as every request: the same client, the same authorities, the same route.

use super::transport::Transport;
use crate::clock;
use crate::failure::{Failure, Retry};
use futures::{SinkExt, StreamExt};
use reqwest::Upgraded;
use std::fmt;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Url;

/// No more is taken for one message, in bytes.
const LARGEST: usize = 1 << 20;
/// So often the other side is asked for a sign of life, and so often in vain before the line counts as dead.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
const MOST_SILENCES: u32 = 2;

/// An open line, over which texts come and go.
pub struct WebSocket {
    stream: WebSocketStream<Upgraded>,
    host: String,
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebSocket").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Transport {
    /// Opens a WebSocket. Only the host stands in a failure: the address may hold a credential.
    ///
    /// # Errors
    /// If the address is not encrypted (`wss`; in a drill, the cloud's own), or the other side does not open one.
    pub async fn web_socket(&self, url: &str) -> Result<WebSocket, Failure> {
        let mut url = Url::parse(url).map_err(|_| Failure::refused("the address of the line cannot be used"))?;
        let plain = match url.scheme() {
            "wss" => "https",
            "ws" => "http",
            other => return Err(Failure::refused(format!("`{other}` opens no line that stays open"))),
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        if url.set_scheme(plain).is_err() {
            return Err(Failure::refused(format!("the address of `{host}` cannot be used")));
        }
        self.must_be_hidden(url.as_str())?;
        let key = generate_key();
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key.as_str()),
        ];
        let response = self.open(url, &headers).await?;
        let status = response.status().as_u16();
        let accepted = response.headers().get("sec-websocket-accept").map(|value| value.as_bytes().to_vec());
        if status != 101 || accepted.as_deref() != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            let failure = Failure::refused(format!("`{host}` opened no line: it answered {status}"));
            return Err(failure.retry(Retry::Later));
        }
        let broken = |_| Failure::refused(format!("`{host}` opened no line")).retry(Retry::Later);
        let upgraded = response.upgrade().await.map_err(broken)?;
        let bounds = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(bounds)).await;
        Ok(WebSocket { stream, host })
    }
}

impl WebSocket {
    /// The next text; nothing once the line is closed, or dead.
    pub async fn next(&mut self) -> Option<String> {
        let mut silences = 0;
        loop {
            tokio::select! {
                came = self.stream.next() => match came?.ok()? {
                    Message::Text(text) => return Some(text.as_str().to_owned()),
                    Message::Close(_) => return None,
                    // A ping is answered by itself.
                    _ => silences = 0,
                },
                () = clock::sleep(SIGN_OF_LIFE) => {
                    silences += 1;
                    if silences > MOST_SILENCES {
                        return None;
                    }
                    self.stream.send(Message::Ping(Vec::new().into())).await.ok()?;
                }
            }
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// If the line is closed.
    pub async fn send(&mut self, text: String) -> Result<(), Failure> {
        let sent = self.stream.send(Message::Text(text.into())).await;
        sent.map_err(|_| Failure::refused(format!("the line to `{}` is closed", self.host)).retry(Retry::Later))
    }
}
