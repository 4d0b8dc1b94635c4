//! Which senders are believed when they say how the browser reached the site, in the words that Express takes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::PolicyError;

/// Who is believed when a request says how the browser reached the site: `X-Forwarded-Proto`, `X-Forwarded-Host` and
/// `Forwarded` (RFC 7239). Default: nobody.
///
/// It takes what Express' `trust proxy` takes, here as values and as text:
///
/// ```
/// use session_core::policy::TrustProxy;
///
/// let one: TrustProxy = "1".parse()?;
/// assert_eq!(one, TrustProxy::Hops(1));
/// let some: TrustProxy = "loopback, 10.0.0.0/8, fd00::1".parse()?;
/// assert!(matches!(some, TrustProxy::Addresses(subnets) if subnets.len() == 4));
/// assert!("10.0.0.0/99".parse::<TrustProxy>().is_err());
/// # Ok::<(), session_core::policy::PolicyError>(())
/// ```
///
/// Proxies in a row each add to a list, the nearest one last. The entry that counts is the one that the outermost trusted
/// proxy wrote: with `n` trusted proxies the `n`-th from the end, and the first if the list is shorter. How many are
/// trusted is the number of hops; or, with addresses, the connection's other end and the addresses before it in
/// `X-Forwarded-For`, as far as they are trusted without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrustProxy {
    /// Nobody: only a TLS connection to this server counts. In text: `nobody`, `false`.
    Nobody,
    /// Everybody: right only if every request comes through a proxy that overwrites these headers, since the first entry of
    /// each list counts. In text: `everybody`, `true`.
    Everybody,
    /// So many proxies in a row, whatever their addresses: right only if no request can reach this server by another way.
    /// In text: the number, from 1 to 255.
    Hops(u8),
    /// Loopback and private addresses: a proxy on the same machine or network. The same as `loopback, linklocal,
    /// uniquelocal`. In text: `private-networks`.
    PrivateNetworks,
    /// These addresses and subnets. In text: addresses, subnets (`10.0.0.0/8`, `10.0.0.0/255.0.0.0`) and the names
    /// `loopback`, `linklocal` and `uniquelocal`, with commas between them.
    Addresses(Vec<Subnet>),
}

/// An address, or all addresses that begin with the same bits.
///
/// ```
/// use session_core::policy::Subnet;
///
/// let subnet: Subnet = "10.0.0.0/8".parse()?;
/// assert!(subnet.contains("10.1.2.3".parse()?));
/// assert!(subnet.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!subnet.contains("11.0.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet {
    network: IpAddr,
    /// How many bits of it count.
    bits: u8,
}

const fn v4(a: u8, b: u8, bits: u8) -> Subnet {
    Subnet { network: IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), bits }
}

const fn v6(first: u16, bits: u8) -> Subnet {
    Subnet { network: IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0)), bits }
}

const LOOPBACK: &[Subnet] = &[v4(127, 0, 8), Subnet { network: IpAddr::V6(Ipv6Addr::LOCALHOST), bits: 128 }];
const LINK_LOCAL: &[Subnet] = &[v4(169, 254, 16), v6(0xfe80, 10)];
const UNIQUE_LOCAL: &[Subnet] = &[v4(10, 0, 8), v4(172, 16, 12), v4(192, 168, 16), v6(0xfc00, 7)];

