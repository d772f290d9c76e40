//! One HTTP request as the parts of the cloud see it, and one answer as they give it.

use super::host::{Destination, without_port};
use super::peer::Peer;
use crate::clock::Timestamp;
use axum::body::Body;
use axum::http::{Response, StatusCode, request};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::net::IpAddr;

pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    /// The Host header without its port.
    pub(crate) host: String,
    pub(crate) destination: Destination,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) peer: Peer,
}

impl Exchange {
    pub(crate) fn new(head: &request::Parts, body: Vec<u8>, peer: Peer, at: Timestamp) -> Self {
        let headers: Vec<(String, String)> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let named = headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
        let host = named.or_else(|| head.uri.authority().map(ToString::to_string)).unwrap_or_default();
        Self {
            at,
            method: head.method.as_str().to_owned(),
            destination: Destination::of(&host),
            host: without_port(&host).to_ascii_lowercase(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers,
            body,
            peer,
        }
    }

    /// A header's first value; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// What a `Bearer` authorization carries.
    pub(crate) fn bearer_token(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// A query parameter's value, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Path and query as they came.
    pub(crate) fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The path's segments, decoded, without a trailing empty one.
    pub(crate) fn segments(&self) -> Vec<String> {
        let path = self.path.trim_matches('/');
        path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
    }

    /// Whose address the vault sees: a simulated caller may name its own, or have one by its token.
    pub(crate) fn client_address(&self, by_token: Option<&str>) -> String {
        match self.header("x-drill-client-ip").or(by_token) {
            Some(address) => address.to_owned(),
            None => self.peer.address.ip().to_string(),
        }
    }

    /// Whether it is for the control, which is at the cloud's own address only.
    pub(crate) fn is_for_control(&self) -> bool {
        let is_local = matches!(self.destination, Destination::Local(_));
        is_local && (self.path == "/_control" || self.path.starts_with("/_control/"))
    }

    pub(crate) fn comes_from_loopback(&self) -> bool {
        match self.peer.address.ip() {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => address.to_canonical().is_loopback(),
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// With its content type.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { body: Some((JSON, body.to_string().into_bytes())), ..Self::empty(status) }
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self { body: Some((content_type, body.into_bytes())), ..Self::empty(status) }
    }

    /// Plain text.
    pub(crate) fn plain(status: u16, text: impl Into<String>) -> Self {
        Self::text(status, "text/plain; charset=utf-8", text.into())
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As axum sends it. A header that HTTP cannot carry is left out.
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut builder =
            Response::builder().status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if let Some((content_type, _)) = &self.body {
            builder = builder.header("Content-Type", *content_type);
        }
        for (name, value) in self.headers {
            if let Ok(value) = axum::http::HeaderValue::from_str(&value) {
                builder = builder.header(name, value);
            }
        }
        let body = self.body.map_or_else(Body::empty, |(_, bytes)| Body::from(bytes));
        builder.body(body).unwrap_or_else(|_| Response::new(Body::empty()))
    }
}
