//! Every request to the cloud passes here: the door, control, planned faults, then the service that the host names.

use super::served::Served;
use super::socket;
use crate::clock;
use crate::cloud::control;
use crate::cloud::faults::{Cut, FaultEffect, RequestLine};
use crate::cloud::lock::lock;
use crate::cloud::services;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::peer::Peer;
use crate::cloud::world::Cloud;
use crate::cloud::world::calls::Call;
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::Response;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const LARGEST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The one handler.
pub(crate) async fn answer(
    State(served): State<Arc<Served>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &()).await.ok();
    let reply = match to_bytes(body, LARGEST_BODY_BYTES).await {
        Ok(body) => {
            let mut exchange = Exchange::new(&head, body.to_vec(), peer, clock::now());
            match served.door.admit(&mut exchange) {
                Err(refusal) => refusal,
                Ok(()) if exchange.is_for_control() => control::answer(&served.cloud, &served.actors, &exchange),
                Ok(())
                    if socket::is_meant(&exchange)
                        && let Some(upgrade) = upgrade =>
                {
                    return socket::listen(served, &exchange, upgrade);
                }
                Ok(()) => respond(&served.cloud, exchange).await,
            }
        }
        Err(error) => Reply::json(413, &json!({ "error": error.to_string() })),
    };
    reply.into_response()
}

async fn respond(cloud: &Cloud, mut exchange: Exchange) -> Reply {
    let fault = fault(cloud, &exchange);
    if let Some(delay) = fault.delay_ms {
        clock::sleep(Duration::from_millis(delay)).await;
        exchange.at = clock::now();
    }
    if fault.drop == Some(Cut::Before) {
        record(cloud, &exchange, 0, Some("before"));
        exchange.peer.cut();
        return Reply::empty(500);
    }
    let reply = match fault.answer_status() {
        Some(status) => {
            let reply = services::refuse(cloud, &exchange, status);
            match fault.retry_after_s {
                Some(seconds) => reply.header("Retry-After", seconds.to_string()),
                None => reply,
            }
        }
        None => services::answer(cloud, &exchange),
    };
    cloud.watch_issued(exchange.at);
    if fault.drop == Some(Cut::After) {
        record(cloud, &exchange, reply.status, Some("after"));
        exchange.peer.cut();
    } else {
        record(cloud, &exchange, reply.status, None);
    }
    reply
}

/// What goes wrong with this request.
fn fault(cloud: &Cloud, exchange: &Exchange) -> FaultEffect {
    let line = RequestLine {
        method: &exchange.method,
        host: &exchange.host,
        path: &exchange.path,
        path_and_query: &exchange.path_and_query(),
    };
    lock(&cloud.faults).inject(line).unwrap_or_default()
}

fn record(cloud: &Cloud, exchange: &Exchange, status: u16, dropped: Option<&'static str>) {
    lock(&cloud.calls).push(Call {
        at: exchange.at,
        method: exchange.method.clone(),
        host: exchange.host.clone(),
        path: exchange.path.clone(),
        query: exchange.query.clone(),
        status,
        client_request_id: exchange.header("x-ms-client-request-id").map(str::to_owned),
        user_agent: exchange.header("user-agent").map(str::to_owned),
        dropped,
    });
}
