//! Server-side sessions in MongoDB (5.0 or newer; tested with 6.0), in the documents that connect-mongo keeps.
//!
//! ```no_run
//! # async fn example() -> Result<(), session_core::store::StoreError> {
//! use session_store_mongodb::MongoStore;
//!
//! let store = MongoStore::connect("mongodb://127.0.0.1:27017/app").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Connection strings
//!
//! | form | stands for |
//! | --- | --- |
//! | `mongodb://host:27017/app` | one server, database `app`; a member of a replica set leads to all of them |
//! | `mongodb://user:password@a,b,c/app?replicaSet=rs0&authSource=admin` | a replica set, with an account |
//! | `mongodb+srv://user:password@cluster.example.com/app` | hosts and options by DNS, with TLS; as Atlas gives it |
//! | `mongodb://host/?directConnection=true` | this server and no other |
//!
//! A special character of the password is percent-encoded. All [options of the
//! driver](https://www.mongodb.com/docs/manual/reference/connection-string-options/) count, but for `readPreference`: what is
//! read is what the primary has, as long as there is one.
//!
//! [`connect`](MongoStore::connect) fails if there is no server. [`connect_lazy`](MongoStore::connect_lazy) is for an application
//! that starts before its MongoDB: it asks for nothing, and the verbs connect, make what is missing of the indexes, and try
//! again until it works. For that there must be a primary once, however the read preference.
//!
//! **TLS** is the URL's: `tls=true`, `tlsCAFile=/path/ca.pem`, `tlsCertificateKeyFile=/path/client.pem` for a certificate of
//! one's own. It is rustls, which the driver is always built with, and it checks the server's certificate against the web's
//! root certificates, or against the file. A certificate that is not accepted shows as "no primary within reach".
//!
//! The role `readWrite` on the database is enough. Once the indexes are there, so are the actions `find`, `insert`, `update`,
//! `remove` and `listIndexes` on the collection and `listCollections` on the database.
//!
//! # What is promised
//!
//! * Each verb of [`Store`] is one command, so one round trip, when nobody interferes: a load moves a due expiry on its way.
//!   One that meets another's write is two, since it also fetches what that wrote. [`sessions_of`](Directory::sessions_of) is
//!   one and [`revoke`](Directory::revoke) two, whatever the number of sessions.
//! * A [`replace`](Store::replace) is three commands, on a single server as on a replica set, since a document cannot change
//!   its key: the new session is stored, the old one retired if it is still at its version, the new one released. The second
//!   decides: there is one winner, and at no moment is there neither. Broken off in between, it leaves the old session and
//!   an orphan that nobody holds, which is revoked with the owner's other sessions and expires as they do. A revoke ends a
//!   session on its way, too, and counts it once.
//! * Writes are confirmed by the majority of the members and are made again by the driver if the primary changes meanwhile
//!   (`retryWrites`): **what was answered outlives a failover**. While there is no primary, verbs answer `Unavailable`, and
//!   work again when there is one.
//! * With a `readPreference` other than `primary`, **sessions are still read while there is no primary**, from a secondary: a load
//!   is served and not extended, and the write of a single session answers
//!   [`ReadOnly`](session_core::store::StoreErrorKind::ReadOnly), a touch at once and others when a primary was waited for in
//!   vain. What a secondary has may be older: a logout of just before the outage may not be in it. Set `maxStalenessSeconds` to
//!   bound that. The same holds for a URL with `directConnection=true` that names a secondary. The verbs of [`Directory`] need
//!   the primary. A client of the application's own is not watched, and there a load waits for the client's own timeout.
//! * A server whose disk is full answers `ReadOnly` to writes where it says so (error 14031), and loads are served.
//! * A future that is dropped leaves the record as it was or as it was to be, and never one without an expiry.
//! * The version of a record is what lies in `session`, compared by the server as it writes. So a write of a Node server
//!   between a load and an update is a conflict, however small the difference.
//! * Expiry is a date in whole milliseconds, rounded down, and is judged by the time that the verb is told. The server's
//!   clock only decides when it removes what has expired: if it is ahead, too early by so much, and a warning at connecting says
//!   that it is. [`removal_delay`](MongoBuilder::removal_delay) mends it, where no Node server makes the index itself.
//!   `cookie.expires` in the payload is not read.
//! * A verb answers within the [`patience`](MongoBuilder::patience). Lost connections are made anew.
//! * A record that cannot be read is an error for its own key and for nobody else's, and is not overwritten.
//! * An error holds fixed words and the code of the server's answer, never a key, a value or a URL.
//!
//! # What is not
//!
//! * A write that was answered with `Unavailable` may have been carried out all the same. The same holds for one that was
//!   refused because the [write concern](MongoBuilder::write_concern) cannot be met.
//! * With a write concern below the majority, a failover may undo the last changes, a logout or a revocation among them.
//!   On a single server, a crash may, unless the URL says `journal=true`: the journal is written ten times a second.
//! * A primary that has lost touch with the others serves reads until it notices, up to ten seconds: an application that
//!   reaches it only does not see what has meanwhile been changed at its successor.
//! * A [`revoke`](Directory::revoke), [`clear`](Directory::clear) or [`purge_expired`](Directory::purge_expired) that an
//!   election breaks off may have removed a part. Call it again.
//! * Sharded clusters are not tested. With `_id` as the shard key, all verbs but those of [`Directory`] go to one shard.
//!
//! # The documents
//!
//! ```text
//! { _id: key, session: payload, expires: Date [, owner: text] [, movedFrom: key] [, movedTo: key] }
//! ```
//!
//! `_id`, `session` and `expires` are connect-mongo's, in the collection `sessions`; the others are ours, and Node leaves
//! them alone. `owner` is absent for nobody's session; `movedFrom` marks a session that is arriving under its key, and
//! `movedTo` is in what a replace leaves under the old one. Two indexes are made if they are missing: `expires_1`, by which the
//! server removes what has expired (connect-mongo's own, `expireAfterSeconds: 0` unless a
//! [`removal_delay`](MongoBuilder::removal_delay) is set), and `owner_1`, which holds sessions with an
//! owner only. On a large collection that Node has filled, make the second by hand before:
//!
//! ```text
//! db.sessions.createIndex({ owner: 1 }, { name: "owner_1", partialFilterExpression: { owner: { $exists: true } } })
//! ```
//!
//! # Beside Node
//!
//! * **Layouts.** [`Layout`] is connect-mongo's `stringify`; give both servers the same. Either form is read.
//! * **Objects** hold values and not their spelling: what is read back is what `JSON.stringify` makes of them (`1.50` is `1.5`).
//!   A NUL in a key, half of a surrogate pair, a whole number above 63 bits and 128 levels are refused. Dates and ids that an
//!   application in Node keeps as types of MongoDB are read as text, and are text from when this store has written the session.
//! * **Removal.** With a [`removal_delay`](MongoBuilder::removal_delay), connect-mongo's index would be another one, and
//!   it does not start; give it `autoRemove: 'disabled'`, and it makes none. The delay counts for its sessions, too.
//! * **Owners.** A session keeps its owner when Node rewrites it. One that Node *brings back* after a logout (it writes what it
//!   has read, whether or not the document is still there) has none until this store writes it again, and until then
//!   [`revoke`](Directory::revoke) does not find it.
//! * **Touch.** Node's `touch` is no conflict. `lastModified`, `createdAt` and `updatedAt`, which connect-mongo writes with
//!   `touchAfter` and `timestamps`, are left as they are.
//! * `crypto` is not supported: what it encrypts is no session to this store's users. With `transformId`, Node's keys
//!   must be those that the core makes.
//! * A document without `expires` is a session that ends in the year 9999; the first write or touch gives it an expiry.
//!
//! # Tuning
//!
//! * `maxPoolSize` in the URL is the number of connections to each server, ten unless it is set: each carries one command at a
//!   time. Count the commands that are under way at once: on a replica set a write takes as long as its way to the next member.
//! * A write at a version also sends what lay there, for the server to compare: twice the payload. Together they must fit a
//!   command, of 16 MiB; larger ones are refused.
//! * Space: a document is its payload + 80 bytes, compressed on disk; its entries in the indexes are 110 bytes more, 15 of
//!   them for an owner. A million sessions of 300 bytes are half a gigabyte. The indexes have to fit the server's cache
//!   (`wiredTigerCacheSizeGB`), and so have the sessions that are in use: for a hundred million, 11 GB and those.
//! * A load that looks whether a touch is due costs a tenth more than one that does not, and one that moves the expiry a third.
//!   It waits for the primary only; all other writes wait for the majority, a replace twice.
//! * A crashed primary is missed for the set's `electionTimeoutMillis`, ten seconds unless it is set; two are enough for
//!   servers in one place, and make an outage of less than three.
//! * The removal of what has expired runs once a minute (`ttlMonitorSleepSecs`) on the primary, and its deletions are replicated.
//!   Where it is switched off, call [`purge_expired`](Directory::purge_expired).
//! * Each touch writes to the index `expires_1`. The core's `touch_after` makes touches rare.
//! * [`count`](Directory::count) walks over all sessions, two seconds for a million; a page costs what it holds.
//! * The driver looks at each server once a second (`heartbeatFrequencyMS`). A client of the application's own that is given to
//!   [`from_database`](MongoBuilder::from_database) should do so, too: with the usual ten seconds it may not notice that
//!   connections which are being made have fallen silent, and then it makes no others.

