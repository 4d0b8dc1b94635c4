//! What becomes of requests while the store is down.

/// What a request gets that has a session cookie, while the store cannot answer. For a
/// [layer](crate::SessionsBuilder::on_outage) or for a [route](crate::Exchange::session_on_outage).
///
/// Neither logs anybody out: no cookie is set, changed or taken away, and when the store is back its users are signed in as
/// before. Requests without a cookie that only read do not notice an outage.
///
/// ```
/// use session_core::{Keyring, Policy};
/// use session_driver::{OnOutage, Sessions};
/// use session_store_memory::MemoryStore;
///
/// let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build()?;
/// let shop = Sessions::builder(policy, MemoryStore::new()).on_outage(OnOutage::Anonymous).build();
/// # Ok::<(), session_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOutage {
    /// 503 with `Retry-After`. The handler does not run.
    #[default]
    FailClosed,
    /// The page is shown as to a stranger, and no cache keeps it. What the handler tries to change answers 503.
    ///
    /// For pages that everybody may see. [`signed_in`](crate::Exchange::signed_in) answers 503 all the same: who it is cannot
    /// be known, and sending a user to the login page would look like a logout.
    Anonymous,
}
