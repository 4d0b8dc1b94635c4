//! The decision table: what the end of a request demands of the store and of the cookie.
//!
//! One match over (where the session came from, what the handler asked for, what changed), without a catch-all arm.
//! ARCHITECTURE.md prints it by enumerating the product, so the document cannot differ from the code.

use crate::policy::{Resave, SaveUninitialized, Unset};

/// Where the session of a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// No cookie, or none that leads to a live session.
    Fresh,
    /// From the store.
    Loaded,
    /// The cookie's session was renewed a moment ago: this request comes late, with the old cookie.
    Superseded,
}

/// What the handler asked to become of the session as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Nothing.
    Keep,
    /// A new id, with the data. The old id is worth nothing from then on.
    Renew,
    /// A new id, with the data. For a short time the old id leads its holder on to the new one.
    Rotate,
    /// A new id, empty.
    Regenerate,
    /// A new id, empty, for an owner who has just been authenticated.
    Login,
    /// The end.
    Destroy,
    /// `unset`: what it means is an option.
    Unset,
}

/// What the handler changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing, or back to what it was.
    None,
    /// The cookie's attributes only.
    Cookie,
    /// The data, or the owner.
    Data,
}

/// Whether the life of an unchanged session is to be extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// No.
    No,
    /// In the store; the cookie stays as it is.
    Store,
    /// In the cookie; the store's is not due.
    Cookie,
    /// In the store and in the cookie.
    Both,
}

/// What is to happen in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Nothing.
    Nothing,
    /// A new record.
    Create,
    /// A rewritten record.
    Update,
    /// A later expiry.
    Touch,
    /// A record that moves to a new id.
    Replace,
    /// No record any more.
    Delete,
    /// No record any more under the id that the session moved to.
    DeleteSuccessor,
    /// Nothing, and the request is told so: its changes have no session to go to.
    Refuse,
}

/// What is to happen to the cookie, once the store has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieVerb {
    /// Nothing.
    Leave,
    /// Set.
    Set,
    /// Set if it has an expiry date to be kept in step, or if the policy sets it on every request.
    Refresh,
    /// Taken away, if the request carried one.
    Remove,
}

/// The options that the table looks at.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether unchanged sessions are written.
    pub resave: Resave,
    /// Whether new, untouched sessions are stored.
    pub save_uninitialized: SaveUninitialized,
    /// What `unset` does.
    pub unset: Unset,
    /// Whether this session's life is to be extended.
    pub due: Due,
}

/// What the end of a request demands. One match; no catch-all.
#[must_use]
pub fn decide(origin: Origin, intent: Intent, change: Change, rules: Rules) -> (Verb, CookieVerb) {
    use {Change as C, CookieVerb as Cookie, Intent as I, Origin as O, Verb as V};
    match (origin, intent, change) {
        (O::Fresh, I::Keep | I::Renew | I::Rotate | I::Regenerate, C::Data) => (V::Create, Cookie::Set),
        (O::Fresh, I::Keep | I::Renew | I::Rotate | I::Regenerate, C::None | C::Cookie) => {
            match rules.save_uninitialized {
                SaveUninitialized::Off => (V::Nothing, Cookie::Leave),
                SaveUninitialized::On => (V::Create, Cookie::Set),
            }
        }
        (O::Fresh | O::Superseded, I::Login, C::None | C::Cookie | C::Data) => (V::Create, Cookie::Set),
        (O::Fresh, I::Destroy, C::None | C::Cookie | C::Data) => (V::Nothing, Cookie::Remove),

        (O::Loaded, I::Keep, C::Data) => (V::Update, Cookie::Refresh),
        (O::Loaded, I::Keep, C::Cookie) => (V::Update, Cookie::Set),
        (O::Loaded, I::Keep, C::None) => {
            let verb = match (rules.resave, rules.due) {
                (Resave::On, Due::No | Due::Store | Due::Cookie | Due::Both) => V::Update,
                (Resave::Off, Due::Store | Due::Both) => V::Touch,
                (Resave::Off, Due::No | Due::Cookie) => V::Nothing,
            };
            let cookie = match rules.due {
                Due::Cookie => Cookie::Set,
                Due::Both => Cookie::Refresh,
                Due::No | Due::Store => Cookie::Leave,
            };
            (verb, cookie)
        }
        (O::Loaded, I::Renew | I::Rotate | I::Regenerate | I::Login, C::None | C::Cookie | C::Data) => {
            (V::Replace, Cookie::Set)
        }
        (O::Loaded, I::Destroy, C::None | C::Cookie | C::Data) => (V::Delete, Cookie::Remove),

        // A late request neither writes into the renewed session nor gets one of its own, which would take the renewed
        // session's cookie out of the browser.
        (O::Superseded, I::Keep | I::Renew | I::Rotate | I::Regenerate, C::None) => {
            (V::Nothing, Cookie::Leave)
        }
        (O::Superseded, I::Keep | I::Renew | I::Rotate | I::Regenerate, C::Cookie | C::Data) => {
            (V::Refuse, Cookie::Leave)
        }
        (O::Superseded, I::Destroy, C::None | C::Cookie | C::Data) => (V::DeleteSuccessor, Cookie::Remove),

        (O::Fresh | O::Loaded | O::Superseded, I::Unset, C::None | C::Cookie | C::Data) => {
            match rules.unset {
                Unset::Keep => (V::Nothing, Cookie::Leave),
                Unset::Destroy => decide(origin, I::Destroy, change, rules),
            }
        }
    }
}

