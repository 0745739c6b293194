//! Addresses that a registry may send Landfall to. Pure.
//!
//! A registry is trusted for its images, not with Landfall's place in the network. It names other hosts,
//! where its blobs are stored and its tokens are issued. Such a host may be no nearer to Landfall than the
//! registry itself: a public registry cannot point into a private network, and a private one cannot point to
//! the loopback interface. Cloud metadata services are never a target.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Nearness of an address, from far to near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Nearness {
    /// The public Internet.
    Public,
    /// RFC 1918, RFC 4193 (unique local), RFC 6598 (carrier-grade NAT), RFC 2544 (benchmarks).
    Private,
    /// The local machine.
    Loopback,
}

/// Cloud metadata services outside the link-local range.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Tells whether a registry of this nearness may send Landfall to `address`.
pub(super) fn permitted(address: IpAddr, registry: Nearness) -> bool {
    nearness(address).is_some_and(|target| target <= registry)
}

/// Returns an address's nearness. `None` for addresses that are never a target: link-local, unspecified,
/// multicast, broadcast, reserved, metadata.
pub(super) fn nearness(address: IpAddr) -> Option<Nearness> {
    if METADATA.contains(&address) {
        return None;
    }
    match address {
        IpAddr::V4(address) => nearness_v4(address),
        IpAddr::V6(address) => nearness_v6(address),
    }
}

fn nearness_v4(address: Ipv4Addr) -> Option<Nearness> {
    match address.octets() {
        [127, ..] => Some(Nearness::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] => {
            Some(Nearness::Private)
        }
        [0, ..] | [169, 254, ..] | [192, 0, 0, _] | [224..=255, ..] => None,
        _ => Some(Nearness::Public),
    }
}

fn nearness_v6(address: Ipv6Addr) -> Option<Nearness> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Nearness::Loopback),
        // IPv4-compatible, IPv4-mapped and NAT64 (RFC 6052) addresses end in an IPv4 address.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4 (RFC 3056) has it after the first 16 bits.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo (RFC 4380) would use a tunnel of the local machine.
        [0x2001, 0, ..] => None,
        [0x2000..=0x3fff, ..] => Some(Nearness::Public),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Some(Nearness::Private),
        _ => None,
    }
}

fn embedded(high: u16, low: u16) -> Option<Nearness> {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    nearness(Ipv4Addr::new(a, b, c, d).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_has_its_nearness() {
        use Nearness::{Loopback, Private, Public};
        let cases = [
            ("8.8.8.8", Some(Public)),
            ("172.15.255.255", Some(Public)),
            ("172.32.0.1", Some(Public)),
            ("100.63.255.255", Some(Public)),
            ("100.128.0.1", Some(Public)),
            ("192.169.0.1", Some(Public)),
            ("10.0.0.1", Some(Private)),
            ("172.16.0.1", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("192.168.1.1", Some(Private)),
            ("100.64.0.1", Some(Private)),
            ("100.127.255.255", Some(Private)),
            ("198.18.0.1", Some(Private)),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.254", Some(Loopback)),
            ("0.0.0.0", None),
            ("0.1.2.3", None),
            ("169.254.169.254", None),
            ("169.254.0.1", None),
            ("168.63.129.16", None),
            ("100.100.100.200", None),
            ("192.0.0.192", None),
            ("224.0.0.1", None),
            ("239.255.255.255", None),
            ("240.0.0.1", None),
            ("255.255.255.255", None),
            ("2a00:1450:4001::1", Some(Public)),
            ("fc00::1", Some(Private)),
            ("fd12:3456::1", Some(Private)),
            ("fec0::1", Some(Private)),
            ("64:ff9b:1::1", Some(Private)),
            ("::1", Some(Loopback)),
            ("::", None),
            ("fe80::1", None),
            ("febf::1", None),
            ("ff02::1", None),
            ("fd00:ec2::254", None),
            ("2001::1", None),
            ("4000::1", None),
            ("::ffff:8.8.8.8", Some(Public)),
            ("::ffff:10.0.0.1", Some(Private)),
            ("::ffff:127.0.0.1", Some(Loopback)),
            ("::ffff:169.254.169.254", None),
            ("::ffff:0.0.0.0", None),
            ("::127.0.0.1", Some(Loopback)),
            ("64:ff9b::10.0.0.1", Some(Private)),
            ("64:ff9b::169.254.169.254", None),
            ("2002:7f00:1::", Some(Loopback)),
            ("2002:808:808::", Some(Public)),
        ];
        for (address, expected) in cases {
            assert_eq!(nearness(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_target_is_no_nearer_than_the_registry() {
        use Nearness::{Loopback, Private, Public};
        let cases = [
            ("8.8.8.8", [true, true, true]),
            ("10.0.0.1", [false, true, true]),
            ("fd00::1", [false, true, true]),
            ("127.0.0.1", [false, false, true]),
            ("::ffff:127.0.0.1", [false, false, true]),
            ("169.254.169.254", [false, false, false]),
            ("fe80::1", [false, false, false]),
            ("0.0.0.0", [false, false, false]),
        ];
        for (address, expected) in cases {
            let address = address.parse().unwrap();
            assert_eq!(
                [Public, Private, Loopback].map(|from| permitted(address, from)),
                expected,
                "{address}"
            );
        }
    }
}
