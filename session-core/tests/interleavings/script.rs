//! What the handlers of the requests do. Each is a few calls on the session, in one or two parts: between two parts the
//! handler saves.

use session_core::{Owner, State};
use time::OffsetDateTime;

/// A handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Reads, and does not want to keep the session alive by it.
    Read,
    /// Reads; a touch is due.
    Roll,
    /// Writes a key that no other request writes.
    Write,
    /// Writes a key that others of its kind write too.
    WriteShared,
    /// Removes a key that was there from the beginning.
    Remove,
    /// Counts one up.
    Increment,
    Regenerate,
    RegenerateAndWrite,
    Renew,
    RenewAndWrite,
    /// A new id, as a routine.
    Rotate,
    RotateAndWrite,
    Login,
    /// Logs in the owner that the session has already.
    LoginAgain,
    Destroy,
    /// Writes, saves, writes another key.
    SaveThenWrite,
    /// Counts one up, saves, counts one up.
    SaveThenIncrement,
    /// Writes, saves, renews.
    SaveThenRenew,
    /// Renews, saves, renews.
    RenewTwice,
    /// Logs in, saves, writes.
    LoginThenWrite,
    /// Destroys, saves, writes into what is then a new session.
    DestroyThenWrite,
    /// Comes without a cookie and writes.
    NewcomerWrites,
    /// Comes without a cookie and logs in.
    NewcomerLogsIn,
    /// Comes with a cookie whose signature holds and whose id was never stored here, and writes.
    StrangerWrites,
}

pub const ALL: [Script; 24] = [
    Script::Read,
    Script::Roll,
    Script::Write,
    Script::WriteShared,
    Script::Remove,
    Script::Increment,
    Script::Regenerate,
    Script::RegenerateAndWrite,
    Script::Renew,
    Script::RenewAndWrite,
    Script::Rotate,
    Script::RotateAndWrite,
    Script::Login,
    Script::LoginAgain,
    Script::Destroy,
    Script::SaveThenWrite,
    Script::SaveThenIncrement,
    Script::SaveThenRenew,
    Script::RenewTwice,
    Script::LoginThenWrite,
    Script::DestroyThenWrite,
    Script::NewcomerWrites,
    Script::NewcomerLogsIn,
    Script::StrangerWrites,
];

/// Those that triples are made of in every run of the tests; the others differ from them in how many steps they take.
pub const CORE: [Script; 11] = [
    Script::Read,
    Script::Roll,
    Script::Write,
    Script::WriteShared,
    Script::Increment,
    Script::RegenerateAndWrite,
    Script::Renew,
    Script::Rotate,
    Script::Login,
    Script::Destroy,
    Script::SaveThenWrite,
];

/// Which cookie a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    TheSession,
    Nothing,
    NeverStored,
}

/// What a handler changed and may rely on once it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Set { key: String, value: u64 },
    Removed { key: &'static str },
    Counted,
}

/// The keys of the session that all requests begin with.
pub const SEED: &str = "seed";
pub const COUNTER: &str = "counter";
pub const SHARED: &str = "shared";

impl Script {
    pub fn carries(self) -> Carries {
        match self {
            Self::NewcomerWrites | Self::NewcomerLogsIn => Carries::Nothing,
            Self::StrangerWrites => Carries::NeverStored,
            _ => Carries::TheSession,
        }
    }

