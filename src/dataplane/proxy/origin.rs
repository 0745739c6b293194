//! Client addresses behind trusted proxies, from the PROXY protocol at the start of a connection or from
//! `X-Forwarded-For` in each request.
//!
//! Nodes are known by their address, so only trusted proxies may state one. `Forwarded` (RFC 7239) is
//! ignored: a proxy that sets one of the two headers may pass on the client's own version of the other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::listen::TrustedProxies;

/// The de-facto standard: each proxy appends the address of its client.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Longest PROXY protocol header. Version 2 with addresses and typical extensions has some hundred bytes.
const PROXY_HEADER_BYTES_MAX: usize = 2_048;

/// Returns the rightmost address in `X-Forwarded-For` that is not a trusted proxy's. `peer` is trusted. A
/// malformed entry was not written by a trusted proxy, so the address before it is the client's.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let lines: Vec<&[u8]> = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    let mut client = peer;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(|&byte| byte == b',')) {
        let Some(address) = parse_address(hop) else { break };
        client = address;
        if !trusted.contains(client) {
            break;
        }
    }
    client
}

/// Parses an address; some proxies append a port.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let alone = IpAddr::from_str(text.trim_start_matches('[').trim_end_matches(']'));
    let address = alone.or_else(|_| SocketAddr::from_str(text).map(|with_port| with_port.ip())).ok()?;
    Some(address.to_canonical())
}

/// Reads a PROXY protocol header, version 1 or 2, and nothing beyond it. Returns `None` for a connection of
/// the proxy itself, such as a health check.
pub(super) async fn read_proxy_header(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let mut header = Vec::new();
    loop {
        let mut ahead = [0; PROXY_HEADER_BYTES_MAX];
        let seen = stream.peek(&mut ahead[header.len()..]).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = header.len();
        header.extend_from_slice(&ahead[before..before + seen]);
        let parsed = match ProxyHeader::parse(
            &header,
            ParseConfig { include_tlvs: false, ..ParseConfig::default() },
        ) {
            Ok((parsed, bytes)) => {
                let client = parsed.proxied_address().map(|address| address.source.ip().to_canonical());
                Some((client, bytes))
            }
            Err(Error::BufferTooShort) if header.len() < PROXY_HEADER_BYTES_MAX => None,
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        // Consumes the peeked bytes up to the header's end, so that the next peek sees new ones.
        let end = parsed.map_or(header.len(), |(_, bytes)| bytes).max(before);
        stream.read_exact(&mut ahead[before..end]).await?;
        if let Some((client, _)) = parsed {
            return Ok(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn trusted() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()))
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_is_the_client() {
        for (lines, expected) in [
            (&[][..], PEER),
            (&["192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.1, 192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.1, 192.0.2.7, 10.2.3.4"], "192.0.2.7"),
            (&["203.0.113.1", "192.0.2.7", "10.2.3.4,10.2.3.5"], "192.0.2.7"),
            (&["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
            (&["192.0.2.7:4711, fd00::1"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7, nonsense"], PEER),
            (&["192.0.2.7, unknown, 10.2.3.4"], "10.2.3.4"),
            (&["192.0.2.7,"], PEER),
            (&[""], PEER),
        ] {
            let headers = lines.iter().map(|line| (FORWARDED_FOR, line.parse().unwrap())).collect();
            let client = client_address(PEER.parse().unwrap(), &headers, &trusted());
            assert_eq!(client.to_string(), expected, "{lines:?}");
        }
    }

    /// Sends `bytes` in pieces of this length. Returns the parsed address and the bytes after the header.
    async fn read(bytes: &[u8], piece: usize) -> io::Result<(Option<IpAddr>, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxy = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let bytes = bytes.to_vec();
        let sending = tokio::spawn(async move {
            for piece in bytes.chunks(piece) {
                // The reader may close early.
                let _ = proxy.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        });
        let client = read_proxy_header(&mut stream).await?;
        sending.await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        Ok((client, rest))
    }

    /// A version 2 header with this text behind its signature.
    fn version2(rest: &[u8]) -> Vec<u8> {
        [b"\r\n\r\n\0\r\nQUIT\n", rest].concat()
    }

    #[tokio::test]
    async fn a_proxys_header_is_read_to_its_end_and_no_further() {
        let v4 = version2(b"\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\x12\x67\x01\xbb");
        // A proxy's own extension follows the addresses.
        let longer =
            version2(b"\x21\x11\x00\x13\xc0\x00\x02\x07\x0a\x00\x00\x01\x12\x67\x01\xbb\x04\x00\x04abcd");
        let local = version2(b"\x20\x00\x00\x00");
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n", Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 fd00::1 4711 443\r\n", Some("2001:db8::7")),
            (b"PROXY UNKNOWN\r\n", None),
            (&v4, Some("192.0.2.7")),
            (&longer, Some("192.0.2.7")),
            (&local, None),
        ];
        for (header, expected) in cases {
            for piece in [1, 7, 4096] {
                let (client, rest) = read(&[header, b"GET /v2/"].concat(), piece).await.unwrap();
                assert_eq!(client.map(|client| client.to_string()).as_deref(), expected, "{header:?}");
                assert_eq!(rest, "GET /v2/", "{header:?}");
            }
        }
    }

    #[tokio::test]
    async fn whoever_says_anything_else_is_refused() {
        let endless = [&version2(b"\x21\x11\xff\xff")[..], &[7; 5_000]].concat();
        let cases: [&[u8]; 9] = [
            b"",
            b"GET /v2/ HTTP/1.1\r\nhost: a\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00",
            b"PROXY TCP4 192.0.2.7",
            b"PROXY TCP4 192.0.2.777 10.0.0.1 4711 443\r\n",
            b"PROXY TCP4 2001:db8::7 fd00::1 4711 443\r\n",
            &[b'P'; 4_000],
            &endless,
        ];
        for bytes in cases {
            assert!(read(bytes, 4096).await.is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
