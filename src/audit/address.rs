//! What a log has in the place of a caller's address → the address in its one spelling.

use super::naming::says_something;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address in its one spelling, without a port: of IPv6 the short form, of an IPv4 address inside of one that itself.
pub(super) fn address(text: &str) -> String {
    // An IPv4 address has one spelling only.
    if text.parse::<Ipv4Addr>().is_ok() {
        return text.to_owned();
    }
    match ip_address(text) {
        Some(address) => address.to_canonical().to_string(),
        None => {
            let bare = bare_address(text);
            if says_something(bare) { bare.to_owned() } else { String::new() }
        }
    }
}

/// Whether a text is an address, with or without a port.
pub(super) fn is_address(text: &str) -> bool {
    text.contains(['.', ':']) && ip_address(text).is_some()
}

fn bare_address(text: &str) -> &str {
    let bare = text.trim_matches(|char: char| char.is_whitespace() || char == '"');
    bare.trim_start_matches('[').trim_end_matches(']')
}

fn ip_address(text: &str) -> Option<IpAddr> {
    let trimmed = text.trim_matches(|char: char| char.is_whitespace() || char == '"');
    let bare = bare_address(trimmed);
    let without_zone = bare.split_once('%').map_or(bare, |(address, _)| address);
    // Of one address, the network is that address.
    let alone = without_zone.strip_suffix("/32").or(without_zone.strip_suffix("/128")).unwrap_or(without_zone);
    let socket = || trimmed.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    // Some write the four bytes as one number; what is less is none that a caller has.
    let number = || {
        trimmed.parse::<u32>().ok().filter(|number| *number >= 1 << 24).map(|number| IpAddr::from(number.to_be_bytes()))
    };
    alone.parse::<IpAddr>().ok().or_else(socket).or_else(number)
}
