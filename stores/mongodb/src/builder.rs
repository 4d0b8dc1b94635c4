//! Options of a [`MongoStore`], and the ways to connect one.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ConnectionString, ReadConcern, ReadPreference,
    SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Database};
use session_core::store::StoreError;

use crate::error::{store_error, too_late};
use crate::payload::Layout;
use crate::primary::Primary;
use crate::schema::{compare_clocks, missing_indexes, set_delay};
use crate::{Inner, MongoStore, Verbs, name};

/// How often the driver looks whether a server is there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The database if nobody names one.
const DATABASE: &str = "test";

/// What a store connects to.
#[derive(Clone)]
pub(crate) enum Source {
    Url(Box<ConnectionString>),
    Database(Database),
}

/// Options of a [`MongoStore`]; made by [`MongoStore::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), session_core::store::StoreError> {
/// use std::time::Duration;
/// use session_store_mongodb::{Layout, MongoStore};
///
/// let store = MongoStore::builder()
///     .collection("admin_sessions")
///     .layout(Layout::Object)
///     .patience(Duration::from_secs(1))
///     .connect("mongodb://app:secret@a.example.com,b.example.com,c.example.com/app?replicaSet=rs0&tls=true")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MongoBuilder {
    database: Option<String>,
    collection: String,
    layout: Layout,
    patience: Duration,
    removal_delay: Option<Duration>,
    write_concern: Option<WriteConcern>,
    read_concern: Option<ReadConcern>,
}

impl Default for MongoBuilder {
    fn default() -> Self {
        Self {
            database: None,
            collection: "sessions".to_owned(),
            layout: Layout::default(),
            patience: Duration::from_secs(2),
            removal_delay: None,
            write_concern: None,
            read_concern: None,
        }
    }
}