impl Subnet {
    /// Whether the address is in it. An IPv4 address in IPv6 form is the IPv4 address.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Reads an address or a subnet. One of no bits would be everybody, which has a word of its own.
    fn read(text: &str) -> Option<Self> {
        let (address, range) = match text.split_once('/') {
            Some((address, range)) => (address, Some(range)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match range {
            None => most,
            Some(range) if range.contains('.') && address.is_ipv4() => mask(range)?,
            // `parse` would take a sign.
            Some(range) if range.bytes().all(|byte| byte.is_ascii_digit()) => range.parse().ok()?,
            Some(_) => return None,
        };
        if bits == 0 || bits > most {
            return None;
        }
        // The IPv6 form of IPv4 addresses begins with 96 bits of its own.
        match address.to_canonical() {
            network @ IpAddr::V4(_) if most == 128 => {
                Some(Self { network, bits: bits.checked_sub(96).filter(|&bits| bits > 0)? })
            }
            network => Some(Self { network, bits }),
        }
    }
}

/// The bits of a netmask: ones, then zeros.
fn mask(text: &str) -> Option<u8> {
    let mask = text.parse::<Ipv4Addr>().ok()?.to_bits();
    let ones = mask.leading_ones();
    (mask.count_ones() == ones).then(|| u8::try_from(ones).ok()).flatten()
}

impl FromStr for Subnet {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::read(text.trim()).ok_or_else(|| PolicyError::Proxy { entry: text.trim().to_owned() })
    }
}

impl TrustProxy {
    /// Whether the address is one of a proxy that is trusted. `None`: addresses are not what decides.
    pub(crate) fn by_address(&self, address: IpAddr) -> Option<bool> {
        let within =
            |sets: &[&[Subnet]]| sets.iter().any(|set| set.iter().any(|subnet| subnet.contains(address)));
        match self {
            Self::Nobody | Self::Everybody | Self::Hops(_) => None,
            Self::PrivateNetworks => Some(within(&[LOOPBACK, LINK_LOCAL, UNIQUE_LOCAL])),
            Self::Addresses(subnets) => Some(within(&[subnets])),
        }
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        match self {
            Self::Hops(0) => Err(PolicyError::NoHops),
            Self::Addresses(subnets) if subnets.is_empty() => Err(PolicyError::NoProxy),
            Self::Nobody | Self::Everybody | Self::Hops(_) | Self::PrivateNetworks | Self::Addresses(_) => {
                Ok(())
            }
        }
    }

    fn of_number(number: u64) -> Result<Self, PolicyError> {
        match u8::try_from(number) {
            Ok(0) => Err(PolicyError::NoHops),
            Ok(hops) => Ok(Self::Hops(hops)),
            Err(_) => Err(PolicyError::Proxy { entry: number.to_string() }),
        }
    }

    fn of_addresses<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, PolicyError> {
        let mut subnets = Vec::new();
        for entry in entries {
            match entry.trim() {
                "loopback" => subnets.extend_from_slice(LOOPBACK),
                "linklocal" => subnets.extend_from_slice(LINK_LOCAL),
                "uniquelocal" => subnets.extend_from_slice(UNIQUE_LOCAL),
                entry => subnets.push(entry.parse()?),
            }
        }
        if subnets.is_empty() { Err(PolicyError::NoProxy) } else { Ok(Self::Addresses(subnets)) }
    }
}

impl FromStr for TrustProxy {
    type Err = PolicyError;

    /// Reads a word, a number of hops, or addresses with commas between them.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Proxy`] shows the entry that is none of these, [`PolicyError::NoHops`] is for the number zero, and
    /// [`PolicyError::NoProxy`] for an empty text.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text.trim() {
            "" => Err(PolicyError::NoProxy),
            "nobody" | "false" => Ok(Self::Nobody),
            "everybody" | "true" => Ok(Self::Everybody),
            "private-networks" => Ok(Self::PrivateNetworks),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::of_number(number.parse().unwrap_or(u64::MAX))
            }
            addresses => Self::of_addresses(addresses.split(',')),
        }
    }
}

