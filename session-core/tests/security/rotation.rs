//! 4.2 Fixation and rotation.

use session_core::{Owner, State};

use crate::server::*;

/// FX-1, FX-3, CA-5
#[test]
fn a_login_or_a_renewal_changes_the_id_and_makes_old_form_tokens_worthless() {
    let change: [(&str, fn(&mut State)); 3] = [
        ("login", |state| state.login(Owner::new("ann").unwrap(), NOW).unwrap()),
        ("renew", |state| state.renew().unwrap()),
        ("regenerate", |state| {
            state.regenerate().unwrap();
            state.insert("a", 2).unwrap();
        }),
    ];
    for (what, change) in change {
        let mut server = Server::new(strong());
        let mut state = server.open(&[], NOW);
        let of_visitor = state.csrf_token(NOW, [1; 32], no_id);
        state.insert("cart", 1).unwrap();
        let before = server.close(state, NOW).cookie();

        let mut state = server.open(&[&before], NOW);
        assert!(state.csrf_verify(&of_visitor, NOW), "a form fetched before the session began may be sent");
        let token = state.csrf_token(NOW, [2; 32], no_id);
        assert!(state.csrf_verify(&token, NOW));
        change(&mut state);
        assert!(!state.csrf_verify(&token, NOW), "{what}: at once");
        let after = server.close(state, NOW).cookie();
        assert_ne!(before, after, "{what}");

        let mut state = server.open(&[&after], NOW);
        assert!(!state.is_new());
        assert!(!state.csrf_verify(&token, NOW), "{what}: on the next request");
        if what == "login" {
            assert!(!state.csrf_verify(&of_visitor, NOW), "nor does a visitor's token serve an owner");
        }
        let fresh = state.csrf_token(NOW, [2; 32], no_id);
        assert_ne!(fresh, token, "{what}: the mask is the same, the token is not");
        assert!(state.csrf_verify(&fresh, NOW));

        // P is anonymous from the moment the response is sent.
        assert!(server.open(&[&before], NOW).is_empty(), "{what}");
    }
}

/// FX-3, CR-1
#[test]
fn no_changed_form_token_is_accepted_nor_one_of_another_session() {
    let mut server = Server::new(strong());
    let [mut mine, mut other] = ["ann", "bob"].map(|owner| {
        let mut state = server.open(&[], NOW);
        state.login(Owner::new(owner).unwrap(), NOW).unwrap();
        let cookie = server.close(state, NOW).cookie();
        server.open(&[&cookie], NOW)
    });
    let token = mine.csrf_token(NOW, [7; 32], no_id);
    assert!(mine.csrf_verify(&token, NOW + 365 * DAY), "it lives as long as the session");
    assert!(!other.csrf_verify(&token, NOW));
    assert!(!mine.csrf_verify(&other.csrf_token(NOW, [7; 32], no_id), NOW));
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        // The first eight bytes are a date, which binds a visitor's token only.
        assert!(at < 11 || !mine.csrf_verify(&changed, NOW), "changed at {at}");
    }
    for junk in ["", "A", "é", &token[..token.len() - 1], &format!("{token}A"), &format!("{token}=")] {
        assert!(!mine.csrf_verify(junk, NOW), "{junk}");
    }
}
