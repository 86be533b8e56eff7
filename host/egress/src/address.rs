//! Which addresses may be dialled. A name outside can point anywhere, inside included; so it is the address that is judged.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Anywhere on the public network.
    Public,
    /// Inside: only where the operator says `private = true`. The words say what it is.
    Private(&'static str),
    /// Hands credentials to whoever asks: only where the operator names the address itself.
    Metadata,
    /// Never a place to send to.
    Never(&'static str),
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(segments: [u16; 8], length: u8) -> IpNet {
    let s = segments;
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), length))
}

/// From the IANA special-purpose address registries (RFC 6890 and its updates) and the providers' documents for metadata. The first
/// that holds the address decides.
const SPECIAL: &[(IpNet, Class)] = &[
    (v4(169, 254, 169, 254, 32), Class::Metadata),
    (v4(169, 254, 170, 2, 32), Class::Metadata),
    (v4(169, 254, 170, 23, 32), Class::Metadata),
    (v4(100, 100, 100, 200, 32), Class::Metadata),
    (v4(168, 63, 129, 16, 32), Class::Metadata),
    (v4(0, 0, 0, 0, 8), Class::Never("unspecified")),
    (v4(10, 0, 0, 0, 8), Class::Private("private")),
    (v4(100, 64, 0, 0, 10), Class::Private("carrier-grade NAT")),
    (v4(127, 0, 0, 0, 8), Class::Private("loopback")),
    (v4(169, 254, 0, 0, 16), Class::Private("link-local")),
    (v4(172, 16, 0, 0, 12), Class::Private("private")),
    (v4(192, 0, 0, 0, 24), Class::Never("reserved")),
    (v4(192, 0, 2, 0, 24), Class::Never("for documentation")),
    (v4(192, 88, 99, 0, 24), Class::Never("reserved")),
    (v4(192, 168, 0, 0, 16), Class::Private("private")),
    (v4(198, 18, 0, 0, 15), Class::Private("for benchmarks")),
    (v4(198, 51, 100, 0, 24), Class::Never("for documentation")),
    (v4(203, 0, 113, 0, 24), Class::Never("for documentation")),
    (v4(224, 0, 0, 0, 4), Class::Never("multicast")),
    (v4(240, 0, 0, 0, 4), Class::Never("reserved")),
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), Class::Metadata),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Class::Metadata),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Class::Private("loopback")),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), Class::Never("unspecified or reserved")),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Class::Private("local translation")),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Class::Never("discarded")),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Class::Never("reserved")),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Class::Never("for documentation")),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Class::Never("for documentation")),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), Class::Never("reserved")),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Class::Private("unique-local")),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Class::Private("link-local")),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Class::Private("site-local")),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Class::Never("multicast")),
];

/// What this address is.
pub(crate) fn classify(address: IpAddr) -> Class {
    let address = unwrapped(address);
    SPECIAL.iter().find(|(net, _)| net.contains(&address)).map_or(Class::Public, |(_, class)| *class)
}

/// The IPv4 address that an IPv6 address stands for, where it is one in disguise: mapped, translated (NAT64) or tunnelled (6to4).
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let inner = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => inner(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: impl Fn(Class) -> bool) {
        for text in addresses {
            let class = classify(text.parse().unwrap());
            assert!(expected(class), "{text} is {class:?}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        check(&["1.1.1.1", "9.9.9.9", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8"], |c| c == Class::Public);
    }

    #[test]
    fn inside_is_private_in_every_disguise() {
        check(
            &[
                "127.0.0.1",
                "127.255.255.254",
                "::1",
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "100.127.255.255",
                "169.254.0.1",
                "fe80::1",
                "febf::1",
                "fc00::1",
                "fdff::1",
                "fec0::1",
                "::ffff:127.0.0.1",
                "::ffff:10.1.2.3",
                "64:ff9b::7f00:1",
                "64:ff9b::c0a8:101",
                "64:ff9b:1::1",
                "2002:7f00:1::",
                "2002:c0a8:101::1",
            ],
            |c| matches!(c, Class::Private(_)),
        );
    }

    #[test]
    fn metadata_is_its_own_class() {
        check(&["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200"], |c| {
            c == Class::Metadata
        });
    }

    #[test]
    fn nothing_is_sent_to_many_or_to_nobody() {
        check(
            &[
                "0.0.0.0",
                "0.1.2.3",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "192.0.2.1",
                "::",
                "ff02::1",
                "2001:db8::1",
                "2001::1",
                "::ffff:0.0.0.0",
                "::7f00:1",
                "100::1",
            ],
            |c| matches!(c, Class::Never(_)),
        );
    }
}