const ORIGINS: [Origin; 3] = [Origin::Fresh, Origin::Loaded, Origin::Superseded];
const INTENTS: [Intent; 7] = [
    Intent::Keep,
    Intent::Renew,
    Intent::Rotate,
    Intent::Regenerate,
    Intent::Login,
    Intent::Destroy,
    Intent::Unset,
];
const CHANGES: [Change; 3] = [Change::None, Change::Cookie, Change::Data];

/// The table in Markdown, one row for each (origin, intent, change), made by asking [`decide`].
///
/// The column `options` holds what an option away from its default makes of the row.
#[must_use]
pub fn markdown() -> String {
    let mut rows = vec![
        "| session | handler asked | changed | store | cookie | options |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for origin in ORIGINS {
        for intent in INTENTS {
            for change in CHANGES {
                rows.push(row(origin, intent, change));
            }
        }
    }
    rows.join("\n")
}

fn row(origin: Origin, intent: Intent, change: Change) -> String {
    let base = Rules {
        resave: Resave::Off,
        save_uninitialized: SaveUninitialized::Off,
        unset: Unset::Keep,
        due: Due::No,
    };
    let variants = [
        ("touch due", Rules { due: Due::Both, ..base }),
        ("touch due, store only", Rules { due: Due::Store, ..base }),
        ("rolling, touch not due", Rules { due: Due::Cookie, ..base }),
        ("resave", Rules { resave: Resave::On, ..base }),
        ("save_uninitialized", Rules { save_uninitialized: SaveUninitialized::On, ..base }),
        ("unset = destroy", Rules { unset: Unset::Destroy, ..base }),
    ];
    let (verb, cookie) = decide(origin, intent, change, base);
    let options: Vec<_> = variants
        .iter()
        .filter_map(|(name, rules)| {
            let other = decide(origin, intent, change, *rules);
            (other != (verb, cookie))
                .then(|| format!("{name}: {}, {}", words(other.0), cookie_words(other.1)))
        })
        .collect();
    format!(
        "| {} | {} | {} | {} | {} | {} |",
        match origin {
            Origin::Fresh => "none yet",
            Origin::Loaded => "loaded",
            Origin::Superseded => "renewed elsewhere",
        },
        match intent {
            Intent::Keep => "nothing",
            Intent::Renew => "`renew`",
            Intent::Rotate => "`rotate`",
            Intent::Regenerate => "`regenerate`",
            Intent::Login => "`login`",
            Intent::Destroy => "`destroy`",
            Intent::Unset => "`unset`",
        },
        match change {
            Change::None => "nothing",
            Change::Cookie => "cookie",
            Change::Data => "data",
        },
        words(verb),
        cookie_words(cookie),
        options.join("; "),
    )
}

fn words(verb: Verb) -> &'static str {
    match verb {
        Verb::Nothing => "nothing",
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Touch => "touch",
        Verb::Replace => "replace",
        Verb::Delete => "delete",
        Verb::DeleteSuccessor => "delete the successor",
        Verb::Refuse => "nothing, error `Gone`",
    }
}

fn cookie_words(cookie: CookieVerb) -> &'static str {
    match cookie {
        CookieVerb::Leave => "leave",
        CookieVerb::Set => "set",
        CookieVerb::Refresh => "set if it has a date",
        CookieVerb::Remove => "remove",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_case() {
        assert_eq!(markdown().lines().count(), 2 + 3 * 7 * 3);
    }

    #[test]
    fn nothing_but_a_login_is_created_for_a_late_request() {
        for intent in INTENTS {
            for change in CHANGES {
                for unset in [Unset::Keep, Unset::Destroy] {
                    let rules = Rules {
                        resave: Resave::On,
                        save_uninitialized: SaveUninitialized::On,
                        unset,
                        due: Due::Both,
                    };
                    let (verb, _) = decide(Origin::Superseded, intent, change, rules);
                    let allowed = matches!(verb, Verb::Nothing | Verb::Refuse | Verb::DeleteSuccessor);
                    assert!(allowed || intent == Intent::Login, "{intent:?} {change:?}");
                }
            }
        }
    }
}
