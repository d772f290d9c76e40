//! Slack's Socket Mode: a WebSocket, over which those who listen hear what people press.

use super::served::Served;
use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::host::Destination;
use crate::cloud::world::slack::Push;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::Response;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Whether a request wants to listen.
pub(super) fn is_meant(exchange: &Exchange) -> bool {
    let is_host = exchange.host == "wss-primary.slack.com" || matches!(exchange.destination, Destination::Local(_));
    is_host && exchange.path.trim_end_matches('/') == "/link"
}

/// Lets somebody listen who has a ticket.
pub(super) fn listen(served: Arc<Served>, exchange: &Exchange, upgrade: WebSocketUpgrade) -> Response<Body> {
    let ticket = exchange.parameter("ticket").unwrap_or_default();
    let heard = lock(&served.cloud.slack).listen(&ticket, exchange.at);
    let Some((id, pushes)) = heard else {
        return Reply::json(401, &json!({ "ok": false, "error": "invalid_ticket" })).into_response();
    };
    let peer = exchange.peer.clone();
    upgrade.on_upgrade(async move |socket| {
        if let Some(Push::Break) = serve(socket, pushes, &served).await {
            peer.cut();
        }
        lock(&served.cloud.slack).leave(&id);
    })
}

/// Sends and hears until the connection ends; gives what ended it, if the cloud did.
async fn serve(mut socket: WebSocket, mut pushes: mpsc::UnboundedReceiver<Push>, served: &Served) -> Option<Push> {
    loop {
        tokio::select! {
            push = pushes.recv() => match push {
                Some(Push::Text(text)) => socket.send(Message::Text(text.into())).await.ok()?,
                Some(Push::Break) => return Some(Push::Break),
                Some(Push::Close) | None => return socket.send(Message::Close(None)).await.ok().map(|()| Push::Close),
            },
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => lock(&served.cloud.slack).hear(&text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            },
        }
    }
}