mod builder;
mod directory;
mod error;
mod lazy;
mod moment;
mod name;
mod object;
mod outlive;
mod payload;
mod primary;
mod schema;
mod store;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::{Collection, Database};
use session_core::store::StoreError;
#[cfg(doc)]
use session_core::store::{Directory, Store};

pub use builder::MongoBuilder;
use builder::Source;
use error::too_late;
use lazy::Lazy;
/// The driver, so that an application can make a client of its own with the same version.
pub use mongodb;
pub use payload::Layout;
use primary::Primary;

/// How long a verb may take whose work grows with the collection.
const UNHURRIED: Duration = Duration::from_secs(600);

/// Sessions in a MongoDB collection. See the [crate] for what it promises.
///
/// A clone is another handle to the same store.
#[derive(Clone)]
pub struct MongoStore(Arc<Shared>);

struct Shared {
    verbs: Lazy<Verbs>,
    builder: MongoBuilder,
    source: Source,
}

/// The verbs themselves, which need not survive being dropped.
#[derive(Clone)]
struct Verbs(Arc<Inner>);

struct Inner {
    documents: Collection<Document>,
    /// The same collection, for reading without taking documents apart.
    raw: Collection<RawDocumentBuf>,
    layout: Layout,
    patience: Duration,
    primary: Primary,
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore").field("builder", &self.0.builder).finish_non_exhaustive()
    }
}