    /// Whether it neither changes the session nor wants another.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::Read | Self::Roll)
    }

    pub fn logs_in(self) -> bool {
        matches!(self, Self::Login | Self::LoginAgain | Self::LoginThenWrite | Self::NewcomerLogsIn)
    }

    pub fn destroys(self) -> bool {
        matches!(self, Self::Destroy | Self::DestroyThenWrite)
    }

    /// Whether its new id comes with the old one's data.
    pub fn renews(self) -> bool {
        matches!(self, Self::Renew | Self::RenewAndWrite | Self::SaveThenRenew | Self::RenewTwice)
            || self.rotates()
    }

    /// Whether the old id leads on to the new one.
    pub fn rotates(self) -> bool {
        matches!(self, Self::Rotate | Self::RotateAndWrite)
    }

    pub fn regenerates(self) -> bool {
        matches!(self, Self::Regenerate | Self::RegenerateAndWrite)
    }

    pub fn increments(self) -> u64 {
        match self {
            Self::Increment => 1,
            Self::SaveThenIncrement => 2,
            _ => 0,
        }
    }

    pub fn parts(self) -> usize {
        match self {
            Self::SaveThenWrite
            | Self::SaveThenIncrement
            | Self::SaveThenRenew
            | Self::RenewTwice
            | Self::LoginThenWrite
            | Self::DestroyThenWrite => 2,
            _ => 1,
        }
    }

    /// Plays one part, as the request with number `me`; answers what it changed.
    pub fn play(self, part: usize, me: usize, state: &mut State, now: OffsetDateTime) -> Vec<Change> {
        match (self, part) {
            (Self::Read, _) => {
                state.decline_touch();
                let _: Option<u64> = state.get(SEED).unwrap();
                Vec::new()
            }
            (Self::Roll, _) => {
                let _: Option<u64> = state.get(SEED).unwrap();
                Vec::new()
            }
            (Self::Write | Self::NewcomerWrites | Self::StrangerWrites, _)
            | (Self::SaveThenWrite | Self::SaveThenRenew, 0) => set(state, format!("own-{me}"), me),
            (Self::SaveThenWrite | Self::LoginThenWrite, 1) => set(state, format!("more-{me}"), me),
            (Self::DestroyThenWrite, 1) => {
                state.regenerate().unwrap();
                set(state, format!("more-{me}"), me)
            }
            (Self::WriteShared, _) => set(state, SHARED.to_owned(), me),
            (Self::Remove, _) => {
                let was_there = state.remove(SEED).unwrap();
                was_there.then_some(Change::Removed { key: SEED }).into_iter().collect()
            }
            (Self::Increment | Self::SaveThenIncrement, _) => {
                state.update(COUNTER, |count: Option<u64>| count.unwrap_or(0) + 1).unwrap();
                vec![Change::Counted]
            }
            (Self::Regenerate, _) => {
                state.regenerate().unwrap();
                Vec::new()
            }
            (Self::RegenerateAndWrite, _) => {
                state.regenerate().unwrap();
                set(state, format!("own-{me}"), me)
            }
            (Self::Renew | Self::RenewTwice, _) | (Self::SaveThenRenew, 1) => {
                state.renew().unwrap();
                Vec::new()
            }
            (Self::RenewAndWrite, _) => {
                state.renew().unwrap();
                set(state, format!("own-{me}"), me)
            }
            (Self::Rotate, _) => {
                state.rotate().unwrap();
                Vec::new()
            }
            (Self::RotateAndWrite, _) => {
                state.rotate().unwrap();
                set(state, format!("own-{me}"), me)
            }
            (Self::LoginAgain, _) => {
                state.login(owner("the first"), now).unwrap();
                Vec::new()
            }
            (Self::Login | Self::NewcomerLogsIn, _) | (Self::LoginThenWrite, 0) => {
                state.login(owner("another"), now).unwrap();
                Vec::new()
            }
            (Self::Destroy, _) | (Self::DestroyThenWrite, 0) => {
                state.destroy();
                Vec::new()
            }
            (
                Self::SaveThenWrite | Self::SaveThenRenew | Self::LoginThenWrite | Self::DestroyThenWrite,
                _,
            ) => unreachable!("these have two parts"),
        }
    }
}

fn set(state: &mut State, key: String, me: usize) -> Vec<Change> {
    // No two requests put in the same value, and none the one that is there.
    let value = 100 + me as u64;
    state.insert(key.as_str(), value).unwrap();
    vec![Change::Set { key, value }]
}

pub fn owner(name: &str) -> Owner {
    Owner::new(name).unwrap()
}
