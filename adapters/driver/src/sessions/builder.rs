//! What [`Sessions`] may be given beside a policy and a store.

use super::*;
use crate::guard;

/// Collects what [`Sessions`] may be given beside a policy and a store.
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionsBuilder(pub(super) Inner);

impl fmt::Debug for SessionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

impl SessionsBuilder {
    /// How long the store may take for one answer before the request fails. Default: 500 ms.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.0.deadline = deadline;
        self
    }

    /// Where the time comes from. Default: the system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// What makes ids, express-session's `genid`. Default: 192 bits from the system's random generator.
    ///
    /// An id must be impossible to guess: 128 random bits or more. A generator that answers `None` fails the request.
    pub fn genid(mut self, genid: impl Fn() -> Option<SessionId> + Send + Sync + 'static) -> Self {
        self.0.genid = Arc::new(genid);
        self
    }

    /// [`genid`](Self::genid) as a function of the request, as in express-session. It is called once, when the request
    /// begins, and gives what makes the ids of this request, if any are needed.
    ///
    /// ```
    /// use rand::TryRng as _;
    /// use session_core::SessionId;
    /// # use session_core::{Keyring, Policy};
    /// # use session_driver::Sessions;
    /// # let policy = Policy::builder(Keyring::new("s3cr3t, random and longer than 32 bytes")).build()?;
    /// # let store = session_store_memory::MemoryStore::new();
    ///
    /// let sessions = Sessions::builder(policy, store)
    ///     .genid_by_request(|request| {
    ///         let site = if request.host().as_deref() == Some("shop.example") { "shop" } else { "other" };
    ///         move || {
    ///             let mut bytes = [0; 24];
    ///             rand::rngs::SysRng.try_fill_bytes(&mut bytes).ok()?;
    ///             let random = SessionId::from_entropy(bytes);
    ///             SessionId::new(&format!("{site}-{}", random.expose()))
    ///         }
    ///     })
    ///     .build();
    /// # Ok::<(), session_core::policy::PolicyError>(())
    /// ```
    pub fn genid_by_request<G>(
        mut self,
        genid: impl Fn(&ClientRequest<'_>) -> G + Send + Sync + 'static,
    ) -> Self
    where
        G: Fn() -> Option<SessionId> + Send + Sync + 'static,
    {
        self.0.genid_by_request = Some(Arc::new(move |request| Arc::new(genid(request))));
        self
    }

    /// Where visitors are sent who open a page for those who have signed in: a path of this site, or a whole URL. Default:
    /// nowhere, they get 401. What only wants to see a page is sent there; everything else gets 401 all the same.
    pub fn login_page(mut self, page: &str) -> Self {
        self.0.login_page = Some(guard::location(page));
        self
    }

    /// What requests with a cookie get while the store is down. Default: [`OnOutage::FailClosed`]. A route may
    /// [say otherwise](Exchange::session_on_outage).
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.0.on_outage = on_outage;
        self
    }

    /// Puts it together.
    #[must_use]
    pub fn build(self) -> Sessions {
        Sessions(Arc::new(self.0), None)
    }
}