impl MongoBuilder {
    /// The database: connect-mongo's `dbName`; that of the URL unless it is set, and `test` if the URL names none.
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = Some(name.into());
        self
    }

    /// The collection, which must be for sessions only: connect-mongo's `collectionName`; `sessions` unless it is set.
    ///
    /// 1 to 180 bytes without `$` and NUL, without dots in a row or at an end, not beginning with `system.`.
    pub fn collection(mut self, name: impl Into<String>) -> Self {
        self.collection = name.into();
        self
    }

    /// How sessions are written: connect-mongo's `stringify`; [`Layout::String`] unless it is set.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// How long a verb may take before it answers [`Unavailable`](session_core::store::StoreErrorKind::Unavailable);
    /// two seconds unless it is set, at least 10 ms.
    ///
    /// It is also how long the server waits for its members to confirm a write, and, unless the URL says otherwise, how long
    /// the driver looks for a primary (with a read preference for others, half as long) and waits for a connection. [`count`](session_core::store::Directory::count),
    /// [`page`](session_core::store::Directory::page), [`clear`](session_core::store::Directory::clear) and
    /// [`purge_expired`](session_core::store::Directory::purge_expired) grow with the collection and may take ten minutes.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.clamp(Duration::from_millis(10), Duration::from_secs(600));
        self
    }

    /// How many members must have a write before it is answered; the URL's (`w`, `journal`, `wTimeoutMS`) unless it is
    /// set, and if that says nothing, the majority.
    ///
    /// With less than the majority, an election can undo what was answered: a logout, say. Moving an expiry during a load
    /// waits for the primary only.
    pub fn write_concern(mut self, concern: WriteConcern) -> Self {
        self.write_concern = Some(concern);
        self
    }

    /// What a read may see; the URL's (`readConcernLevel`) unless it is set, and if that says nothing, `local`.
    ///
    /// All reads go to the primary as long as there is one. That has every write that the majority has confirmed, so `local` shows the newest state.
    /// `majority` never shows what an election can undo; it may show an older state, for a moment after an election, and where
    /// a [write concern](Self::write_concern) below the majority was chosen, also when there is none.
    pub fn read_concern(mut self, concern: ReadConcern) -> Self {
        self.read_concern = Some(concern);
        self
    }

    /// How long the server keeps what has expired, in whole seconds: the `expireAfterSeconds` of the index `expires_1`. As it
    /// is in the collection unless it is set, and 0, as connect-mongo makes it, in one that has no such index yet.
    ///
    /// The server removes by its own clock. With a delay of an hour, a clock that is up to an hour ahead ends no session too
    /// early; nobody is served one that has expired. connect-mongo refuses to start on a collection with a delay, unless its
    /// `autoRemove` is `disabled`. An index with another delay is changed, for which the account needs the right `collMod`.
    pub fn removal_delay(mut self, delay: Duration) -> Self {
        // As many as the server takes.
        let seconds = delay.as_secs().min(i32::MAX.unsigned_abs().into());
        self.removal_delay = Some(Duration::from_secs(seconds));
        self
    }

    /// Connects to the servers at this URL, and makes what is missing of the indexes. See the [crate] for the forms that it
    /// may have.
    ///
    /// # Errors
    ///
    /// `Refused` if the URL, a name or the write concern is not usable, the server does not let this account in or does not
    /// let it make what is missing, or the collection is one whose keys are compared by a collation. `Unavailable` if there
    /// is no primary within reach.
    pub async fn connect(self, url: &str) -> Result<MongoStore, StoreError> {
        connected(self.connect_lazy(url)?).await
    }

    /// The store at this URL, without asking a server for anything yet.
    ///
    /// It is connected to at the first verb, which also makes what is missing of the indexes, and again at later ones until
    /// it answers; meanwhile each verb is [`Unavailable`](session_core::store::StoreErrorKind::Unavailable). What else
    /// [`connect`](Self::connect) would answer shows at the verbs, too.
    ///
    /// ```
    /// use session_store_mongodb::MongoStore;
    ///
    /// // There may be no server yet.
    /// let store = MongoStore::builder().collection("admin_sessions").connect_lazy("mongodb://127.0.0.1:27017/app")?;
    /// # Ok::<_, session_core::store::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Refused` if the URL, a name or the write concern is not usable.
    pub fn connect_lazy(self, url: &str) -> Result<MongoStore, StoreError> {
        let parsed = ConnectionString::parse(url).map_err(|error| store_error(&error))?;
        let name = self.database.clone().or_else(|| parsed.default_database.clone());
        name::database(name.as_deref().unwrap_or(DATABASE))?;
        name::collection(&self.collection)?;
        is_usable(self.write_concern.as_ref().or(parsed.write_concern.as_ref()))?;
        Ok(MongoStore::new(self, Source::Url(Box::new(parsed))))
    }

    /// The store in a database that the application has opened already: with a client of its own, say, that other parts
    /// use too.
    ///
    /// [`database`](Self::database) is not looked at. The client's own timeouts count where they are shorter than the
    /// [`patience`](Self::patience).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn from_database(self, database: Database) -> Result<MongoStore, StoreError> {
        connected(MongoStore::new(self, Source::Database(database))).await
    }

    pub(crate) fn patience_of_a_verb(&self) -> Duration {
        self.patience
    }

    /// Connects, and makes what is missing of the indexes.
    pub(crate) async fn make(self, source: Source) -> Result<Verbs, StoreError> {
        match source {
            Source::Url(url) => {
                let (database, primary) = self.open(*url).await?;
                self.prepare(database, primary).await
            }
            Source::Database(database) => {
                let primary = Primary::of_criteria(database.selection_criteria());
                self.prepare(database, primary).await
            }
        }
    }

    async fn open(&self, url: ConnectionString) -> Result<(Database, Primary), StoreError> {
        // Looks up the names of the servers, if they are to be found in DNS.
        let mut options = tokio::time::timeout(self.patience, ClientOptions::parse(url))
            .await
            .map_err(|_| too_late())?
            .map_err(|error| store_error(&error))?;
        let primary = Primary::of_client(&mut options);
        // Whoever may read from others is to hear that there is no primary before the verb is over.
        let selection = if primary.reads_from_others() { self.patience / 2 } else { self.patience };
        options.server_selection_timeout.get_or_insert(selection);
        options.connect_timeout.get_or_insert(self.patience);
        // The driver gives up connections that are being made only when its monitor has found the server silent, and makes two
        // at a time: with the usual ten seconds between two looks, a short silence can take both for ever.
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        let name = self.database.clone().or_else(|| options.default_database.clone());
        let name = name::database(name.as_deref().unwrap_or(DATABASE))?.to_owned();
        let client = Client::with_options(options).map_err(|error| store_error(&error))?;
        Ok((client.database(&name), primary))
    }

    async fn prepare(self, database: Database, primary: Primary) -> Result<Verbs, StoreError> {
        let name = name::collection(&self.collection)?;
        let given = self.write_concern.clone().or_else(|| database.write_concern().cloned());
        is_usable(given.as_ref())?;
        let mut write_concern = given.unwrap_or_default();
        write_concern.w.get_or_insert(Acknowledgment::Majority);
        write_concern.w_timeout.get_or_insert(self.patience);
        let read_concern = self.read_concern.clone().or_else(|| database.read_concern().cloned());
        let options = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .read_concern(read_concern.unwrap_or_else(ReadConcern::local))
            .write_concern(write_concern)
            .build();
        let documents = database.collection_with_options::<Document>(name, options);
        let raw = documents.clone_with_type();
        let verbs =
            Verbs(Arc::new(Inner { raw, documents, layout: self.layout, patience: self.patience, primary }));
        let look = missing_indexes(&database, verbs.documents(), self.removal_delay);
        let missing = verbs.in_time(look).await?;
        if !missing.indexes.is_empty() {
            // On a collection that Node has filled this takes its time, once.
            let made = verbs.documents().create_indexes(missing.indexes);
            verbs.unhurried(async { made.await.map_err(|error| store_error(&error)) }).await?;
        }
        if let Some(delay) = missing.delay {
            verbs.in_time(set_delay(&database, verbs.documents(), delay)).await?;
        }
        // Nothing depends on it.
        let _ = tokio::time::timeout(self.patience, compare_clocks(&database, self.removal_delay)).await;
        Ok(verbs)
    }
}

/// The store, connected now and not at its first verb.
async fn connected(store: MongoStore) -> Result<MongoStore, StoreError> {
    store.connect_now().await?;
    Ok(store)
}

fn is_usable(write_concern: Option<&WriteConcern>) -> Result<(), StoreError> {
    if write_concern.is_some_and(|concern| concern.w == Some(Acknowledgment::Nodes(0))) {
        return Err(StoreError::refused(
            "with the write concern w: 0 no answer means anything; take w: 1 or more",
        ));
    }
    Ok(())
}
