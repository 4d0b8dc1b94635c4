//! 4.3 Timeouts.

use std::time::Duration;

use session_core::open::Notice;
use session_core::policy::Rolling;
use session_core::{Owner, Reply, State};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::server::*;

/// TO-1, TO-3
#[test]
fn a_session_ends_when_its_idle_timeout_is_over_though_the_cookie_is_sent_and_the_record_is_there() {
    for builder in [strong().max_age(30 * MINUTE), preset().max_age(30 * MINUTE)] {
        let mut server = Server::new(builder);
        let cookie = server.begin();
        assert!(!server.open(&[&cookie], NOW + 30 * MINUTE - SECOND).is_new());
        for late in [Duration::ZERO, SECOND, DAY] {
            let state = server.open(&[&cookie], NOW + 30 * MINUTE + late);
            assert!(state.is_new() && state.is_empty());
            assert_eq!(state.notices(), [Notice::Expired]);
        }
        assert_eq!(server.records.len(), 1, "nobody has reaped it");
    }
}

/// TO-2
#[test]
fn a_session_ends_at_its_absolute_timeout_however_active_it_is() {
    let changes: [(&str, fn(&mut State, OffsetDateTime)); 3] = [
        ("read", |_, _| ()),
        ("renewed", |state, _| state.renew().unwrap()),
        ("regenerated", |state, _| {
            state.regenerate().unwrap();
            state.insert("a", 1).unwrap();
        }),
    ];
    for (what, change) in changes {
        let mut server = Server::new(strong().max_age(10 * MINUTE).absolute_timeout(HOUR));
        let mut cookie = server.begin();
        for minute in 1..60 {
            let now = NOW + minute * MINUTE;
            let mut state = server.open(&[&cookie], now);
            assert!(!state.is_new(), "{what}, minute {minute}");
            if minute % 7 == 0 {
                change(&mut state, now);
            }
            let reply = server.close(state, now);
            if reply.set_cookie().is_some() {
                cookie = reply.cookie();
            }
            assert!(server.records.values().all(|stored| stored.record.expires_at <= NOW + HOUR));
        }
        assert!(!server.open(&[&cookie], NOW + HOUR - SECOND).is_new(), "{what}");
        assert!(server.open(&[&cookie], NOW + HOUR).is_new(), "{what}");
    }
    // Only a new login begins it anew.
    let mut server = Server::new(strong().max_age(HOUR).absolute_timeout(HOUR));
    let cookie = server.begin();
    let now = NOW + 50 * MINUTE;
    let mut state = server.open(&[&cookie], now);
    state.login(Owner::new("ann").unwrap(), now).unwrap();
    let cookie = server.close(state, now).cookie();
    assert!(!server.open(&[&cookie], NOW + HOUR + MINUTE).is_new());
}