impl MongoStore {
    /// Connects to the servers at this URL with the usual options, and makes what is missing of the indexes of the collection
    /// `sessions`.
    ///
    /// # Errors
    ///
    /// As [`MongoBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect(url).await
    }

    /// The store at this URL with the usual options, without asking a server for anything yet.
    ///
    /// # Errors
    ///
    /// As [`MongoBuilder::connect_lazy`].
    pub fn connect_lazy(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect_lazy(url)
    }

    /// The store in the collection `sessions` of a database that the application has opened already.
    ///
    /// # Errors
    ///
    /// As [`MongoBuilder::from_database`].
    pub async fn from_database(database: Database) -> Result<Self, StoreError> {
        Self::builder().from_database(database).await
    }

    /// A store with other options.
    pub fn builder() -> MongoBuilder {
        MongoBuilder::default()
    }

    fn new(builder: MongoBuilder, source: Source) -> Self {
        Self(Arc::new(Shared { verbs: Lazy::default(), builder, source }))
    }

    async fn connect_now(&self) -> Result<(), StoreError> {
        let Shared { verbs, builder, source } = &*self.0;
        verbs.set(builder.clone().make(source.clone()).await?);
        Ok(())
    }

    /// Connects if that has not been done yet.
    async fn verbs(&self) -> Result<&Verbs, StoreError> {
        let Shared { verbs, builder, source } = &*self.0;
        let make = || builder.clone().make(source.clone());
        verbs.get_or_make(builder.patience_of_a_verb(), make).await
    }
}

impl Verbs {
    fn layout(&self) -> Layout {
        self.0.layout
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.0.patience, work).await.map_err(|_| too_late())?
    }

    /// The same for what writes, and has written nothing if its first command fails.
    async fn written<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.in_time(work).await.map_err(|error| self.0.primary.unwritten(error))
    }

    async fn unhurried<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(UNHURRIED, work).await.map_err(|_| too_late())?
    }
}
