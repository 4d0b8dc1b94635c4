//! 4.9 Caching and response.

use session_core::close::Close;
use session_core::policy::Rolling;
use session_core::state::Use;
use session_core::{Open, Reply, State};

use crate::server::*;

/// CA-1, CA-2, CA-3: a reply does not know the status or the method of the response, so the rule is the same for all.
#[test]
fn a_response_that_sets_a_cookie_is_not_stored_by_caches_and_one_that_read_a_session_varies_by_cookie() {
    let later = NOW + 12 * HOUR;
    let cases: [(&str, bool, fn(&mut State), bool); 8] = [
        ("created", false, |state| state.insert("a", 1).unwrap(), true),
        ("read by a visitor", false, |state| assert_eq!(state.get::<u32>("a").unwrap(), None), false),
        ("written", true, |state| state.insert("a", 2).unwrap(), true),
        ("rolled", true, |_| (), true),
        ("touched", true, |state| state.touch().unwrap(), true),
        ("read", true, State::decline_touch, false),
        ("renewed", true, |state| state.renew().unwrap(), true),
        ("cleared", true, State::destroy, true),
    ];
    for (what, exists, use_it, sets) in cases {
        let mut server = Server::new(strong());
        let cookie = if exists { vec![server.begin()] } else { Vec::new() };
        let cookies: Vec<&str> = cookie.iter().map(String::as_str).collect();
        let mut state = server.open(&cookies, later);
        use_it(&mut state);
        let reply = server.close(state, later);
        assert_eq!(reply.set_cookie().is_some(), sets, "{what}");
        assert_eq!(reply.vary(), Some("Cookie"), "{what}");
        for present in [
            None,
            Some("public, max-age=600"),
            Some("max-age=600, must-revalidate"),
            Some("no-cache"),
            Some("x-private"),
        ] {
            assert_eq!(reply.cache_control(present), sets.then_some("no-store"), "{what} {present:?}");
        }
        for present in ["private", "no-store", "max-age=0, Private", "NO-STORE,no-cache"] {
            assert_eq!(reply.cache_control(Some(present)), None, "{what}: {present} is strict enough");
        }
    }
    // A response that had nothing to do with a session says nothing.
    let server = Server::new(strong());
    let Open::Ready(state) = server.policy.open(server.policy.visit(&tls(), [])) else {
        panic!("nothing to load")
    };
    let Close::Done(settled) = state.close(Use::Unused, NOW, &mut no_id) else { panic!("nothing to do") };
    let reply = settled.into_reply(NOW).unused();
    assert_eq!((reply.set_cookie(), reply.vary(), reply.cache_control(Some("public"))), (None, None, None));
    assert_eq!((Reply::none().vary(), Reply::none().cache_control(None)), (None, None));
}

/// CA-1: a cookie that is set though the handler did not ask for the session.
#[test]
fn a_cookie_that_is_refreshed_for_an_unused_session_forbids_caching_too() {
    let mut server = Server::new(strong().rolling(Rolling::EveryRequest));
    let cookie = server.begin();
    let later = NOW + 12 * HOUR;
    let state = server.open(&[&cookie], later);
    let reply = server.close_as(state, Use::Unused, later).unwrap().unused();
    assert!(reply.set_cookie().is_some());
    assert_eq!((reply.vary(), reply.cache_control(Some("public"))), (Some("Cookie"), Some("no-store")));
}