/// TO-2, for records without a beginning, such as Node's
#[test]
fn an_absolute_timeout_that_is_introduced_later_also_ends_old_sessions() {
    let mut server =
        Server::new(preset().max_age(DAY).absolute_timeout(2 * DAY).rolling(Rolling::EveryRequest));
    let cookie = server.cookie_for("old");
    server.plant("old", r#"{"cookie":{"originalMaxAge":86400000,"httpOnly":true,"path":"/"},"a":1}"#);
    let mut now = NOW;
    let mut requests = 0;
    while !server.open(&[&cookie], now).is_new() {
        let state = server.open(&[&cookie], now);
        let _ = server.close(state, now);
        now += HOUR;
        requests += 1;
        assert!(requests < 100, "it goes on for ever");
    }
    assert_eq!(now, NOW + 2 * DAY);
}

/// TO-4
#[test]
fn a_client_cannot_extend_a_life_by_what_it_sends() {
    let mut server = Server::new(strong().max_age(HOUR));
    let cookie = server.begin();
    let now = NOW + HOUR + SECOND;
    for header in [
        cookie.clone(),
        format!("{cookie}; Max-Age=99999999; Expires=Fri, 31 Dec 9999 23:59:59 GMT"),
        format!("$Version=1; {cookie}; $Path=/"),
    ] {
        assert!(server.open(&[&header], now).is_new(), "{header}");
    }
}

/// TO-5, TO-6
#[test]
fn the_expiry_of_cookie_and_record_agree_and_survive_the_store() {
    for (builder, express) in [(strong().max_age(DAY), false), (preset().max_age(DAY), true)] {
        for own in [None, Some(5 * MINUTE), Some(30 * DAY)] {
            let mut server = Server::new(builder.clone());
            let mut state = server.open(&[], NOW);
            state.insert("a", 1).unwrap();
            if own.is_some() {
                state.set_max_age(own, NOW).unwrap();
            }
            let life = own.unwrap_or(DAY);
            let reply = server.close(state, NOW);
            let check = |server: &Server, reply: &Reply, now: OffsetDateTime| {
                let set = cookie::Cookie::parse(reply.set_cookie().unwrap().to_owned()).unwrap();
                assert_eq!(set.expires_datetime(), Some(now + life));
                let max_age = time::Duration::try_from(life).unwrap();
                assert_eq!(set.max_age(), (!express).then_some(max_age));
                assert_eq!(server.only().record.expires_at, now + life);
            };
            check(&server, &reply, NOW);
            let cookie = reply.cookie();

            // Half a life later, from the store, with a write: both move together.
            let later = NOW + life / 2;
            let mut state = server.open(&[&cookie], later);
            assert_eq!(state.cookie(later).max_age, Some(life));
            state.insert("a", 2).unwrap();
            let reply = server.close(state, later);
            check(&server, &reply, later);
            assert!(!server.open(&[&cookie], later + life - SECOND).is_new());
            assert!(server.open(&[&cookie], later + life).is_new());
        }
    }
}

/// TO-7
#[test]
fn a_request_that_a_page_makes_by_itself_need_not_keep_the_session_alive() {
    let mut server = Server::new(strong().max_age(HOUR));
    let cookie = server.begin();
    let mut now = NOW;
    loop {
        let mut state = server.open(&[&cookie], now);
        if state.is_new() {
            break;
        }
        state.decline_touch();
        assert_eq!(server.close(state, now).set_cookie(), None);
        now += MINUTE;
    }
    assert_eq!(now, NOW + HOUR);
}

/// TO-9
#[test]
fn clocks_that_jump_neither_panic_nor_revive_what_was_ended() {
    let jumps = [
        NOW - HOUR,
        NOW - 100 * 365 * DAY,
        OffsetDateTime::UNIX_EPOCH,
        NOW + 100 * 365 * DAY,
        datetime!(9999-12-31 23:59:59.999 UTC),
        datetime!(-9999-01-01 0:00 UTC),
    ];
    for now in jumps {
        let mut server = Server::new(strong().max_age(HOUR).absolute_timeout(DAY));
        let [live, ended] = [server.begin(), server.begin()];
        let mut state = server.open(&[&ended], NOW);
        state.destroy();
        let _ = server.close(state, NOW);
        assert!(server.open(&[&ended], now).is_new(), "{now}");

        let end = server.only().record.expires_at;
        let mut state = server.open(&[&live], now);
        assert_eq!(state.is_new(), now >= NOW + HOUR, "{now}");
        if !state.is_new() {
            // A clock that went back takes life away; it gives none.
            state.touch().unwrap();
            let _ = server.close(state, now);
            assert!(server.only().record.expires_at <= end, "{now}");
        }
    }
    for life in [Duration::MAX, Duration::from_secs(i64::MAX as u64), Duration::from_millis(u64::MAX)] {
        for builder in [strong(), preset()] {
            let mut server = Server::new(builder);
            let mut state = server.open(&[], NOW);
            state.set_max_age(Some(life), NOW).unwrap();
            state.insert("a", 1).unwrap();
            let reply = server.close(state, NOW);
            let set = cookie::Cookie::parse(reply.set_cookie().unwrap().to_owned()).unwrap();
            assert!(set.expires_datetime().unwrap() <= datetime!(9999-12-31 23:59:59 UTC));
            assert!(!server.open(&[&reply.cookie()], NOW + 1000 * 365 * DAY).is_new());
        }
    }
}

/// TO-10
#[test]
fn a_page_can_ask_how_long_ago_the_owner_was_authenticated() {
    let mut server = Server::new(strong());
    let mut state = server.open(&[], NOW);
    state.login(Owner::new("ann").unwrap(), NOW).unwrap();
    let cookie = server.close(state, NOW).cookie();
    let mut state = server.open(&[&cookie], NOW + 12 * HOUR);
    state.insert("a", 1).unwrap();
    state.renew().unwrap();
    let cookie = server.close(state, NOW + 12 * HOUR).cookie();
    assert_eq!(
        server.open(&[&cookie], NOW + 13 * HOUR).authenticated_at(),
        Some(NOW),
        "use does not freshen it"
    );
}
