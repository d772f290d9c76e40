//! `ACCOUNT.blob.core.windows.net`, for whoever comes with a token: Put Blob, Append Block, Get Blob, Get Blob Properties,
//! Delete Blob, List Blobs, Lease Blob. Every container exists; one that is retained refuses what would change a blob.

use super::azure_rest::is_admitted;
use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::blobs::{Blob, Blobs, Refused};

const AUDIENCE: &str = "https://storage.azure.com";

const HOST: &str = ".blob.core.windows.net";

/// Answers a request that comes with a token; nothing if it is for somebody else.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
    let account = exchange.host.strip_suffix(HOST)?;
    exchange.bearer_token()?;
    if !is_admitted(cloud, exchange, AUDIENCE) {
        return Some(refuse((401, "InvalidAuthenticationInfo")));
    }
    let path = format!("{account}/{}", exchange.segments().join("/"));
    let mut blobs = lock(&cloud.blobs);
    let answer = match (exchange.method.as_str(), exchange.parameter("comp").as_deref()) {
        ("GET", Some("list")) => Ok(list(&blobs, &path, exchange)),
        ("GET", None) => blobs.get(&path).and_then(|blob| get(blob, exchange)),
        ("HEAD", None) => blobs.get(&path).map(|blob| properties(blob, exchange, Reply::empty(200))),
        ("DELETE", None) => blobs.delete(&path).map(|()| Reply::empty(202)),
        ("PUT", None) => put(&mut blobs, &path, exchange),
        ("PUT", Some("appendblock")) => append(&mut blobs, &path, exchange),
        ("PUT", Some("lease")) => lease(&mut blobs, &path, exchange),
        _ => Err((405, "UnsupportedHttpVerb")),
    };
    Some(answer.unwrap_or_else(refuse))
}

/// Whether a request is for a storage account, and comes with a token.
pub(crate) fn is_meant(exchange: &Exchange) -> bool {
    exchange.host.ends_with(HOST) && exchange.bearer_token().is_some()
}

/// A refusal in the service's own form.
pub(crate) fn refuse((status, code): Refused) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    Reply::text(status, "application/xml", body).header("x-ms-error-code", code)
}

fn put(blobs: &mut Blobs, path: &str, exchange: &Exchange) -> Result<Reply, Refused> {
    let is_appendable = exchange.header("x-ms-blob-type") == Some("AppendBlob");
    let once = exchange.header("if-none-match") == Some("*");
    blobs.put(path, exchange.body.clone(), is_appendable, (once, exchange.at))?;
    Ok(written(201, 0, exchange))
}

fn append(blobs: &mut Blobs, path: &str, exchange: &Exchange) -> Result<Reply, Refused> {
    let at = exchange.header("x-ms-blob-condition-appendpos").and_then(|at| at.parse().ok());
    let lease = (exchange.header("x-ms-lease-id"), exchange.at);
    let (begins, blocks) = blobs.append(path, &exchange.body, at, lease)?;
    Ok(written(201, blocks, exchange)
        .header("x-ms-blob-append-offset", begins.to_string())
        .header("x-ms-blob-committed-block-count", blocks.to_string()))
}

fn written(status: u16, writes: usize, exchange: &Exchange) -> Reply {
    let at = exchange.at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Reply::empty(status).header("ETag", format!("\"0x{writes:X}\"")).header("Last-Modified", at)
}

fn lease(blobs: &mut Blobs, path: &str, exchange: &Exchange) -> Result<Reply, Refused> {
    let own = exchange.header("x-ms-lease-id").unwrap_or_default();
    match exchange.header("x-ms-lease-action") {
        Some("acquire") => {
            let id = exchange.header("x-ms-proposed-lease-id").unwrap_or_default();
            let seconds = exchange.header("x-ms-lease-duration").and_then(|seconds| seconds.parse().ok());
            blobs.acquire(path, id, seconds.unwrap_or(15), exchange.at)?;
            Ok(written(201, 0, exchange).header("x-ms-lease-id", id))
        }
        Some("renew") => {
            blobs.renew(path, own, exchange.at)?;
            Ok(written(200, 0, exchange).header("x-ms-lease-id", own))
        }
        Some("release") => blobs.end_lease(path, Some(own)).map(|()| written(200, 0, exchange)),
        Some("break") => {
            blobs.end_lease(path, None)?;
            Ok(written(202, 0, exchange).header("x-ms-lease-time", "0"))
        }
        _ => Err((400, "InvalidHeaderValue")),
    }
}

fn properties(blob: &Blob, exchange: &Exchange, reply: Reply) -> Reply {
    let (kind, state) = (kind(blob), lease_state(blob, exchange));
    let at = blob.written_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let reply = reply.header("ETag", format!("\"0x{:X}\"", blob.writes)).header("Last-Modified", at);
    let reply = reply.header("x-ms-blob-type", kind).header("x-ms-lease-state", state);
    match reply.body {
        Some(_) => reply,
        None => reply.header("Content-Length", blob.bytes.len().to_string()),
    }
}

fn lease_state(blob: &Blob, exchange: &Exchange) -> &'static str {
    if blob.is_leased(exchange.at) { "leased" } else { "available" }
}

fn kind(blob: &Blob) -> &'static str {
    if blob.is_appendable { "AppendBlob" } else { "BlockBlob" }
}

fn get(blob: &Blob, exchange: &Exchange) -> Result<Reply, Refused> {
    const KIND: &str = "application/octet-stream";
    let range = exchange.header("x-ms-range").or_else(|| exchange.header("range"));
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        let whole = Reply { body: Some((KIND, blob.bytes.clone())), ..Reply::empty(200) };
        return Ok(properties(blob, exchange, whole));
    };
    let length = blob.bytes.len();
    let from = from.parse::<usize>().unwrap_or_default();
    let end = to.parse::<usize>().map_or(length, |to| length.min(to.saturating_add(1)));
    let Some(part) = blob.bytes.get(from..end).filter(|part| !part.is_empty()) else {
        return Err((416, "InvalidRange"));
    };
    let reply = Reply { body: Some((KIND, part.to_vec())), ..Reply::empty(206) };
    let reply = reply.header("Content-Range", format!("bytes {from}-{}/{length}", end - 1));
    Ok(properties(blob, exchange, reply))
}

fn list(blobs: &Blobs, container: &str, exchange: &Exchange) -> Reply {
    let begin = format!("{container}/{}", exchange.parameter("prefix").unwrap_or_default());
    let most = exchange.parameter("maxresults").and_then(|most| most.parse().ok()).unwrap_or(5_000);
    let found = blobs.list(&begin, &exchange.parameter("marker").unwrap_or_default(), most);
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>");
    for (path, blob) in &found {
        let name = path.strip_prefix(container).unwrap_or(path).trim_start_matches('/');
        let (name, length) = (name.replace('&', "&amp;").replace('<', "&lt;"), blob.bytes.len());
        let state = lease_state(blob, exchange);
        let at = blob.written_at.format("%a, %d %b %Y %H:%M:%S GMT");
        let properties = format!(
            "<Last-Modified>{at}</Last-Modified><Content-Length>{length}</Content-Length><BlobType>{}</BlobType><LeaseState>{state}</LeaseState>",
            kind(blob)
        );
        body.push_str(&format!("<Blob><Name>{name}</Name><Properties>{properties}</Properties></Blob>"));
    }
    let next = found.last().filter(|_| found.len() == most).map(|(path, _)| *path).unwrap_or_default();
    body.push_str(&format!("</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"));
    Reply::text(200, "application/xml", body)
}