impl<'de> Deserialize<'de> for TrustProxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = TrustProxy;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`nobody`, `everybody`, `private-networks`, true, false, a number of hops, or addresses and subnets",
                )
            }
            fn visit_bool<E>(self, everybody: bool) -> Result<TrustProxy, E> {
                Ok(if everybody { TrustProxy::Everybody } else { TrustProxy::Nobody })
            }
            fn visit_u64<E: serde::de::Error>(self, hops: u64) -> Result<TrustProxy, E> {
                TrustProxy::of_number(hops).map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, hops: i64) -> Result<TrustProxy, E> {
                let hops = u64::try_from(hops);
                hops.map_err(|_| PolicyError::NoHops).and_then(TrustProxy::of_number).map_err(E::custom)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TrustProxy, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<TrustProxy, A::Error> {
                let mut all: Vec<String> = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    all.push(entry);
                }
                TrustProxy::of_addresses(all.iter().map(String::as_str)).map_err(serde::de::Error::custom)
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(text: &str, address: &str) -> bool {
        let trust: TrustProxy = text.parse().unwrap();
        trust.by_address(address.parse().unwrap()).unwrap()
    }

    #[test]
    fn names_addresses_and_subnets_are_read_as_express_reads_them() {
        for (text, inside, outside) in [
            (
                "loopback",
                &["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"][..],
                &["128.0.0.1", "::2"][..],
            ),
            ("linklocal", &["169.254.1.1", "fe80::1", "febf::1"], &["169.255.0.1", "fec0::1"]),
            (
                "uniquelocal",
                &["10.0.0.1", "172.31.255.1", "192.168.9.9", "fd12::1"],
                &["172.32.0.1", "fe00::1"],
            ),
            ("private-networks", &["127.0.0.1", "10.0.0.1", "fe80::1"], &["203.0.113.9", "2001:db8::1"]),
            ("192.0.2.7", &["192.0.2.7", "::ffff:192.0.2.7"], &["192.0.2.8"]),
            ("10.1.2.3/8", &["10.200.0.1"], &["11.0.0.1"]),
            ("10.0.0.0/255.128.0.0", &["10.127.0.1"], &["10.128.0.1"]),
            ("::ffff:10.0.0.0/104", &["10.1.1.1"], &["11.1.1.1", "::1"]),
            ("2001:db8::/32", &["2001:db8:ffff::1"], &["2001:db9::1", "10.0.0.1"]),
            (" loopback ,192.0.2.0/31", &["::1", "192.0.2.1"], &["192.0.2.2"]),
        ] {
            for address in inside {
                assert!(trusts(text, address), "{text} {address}");
            }
            for address in outside {
                assert!(!trusts(text, address), "{text} {address}");
            }
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_shown() {
        for text in [
            "10.0.0.0/0",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "/8",
            "10.0.0/8",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.255.0",
            "::1/129",
            "::/0",
            "::1/255.0.0.0",
            "::ffff:10.0.0.0/96",
            "localhost",
            "Loopback",
            "loopback,,linklocal",
            "10.0.0.1:80",
            "256",
            "99999999999999999999",
            "-1",
            "nobody, loopback",
            "*",
        ] {
            let error = text.parse::<TrustProxy>().unwrap_err();
            assert!(matches!(error, PolicyError::Proxy { .. }), "{text}: {error:?}");
        }
        let error = "loopback, 10.0.0.0/99".parse::<TrustProxy>().unwrap_err().to_string();
        assert!(error.contains("10.0.0.0/99") && error.contains("10.0.0.0/8"), "{error}");
        assert_eq!("0".parse::<TrustProxy>(), Err(PolicyError::NoHops));
        assert_eq!("".parse::<TrustProxy>(), Err(PolicyError::NoProxy));
        assert_eq!(TrustProxy::Addresses(Vec::new()).check(), Err(PolicyError::NoProxy));
        assert_eq!(TrustProxy::Hops(0).check(), Err(PolicyError::NoHops));
    }

    #[test]
    fn a_configuration_file_says_it_as_express_does() {
        let read = |json: &str| serde_json::from_str::<TrustProxy>(json);
        assert_eq!(read("true").unwrap(), TrustProxy::Everybody);
        assert_eq!(read("false").unwrap(), TrustProxy::Nobody);
        assert_eq!(read("2").unwrap(), TrustProxy::Hops(2));
        assert_eq!(read("\"2\"").unwrap(), TrustProxy::Hops(2));
        assert_eq!(read("\"private-networks\"").unwrap(), TrustProxy::PrivateNetworks);
        assert_eq!(read("\"loopback\"").unwrap(), TrustProxy::Addresses(LOOPBACK.to_vec()));
        assert_eq!(
            read("[\"loopback\", \"10.0.0.0/8\"]").unwrap(),
            read("\"loopback, 10.0.0.0/8\"").unwrap()
        );
        for wrong in ["0", "-1", "300", "1.5", "null", "{}", "[]", "[1]", "\"10.0.0.0/99\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
