//! core
pub mod cookie;
pub mod error;
pub mod id;
pub mod keyring;
pub mod policy;
pub mod record;
pub mod store;
mod clock;
mod token;
mod values;
pub use id::{IdsAtRest, SessionId, StoreKey};
pub use keyring::{Keyring, Signature};
pub use policy::Policy;
