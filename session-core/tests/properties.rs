//! What must hold for every input: headers, records, options, times and interleavings that nobody thought of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test says what it expects"
)]

#[path = "properties/generators.rs"]
mod generators;
#[path = "properties/requests.rs"]
mod requests;
#[path = "properties/server.rs"]
mod server;

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use session_core::close::Close;
use session_core::cookie::{MAX_CANDIDATES, MAX_LIFE, Priority, SameSite};
use session_core::open::Notice;
use session_core::policy::{Lifetime, PolicyBuilder, Rolling, SameSitePolicy, Secure};
use session_core::state::Use;
use session_core::store::{Created, Version};
use session_core::{Open, Owner, RequestFacts, SessionId};

use crate::generators::*;
use crate::requests::*;
use crate::server::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // Reading cookies

    #[test]
    fn no_cookie_header_panics_and_none_that_was_not_sealed_is_looked_up(headers in headers()) {
        for policy in policies() {
            let open = policy.open(policy.visit(&facts(), headers.iter().map(Vec::as_slice)));
            let Open::Ready(state) = open else { panic!("nobody signed this") };
            prop_assert!(state.is_new());
            prop_assert!(state.notices().len() <= MAX_CANDIDATES);
        }
    }

    #[test]
    fn what_is_sealed_opens_to_the_same_id_whatever_surrounds_it(
        id in id(),
        before in vec(foreign_header(), 0..4),
        left in vec(foreign_pair(), 0..5),
        right in vec(foreign_pair(), 0..5),
        after in vec(foreign_header(), 0..4),
        decoys in vec(decoy(), 0..MAX_CANDIDATES),
        in_front in 0..MAX_CANDIDATES,
        quoted in any::<bool>(),
        blanks in ("[ \t]{0,3}", "[ \t]{0,3}", "[ \t]{0,3}", "[ \t]{0,3}"),
    ) {
        for policy in policies() {
            let sealed = seal(&policy, &id);
            let (name, value) = sealed.split_once('=').unwrap();
            let value = if quoted { format!("\"{value}\"") } else { value.to_owned() };
            let ours = format!("{}{name}{}={}{value}{}", blanks.0, blanks.1, blanks.2, blanks.3);
            let (front, back) = decoys.split_at(in_front.min(decoys.len()));
            let decoy = |decoy: &String| format!("{name}={decoy}");
            let pairs: Vec<String> = left
                .iter()
                .cloned()
                .chain(front.iter().map(decoy))
                .chain([ours])
                .chain(back.iter().map(decoy))
                .chain(right.iter().cloned())
                .collect();
            let mut headers = before.clone();
            headers.push(pairs.join(";").into_bytes());
            headers.extend(after.iter().cloned());
            let load = load(&policy, &headers)
                .ok_or_else(|| TestCaseError::fail("the sealed cookie is found"))?;
            prop_assert_eq!(load.key(), &id.key(policy.ids_at_rest()));
        }
    }

    #[test]
    fn no_changed_value_opens(id in id(), edit in edit()) {
        for policy in policies() {
            let sealed = seal(&policy, &id);
            let (name, value) = sealed.split_once('=').unwrap();
            let plain = percent_decode_str(value).decode_utf8().unwrap().into_owned();
            let changed = edit.apply(&plain);
            if changed != plain {
                let header = format!("{name}={}", utf8_percent_encode(&changed, NON_ALPHANUMERIC));
                prop_assert!(load(&policy, &[header.into_bytes()]).is_none());
            }
        }
    }

    #[test]
    fn a_value_that_was_changed_on_the_wire_opens_only_if_it_still_says_the_same(id in id(), edit in edit()) {
        for policy in policies() {
            let sealed = seal(&policy, &id);
            let (name, value) = sealed.split_once('=').unwrap();
            let changed = edit.apply(value);
            if let Some(load) = load(&policy, &[format!("{name}={changed}").into_bytes()]) {
                prop_assert_eq!(load.key(), &id.key(policy.ids_at_rest()));
                let said = percent_decode_str(value).decode_utf8().unwrap();
                // The change is an escape spelled otherwise, blanks or quotes around, or a cookie more.
                let first = changed.split(';').next().unwrap().trim_matches([' ', '\t', '"']);
                prop_assert_eq!(percent_decode_str(first).decode_utf8().unwrap(), said);
            }
        }
    }

    // Writing cookies

    #[test]
    fn a_set_cookie_line_says_what_the_options_say(options in options(), id in id(), tls in any::<bool>()) {
        let Ok(policy) = options.build().build() else { return Ok(()) };
        let Open::Ready(mut state) =
            policy.open(policy.visit(&RequestFacts::new(&options.path).tls(tls), []))
        else {
            panic!("no cookie, no lookup")
        };
        state.id(|| id);
        state.insert("a", 1).unwrap();
        let Close::Create(create) = state.close(Use::Used, NOW, &mut no_id) else { panic!("created") };
        let expires = create.record().expires_at;
        let Close::Done(settled) = create.resume(Created::Done(Version::from(1)), NOW, &mut no_id) else {
            panic!("done")
        };
        let reply = settled.into_reply(NOW);
        let secure = match options.secure {
            Secure::Never => false,
            Secure::Always => true,
            Secure::Auto => tls,
        };
        if secure && !tls {
            prop_assert_eq!(reply.set_cookie(), None);
            return Ok(());
        }
        let line = reply.set_cookie().unwrap();
        let parsed = cookie::Cookie::parse(line).unwrap();
        prop_assert_eq!(parsed.name(), policy.cookie_name());
        prop_assert_eq!(parsed.path(), Some(&*options.path).filter(|path| !path.is_empty()));
        prop_assert_eq!(parsed.domain(), options.domain.as_deref().map(|domain| domain.trim_start_matches('.')));
        prop_assert_eq!(parsed.http_only().unwrap_or(false), options.http_only);
        prop_assert_eq!(parsed.secure().unwrap_or(false), secure);
        prop_assert_eq!(parsed.partitioned().unwrap_or(false), options.partitioned);
        let same_site = match options.same_site {
            SameSitePolicy::Unset => None,
            SameSitePolicy::Is(SameSite::Strict) => Some(cookie::SameSite::Strict),
            SameSitePolicy::Is(SameSite::None) => Some(cookie::SameSite::None),
            SameSitePolicy::Auto if tls => Some(cookie::SameSite::None),
            SameSitePolicy::Is(SameSite::Lax) | SameSitePolicy::Auto => Some(cookie::SameSite::Lax),
        };
        prop_assert_eq!(parsed.same_site(), same_site);
        let priority = options.priority.map(|priority| match priority {
            Priority::Low => "Low",
            Priority::Medium => "Medium",
            Priority::High => "High",
        });
        // The crate does not know this attribute.
        let written = line.split("; ").find_map(|part| part.strip_prefix("Priority="));
        prop_assert_eq!(written, priority);
        let life = match options.lifetime {
            Lifetime::BrowserSession => None,
            Lifetime::MaxAge(_) | Lifetime::Until(_) if options.express => Some(expires),
            Lifetime::MaxAge(_) | Lifetime::Until(_) => Some(expires.min(NOW + MAX_LIFE)),
        };
        let date = life.map(|end| end.replace_nanosecond(0).unwrap());
        prop_assert_eq!(parsed.expires_datetime(), date);
        // Rounded up, so that a cookie may outlive its record by part of a second.
        let seconds = life.filter(|_| !options.express).map(|end| {
            let left = end - NOW;
            left.whole_seconds() + i64::from(left.subsec_nanoseconds() >= 1_000_000)
        });
        prop_assert_eq!(parsed.max_age().map(time::Duration::whole_seconds), seconds);
        // A browser ends the cookie no later than the store ends the record.
        prop_assert!(date.is_none_or(|date| date <= expires));
    }

    // Records

    #[test]
    fn what_a_record_holds_is_written_back_byte_for_byte(members in members(), at in any::<prop::sample::Index>()) {
        for policy in policies() {
            let cookie = r#"{ "originalMaxAge" : 60000, "httpOnly":true, "path":"/", "more":[1] }"#;
            let mut texts: Vec<String> =
                members.iter().map(|(key, value)| format!(" {}: {value}\n", json(key))).collect();
            texts.insert(at.index(texts.len() + 1), format!("\"cookie\":{cookie}"));
            let payload = format!("{{{}}}", texts.join(","));
            let mut state = loaded(&policy, &payload);
            prop_assert!(!state.is_new(), "{:?} refuses {}", state.notices(), payload);
            state.insert("last", true).unwrap();
            let written = written(state);
            let read: Vec<(String, String)> =
                ordered(&written).into_iter().filter(|(key, _)| key != "cookie" && key != "_session").collect();
            // A JavaScript object lists array indices first, in their order.
            let mut expected: Vec<(String, String)> = members.clone();
            expected.push(("last".to_owned(), "true".to_owned()));
            expected.sort_by_key(|(key, _)| index(key).map_or(u64::MAX, u64::from));
            prop_assert_eq!(read, expected);
            // Reading what was written and writing it again changes nothing but what was asked for.
            let mut state = loaded(&policy, &written);
            state.insert("last", false).unwrap();
            let again = self::written(state);
            prop_assert_eq!(again.replace("\"last\":false", "\"last\":true"), written);
        }
    }

    #[test]
    fn a_record_with_any_cookie_is_read_or_refused(cookie in json_value(), known in btree_map(
        select(&["originalMaxAge", "expires", "partitioned", "priority", "secure", "httpOnly", "domain", "path", "sameSite"][..]),
        json_value(),
        0..9,
    ), facts in json_value()) {
        let known: Vec<String> = known.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let known = format!("{{{}}}", known.join(","));
        for payload in [
            format!(r#"{{"cookie":{cookie},"a":1}}"#),
            format!(r#"{{"cookie":{known},"a":1}}"#),
            format!(r#"{{"cookie":{known},"_session":{facts},"a":1}}"#),
        ] {
            survives(&payload)?;
        }
    }

    #[test]
    fn no_payload_panics(text in any::<String>(), bytes in vec(any::<u8>(), 0..200), members in members(), edits in vec(edit(), 1..4)) {
        survives(&text)?;
        survives(&String::from_utf8_lossy(&bytes))?;
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{}:{value}", json(key))).collect();
        let mut payload = format!(
            r#"{{"cookie":{{"originalMaxAge":1e3,"path":"/"}},"_session":{{"v":1,"created":1,"owner":"o"}},{}}}"#,
            members.join(",")
        );
        for edit in edits {
            payload = edit.apply(&payload);
            survives(&payload)?;
        }
    }

    // Time

    /// TO-6: the threshold is one-sided.
    #[test]
    fn a_session_never_outlives_its_idle_timeout_and_ends_early_by_at_most_touch_after(
        idle in 1_u64..100_000,
        touch_after in prop::option::of(0.0..1.0),
        folds in any::<bool>(),
        rolling in select(&[Rolling::OnUse, Rolling::EveryRequest][..]),
        gaps in vec((0.0..1.3, any::<bool>()), 1..30),
    ) {
        let idle = Duration::from_millis(idle);
        let mut builder = strong().max_age(idle).rolling(rolling);
        if let Some(share) = touch_after {
            builder = builder.touch_after(idle.mul_f64(share));
        }
        let Ok(policy) = builder.build() else { return Ok(()) };
        let slack = touch_after.map_or(idle / 10, |share| idle.mul_f64(share));
        let mut server = Server { folds, ..Server::new(policy) };
        let mut now = NOW;
        let mut state = server.open(None, now);
        state.insert("a", 1).unwrap();
        let cookie = server.close(state, now).unwrap().set_cookie().map(value).unwrap();
        let mut last_use = now;
        let mut extended = now;
        for (share, write) in gaps {
            now += idle.mul_f64(share);
            let unused = now - last_use;
            let mut state = server.open(Some(&cookie), now);
            let alive = !state.is_new();
            prop_assert!(!(alive && unused >= idle), "alive {unused} after its last use");
            prop_assert!(alive || unused >= idle - slack, "ended {unused} after its last use");
            if !alive {
                break;
            }
            if write {
                state.insert("a", now.unix_timestamp_nanos() as i64).unwrap();
            }
            let _ = server.close(state, now).unwrap();
            last_use = now;
            // A touch is made when it is due, and not before.
            if write || now - extended >= slack {
                extended = now;
            }
            let ends = server.records.values().map(|stored| stored.record.expires_at).max().unwrap();
            prop_assert_eq!(ends, extended + idle);
            // Store and cookie are in step: no record lives longer than one idle timeout from now.
            prop_assert!(server.records.values().all(|stored| stored.record.expires_at - now <= idle));
        }
    }

    /// TO-9
    #[test]
    fn clocks_that_jump_and_endless_lives_never_panic(
        times in vec(moment(), 1..8),
        lifetime in lifetime(),
        absolute in prop::option::of(any::<Duration>()),
        touch_after in prop::option::of(any::<Duration>()),
        own in prop::option::of(prop::option::of(any::<Duration>())),
        express in any::<bool>(),
        folds in any::<bool>(),
    ) {
        let mut builder = if express { preset() } else { strong() }.lifetime(lifetime).browser_session_ttl(Duration::MAX);
        builder = absolute.into_iter().fold(builder, PolicyBuilder::absolute_timeout);
        builder = touch_after.into_iter().fold(builder, PolicyBuilder::touch_after);
        let Ok(policy) = builder.build() else { return Ok(()) };
        let mut server = Server { folds, ..Server::new(policy) };
        let mut cookie = None;
        for (turn, now) in times.into_iter().enumerate() {
            let mut state = server.open(cookie.as_deref(), now);
            match turn % 5 {
                0 => state.insert("a", turn).unwrap(),
                1 => state.login(Owner::new("ann").unwrap(), now).unwrap(),
                2 => state.renew().unwrap(),
                3 => own.into_iter().for_each(|own| state.set_max_age(own, now).unwrap()),
                _ => state.touch().unwrap(),
            }
            let _ = (state.expires_at(now), state.cookie(now).max_age);
            let reply = server.close(state, now).unwrap();
            cookie = reply.set_cookie().map(value).or(cookie);
        }
    }

    // Parallel requests

    #[test]
    fn disjoint_changes_of_parallel_requests_give_what_they_give_one_after_the_other(
        base in btree_map("[a-h]", 0_u32..100, 0..6),
        first in btree_map("[abcd]", change(), 0..4),
        second in btree_map("[efgh]", change(), 0..4),
    ) {
        let policy = strong().build().unwrap();
        let base: Vec<String> = base.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect();
        let payload = format!(r#"{{"cookie":{{"originalMaxAge":86400000,"httpOnly":true,"path":"/"}}{}}}"#, base.concat());

        // One after the other
        let mut expected = payload.clone();
        for changes in [&first, &second] {
            let mut state = loaded(&policy, &expected);
            apply(&mut state, changes);
            expected = match close(state) {
                Close::Update(update) => update.record().payload.to_string(),
                Close::Done(_) => expected,
                other => panic!("written or not, not {other:?}"),
            };
        }

        // At once: both have read the same record, and the second is told of a conflict
        let (mut one, mut two) = (loaded(&policy, &payload), loaded(&policy, &payload));
        apply(&mut one, &first);
        apply(&mut two, &second);
        let after_one = match close(one) {
            Close::Update(update) => update.record().payload.to_string(),
            Close::Done(_) => payload.clone(),
            other => panic!("written or not, not {other:?}"),
        };
        let merged = match close(two) {
            Close::Update(update) if after_one != payload => rebased(update, &after_one).record().payload.to_string(),
            Close::Update(update) => update.record().payload.to_string(),
            Close::Done(_) => after_one,
            other => panic!("written or not, not {other:?}"),
        };
        prop_assert_eq!(data(&merged), data(&expected));
    }

    #[test]
    fn a_counter_loses_no_count_however_often_its_save_is_overtaken(overtaken in vec(1_u32..50, 0..6), start in 0_u32..9) {
        let policy = strong().build().unwrap();
        let record = |count: u32| format!(r#"{{"cookie":{{"originalMaxAge":86400000}},"n":{count}}}"#);
        let mut state = loaded(&policy, &record(start));
        state.update("n", |n: Option<u32>| n.unwrap_or(0) + 1).unwrap();
        let Close::Update(mut update) = close(state) else { panic!("written") };
        let mut count = start;
        for others in overtaken {
            count += others;
            update = rebased(update, &record(count));
        }
        let data = data(&update.record().payload);
        prop_assert_eq!(&data["n"], &(count + 1).to_string());
    }
}

// Bounded work: what is bounded is the number of cookies that are looked at, and so of signatures and lookups.

#[test]
fn ten_thousand_cookies_of_our_name_cost_no_more_than_a_few_lookups() {
    for policy in policies() {
        let pairs: Vec<String> =
            (0..10_000_u32).map(|n| seal(&policy, &SessionId::new(&format!("id{n}")).unwrap())).collect();
        for headers in
            [vec![pairs.join("; ")], pairs.clone(), pairs.chunks(100).map(|chunk| chunk.join(";")).collect()]
        {
            let headers: Vec<Vec<u8>> = headers.into_iter().map(String::into_bytes).collect();
            let mut open = policy.open(policy.visit(&facts(), headers.iter().map(Vec::as_slice)));
            let mut lookups = 0;
            let state = loop {
                match open {
                    Open::Load(load) => {
                        lookups += 1;
                        open = load.resume(None, NOW);
                    }
                    Open::Ready(state) => break state,
                    Open::Outside => panic!("`/` covers everything"),
                }
            };
            assert_eq!(lookups, MAX_CANDIDATES);
            assert_eq!(state.notices(), [Notice::Missed; MAX_CANDIDATES]);
        }
        // However often one cookie is repeated, it is one question.
        let repeated = format!("{}; ", pairs[0]).repeat(10_000).into_bytes();
        let load = load(&policy, &[repeated]).unwrap();
        assert!(matches!(load.resume(None, NOW), Open::Ready(_)));
        let forged = format!("{}=s%3Aid.{}; ", policy.cookie_name(), "A".repeat(43)).repeat(10_000);
        let Open::Ready(state) = policy.open(policy.visit(&facts(), [forged.as_bytes()])) else {
            panic!("nobody signed this")
        };
        assert_eq!(state.notices(), [Notice::Rejected; MAX_CANDIDATES]);
    }
}

#[test]
fn large_headers_are_read_to_the_end() {
    for policy in policies() {
        let id = SessionId::from_entropy([7; 24]);
        let sealed = seal(&policy, &id);
        let thousand: String = (0..1_000).map(|n| format!("cookie{n}=value{n}; ")).collect();
        let long = format!("other={}; ", "x".repeat(64 * 1024));
        let long_ours = format!("{}={}; ", policy.cookie_name(), "x".repeat(64 * 1024));
        let junk = ";= ;;\"=\"; %".repeat(6_000);
        for front in [thousand, long, long_ours, junk] {
            let load = load(&policy, &[format!("{front}; {sealed}").into_bytes()]).unwrap();
            assert_eq!(load.key(), &id.key(policy.ids_at_rest()));
        }
    }
}
