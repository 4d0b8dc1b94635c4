//! What an application needs beside its adapter's own types. Adapters re-export it, so that one dependency is enough.

pub use session_core::{
    AsKey, Error as CoreError, IdsAtRest, Key, Keyring, Owner, Policy, RequestFacts, SessionCookie,
    SessionId, Signature, StoreKey, cookie, csrf, flash, policy, store,
};

pub use crate::{
    Challenge, Clock, Device, Devices, Error as SessionError, Exchange, FromExchange, LayerName, ManualClock,
    Named, OnOutage, Peek, Session, SessionOrAnonymous, SessionOrUnavailable, Sessions, SessionsBuilder,
    SignedIn, SystemClock, Time,
};
