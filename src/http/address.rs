//! Whose request it is, by address: the socket's, or what a trusted proxy says.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use poem::{Addr, Request};

/// The client's address, put on each request by `Front`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What limits are counted by: an IPv4 address, or an IPv6 network of 64 bits, which is one customer's.
    pub fn limit_key(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        }
    }

    pub fn is_loopback(self) -> bool {
        self.0.to_canonical().is_loopback()
    }
}

/// The socket's peer; where that is a trusted proxy, the last address in `X-Forwarded-For` that is not one itself.
pub fn client_address(request: &Request, trusted: &[IpNet]) -> ClientAddress {
    let peer = match request.remote_addr().0 {
        Addr::SocketAddr(address) => address.ip().to_canonical(),
        _ => IpAddr::from([127, 0, 0, 1]),
    };
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return ClientAddress(peer);
    }
    let forwarded = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => {
                client = address.to_canonical();
                if !is_trusted(client) {
                    break;
                }
            }
            // What cannot be read was not written by a proxy that we trust.
            Err(_) => break,
        }
    }
    ClientAddress(client)
}
