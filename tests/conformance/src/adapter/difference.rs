//! Where this library differs from express-session on purpose. A case that meets one names it, and looks at both sides.

/// Who is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// An adapter of this library.
    Ours,
    /// The judge.
    Express,
}

macro_rules! differences {
    ($($name:ident: $express:literal / $ours:literal / $why:literal,)*) => {
        /// A matter in which this library differs from express-session on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "each is described by its three sentences")]
        pub enum Difference {
            $($name,)*
        }

        impl Difference {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What express-session does, what this library does, and why.
            #[must_use]
            pub fn sentences(self) -> [&'static str; 3] {
                match self {
                    $(Self::$name => [$express, $ours, $why],)*
                }
            }
        }
    };
}

differences! {
    SavedFirst:
        "headers go out while the save runs" / "the save comes first" /
        "a redirect must see the write",
    FailedSave:
        "a failed save is the handler's answer, with a cookie" / "a failed save is a 503 without a cookie" /
        "an error must be one",
    StoreDown:
        "a store that cannot be read is a 500" / "it is a 503 with Retry-After, and no cookie is touched" /
        "it is not the application's fault, and trying again may help",
    NoResurrection:
        "a slow request brings a destroyed session back" / "it stays destroyed, and the request is told with a 409" /
        "CVE-2025-46336 and its kin",
    CookieRemoved:
        "destroy leaves the cookie in the browser" / "it is taken away" /
        "version 2 will do so, too",
    EveryCookie:
        "only the first cookie of the name is looked at" / "all are, at most eight" /
        "a stale cookie of another path or domain must not lock a user out",
    WholeSegments:
        "/foo as the cookie's path covers /foobar" / "whole segments only" /
        "a browser would not send the cookie back",
    CookieChange:
        "a change of the cookie alone sends no cookie" / "it does" /
        "the browser must know",
    SaveExtends:
        "save() writes the expiry as it was loaded" / "the life is extended first" /
        "a store would end the session too early (connect-redis 259)",
    SignedAnew:
        "a cookie signed with a retired secret stays so" / "it is signed anew when it is used" /
        "a rotation would never end",
    KeyOrder:
        "the order of the keys is a datum" / "it is none" /
        "it means nothing and would cost writes",
    NodeNames:
        "data under names of methods is lost or breaks the session" / "it is refused" /
        "a loss must be noticed",
    NothingRegenerated:
        "a session that is not stored is regenerated into an empty record" / "nothing is stored" /
        "passport logs out by regenerating, and robots would fill the store",
    BrowserSessionEnds:
        "the record of a browser session has no end" / "it ends after a day without use" /
        "nobody else removes it",
    UnreadableRecord:
        "a record without a cookie is an error each time" / "it is no session, and is left as it is" /
        "one user loses one session instead of the site",
    CacheHeaders:
        "caches are told nothing" / "Vary: Cookie where the session was used, no-store where a cookie is set" /
        "CVE-2023-30861 and its kin",
    OutsidePath:
        "outside the cookie's path the session is undefined" / "asking for it is an error, unless it is optional" /
        "a handler that needs a session must not go on without one",
    TouchAnnounced:
        "touch() moves no cookie" / "touch() moves the cookie's date, too" /
        "the browser must know",
    SavedOnce:
        "a session that was saved by hand is touched, or saved, once more" / "what is saved is saved" /
        "it costs a round trip and says nothing new",
    ReloadIsNoChange:
        "a session that was reloaded counts as changed" / "it is what the store holds" /
        "writing it back overwrites what came since",
    DestroyedOnce:
        "destroy() with unset: 'destroy' destroys twice" / "once" /
        "it costs a round trip",
    WebsocketOverTls:
        "a proxy that says wss is not believed to be secure" / "it is" /
        "some proxies say so of a websocket over TLS",
    ProxyList:
        "the first entry of a list of X-Forwarded-Proto counts" / "the one of the outermost trusted proxy does" /
        "what comes before it is the client's word",
    Forwarded:
        "the header Forwarded is not looked at" / "it is, where a trusted proxy sends no X-Forwarded-Proto" /
        "it is the standard (RFC 7239)",
    LateHandle:
        "a session kept past the response can be saved" / "its handle answers an error" /
        "a save that nobody waits for fails unseen",
    UnusedResave:
        "resave writes a session that the handler never named" / "it is extended" /
        "it costs a write and invites conflicts",
    NothingSaved:
        "save() writes a session in which nothing has changed" / "it does not" /
        "it costs a round trip, and nobody could come back to a new one, which gets no cookie",
}
