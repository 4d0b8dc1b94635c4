//! What proxies say, and who is to be trusted: no bytes make a reader panic, and no untrusted sender is believed.
//!
//! The first line is read as `trust_proxy`, the others as header fields: the first byte of each says which.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use session_core::policy::TrustProxy;
use session_core::request::HeaderSource;
use session_core::{Keyring, Policy, RequestFacts};

const NAMES: [&str; 4] = ["x-forwarded-proto", "x-forwarded-for", "x-forwarded-host", "forwarded"];

struct Fields<'a>(Vec<&'a [u8]>);

impl HeaderSource for Fields<'_> {
    fn values<'h>(&'h self, name: &str, each: &mut dyn FnMut(&'h [u8])) {
        for field in &self.0 {
            if let Some((first, value)) = field.split_first()
                && NAMES[usize::from(*first) % NAMES.len()] == name
            {
                each(value);
            }
        }
    }
}

fn policy(trust: TrustProxy) -> Option<Policy> {
    Policy::builder(Keyring::new("0123456789abcdefghijklmnopqrstuvwxyz")).trust_proxy(trust).build().ok()
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|&byte| byte == b'\n');
    let trust = String::from_utf8_lossy(lines.next().unwrap_or_default()).parse::<TrustProxy>();
    let fields = Fields(lines.collect());
    let facts = RequestFacts::new("/").host(Some("app")).headers(&fields);
    let stranger = facts.peer(Some(IpAddr::from([203, 0, 113, 9])));
    let nobody = policy(TrustProxy::Nobody).expect("it builds");
    let neighbours = policy(TrustProxy::PrivateNetworks).expect("it builds");
    for (policy, facts) in
        [(&nobody, &stranger), (&nobody, &facts), (&neighbours, &stranger), (&neighbours, &facts)]
    {
        let client = policy.client(facts);
        assert!(!client.is_secure(), "an untrusted sender is believed");
        assert_eq!(client.host().as_deref(), Some("app"), "an untrusted sender is believed");
    }
    // Whoever is trusted may say anything.
    let believing = [Ok(TrustProxy::Everybody), Ok(TrustProxy::Hops(2)), trust];
    for policy in believing.into_iter().flatten().filter_map(policy) {
        for facts in [facts, stranger, facts.peer(Some(IpAddr::from([127, 0, 0, 1])))] {
            let client = policy.client(&facts);
            let _read = (client.is_secure(), client.host());
        }
    }
});
