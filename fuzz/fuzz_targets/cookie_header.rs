//! `Cookie` headers: no bytes make the reader panic, and nothing opens but what was sealed.
//!
//! The input is the headers, one a line. The bytes 1, 2 and 3 stand for three sealed values, so that the fuzzer can
//! put good cookies anywhere in junk without having to forge a signature.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use session_core::cookie::MAX_CANDIDATES;
use session_core::{Open, Policy, SessionId, StoreKey};
use session_fuzz::{NOW, load, policies, seal};

struct Target {
    policy: Policy,
    sealed: Vec<String>,
    keys: Vec<StoreKey>,
}

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let ids: Vec<SessionId> = ["rpojHNHHzmT-mzlaLfA1nl2fBcAqLAFW", "a.b.c", "a b;c=d/e+f% é"]
        .into_iter()
        .filter_map(SessionId::new)
        .collect();
    let target = |policy: Policy| Target {
        sealed: ids.iter().map(|id| seal(&policy, id)).collect(),
        keys: ids.iter().map(|id| id.key(policy.ids_at_rest())).collect(),
        policy,
    };
    policies().into_iter().map(target).collect()
});

fuzz_target!(|data: &[u8]| {
    for Target { policy, sealed, keys } in TARGETS.iter() {
        let mut header = Vec::new();
        for byte in data {
            match byte {
                1..=3 => header.extend_from_slice(sealed[usize::from(*byte) - 1].as_bytes()),
                other => header.push(*other),
            }
        }
        for key in lookups(policy, &header) {
            assert!(keys.contains(&key), "only what was sealed opens");
        }

        // A good cookie behind anything is found, unless there are too many of its name before it.
        let names = header.windows(3).filter(|window| window == b"sid").count();
        header.extend_from_slice(format!("; sid={}", sealed[0]).as_bytes());
        let found = lookups(policy, &header).contains(&keys[0]);
        assert!(found || names >= MAX_CANDIDATES, "the good cookie is found");
    }
});

/// Every key that a request asks for while the store answers that there is no such session.
fn lookups(policy: &Policy, header: &[u8]) -> Vec<StoreKey> {
    let mut keys = Vec::new();
    let mut next = load(policy, header);
    while let Some(load) = next {
        keys.push(load.key().clone());
        next = match load.resume(None, NOW) {
            Open::Load(load) => Some(load),
            Open::Ready(state) => {
                assert!(state.is_new(), "nothing was found");
                None
            }
            Open::Outside => None,
        };
    }
    assert!(keys.len() <= MAX_CANDIDATES, "the work is bounded");
    keys
}
