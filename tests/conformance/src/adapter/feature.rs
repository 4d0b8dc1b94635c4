//! What a framework may lack.

/// Something that cases need and that a framework, or an adapter, may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// `/maybe`: an extractor that gives no session instead of an error outside the cookie's path.
    Optional,
    /// `/peek`: an extractor that does not extend the session's life.
    Peek,
    /// `/nested/play`: routers within routers, whose layers see a shortened path.
    Nested,
    /// `/stream`: a body that is sent piece by piece.
    Stream,
    /// `/socket`: websockets.
    Socket,
    /// `/two/play`: two session layers around one handler, each reached by its name.
    TwoLayers,
    /// `/signed-in`: a guard that lets only the signed-in pass; it answers 401 to everybody else, or sends them to the login page
    /// of the site's sessions.
    Guard,
    /// `/or-anonymous` and `/or-unavailable`: extractors by which a route says what an outage of the store means for it.
    OnOutage,
    /// A handler's panic that the adapter can tell from a handler's answer.
    Panic,
    /// `Cookie` fields that hold other bytes than UTF-8, for another application's cookie say: some frameworks throw such fields
    /// away.
    ForeignBytes,
    /// A store that goes by the time it is told: for a [`pair`](crate::pair) whose store goes by its server's clock.
    ToldTime,
}
