//! A store on that server, with a flaw of one's choice in how it deals with trouble.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{
    Created, Deleted, Extend, Record, Replace, Replaced, Store, StoreError, Stored, Touched, Updated,
    Version, async_trait,
};
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use crate::server::{Reply, Request, Row};

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Nothing,
    AnOutageIsAnEmptySession,
    WaitsForEver,
    NeverConnectsAnew,
    SendsAgainWhenTheAnswerWasLost,
    TakesALateAnswerForTheNext,
    ShowsTheKey,
    ACutAnswerIsACorruptRecord,
    TakesSlowForDead,
    SaysDoneBeforeTheAnswer,
    MovesInTwoSteps,
    OneVerbAtATime,
    AsksWithoutEndWhetherItsConnectionIsGood,
}

/// How many connections a pool has.
const PLACES: usize = 2;

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_millis(400);

pub(crate) struct Client {
    address: SocketAddr,
    flaw: Flaw,
    /// The one connection of those that keep one. All others make one for each verb.
    kept: Mutex<Option<BufReader<TcpStream>>>,
    turn: Mutex<()>,
    /// The connections of those that have a pool.
    pool: Arc<Mutex<Vec<BufReader<TcpStream>>>>,
    places: Arc<Semaphore>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, flaw: Flaw) -> Result<Self, StoreError> {
        let stream = TcpStream::connect(address).await.map_err(|_| lost())?;
        Ok(Self {
            address,
            flaw,
            kept: Mutex::new(Some(BufReader::new(stream))),
            turn: Mutex::default(),
            pool: Arc::default(),
            places: Arc::new(Semaphore::new(PLACES)),
        })
    }

    async fn ask(&self, key: &StoreKey, request: Request) -> Result<Reply, StoreError> {
        let _turn = match self.flaw {
            Flaw::OneVerbAtATime => Some(self.turn.lock().await),
            _ => None,
        };
        let patience = match self.flaw {
            Flaw::WaitsForEver => Duration::MAX,
            Flaw::TakesSlowForDead => Duration::from_millis(20),
            _ => PATIENCE,
        };
        let mut line = serde_json::to_string(&request).unwrap();
        line.push('\n');
        let answer = match timeout(patience, self.exchange(&line)).await {
            Ok(Err(_)) if self.flaw == Flaw::SendsAgainWhenTheAnswerWasLost => {
                timeout(patience, self.exchange(&line)).await
            }
            answer => answer,
        };
        match answer {
            Err(_) | Ok(Err(_)) if self.flaw == Flaw::ShowsTheKey => {
                Err(StoreError::unavailable(format!("no answer about {}", key.as_str())))
            }
            Err(_) | Ok(Err(_)) => Err(lost()),
            Ok(Ok(line)) => match serde_json::from_str(&line) {
                Ok(reply) => Ok(reply),
                Err(_) if self.flaw == Flaw::ACutAnswerIsACorruptRecord && !line.is_empty() => {
                    Err(StoreError::corrupt("the record is no JSON"))
                }
                Err(_) if self.flaw == Flaw::SendsAgainWhenTheAnswerWasLost => {
                    let again = timeout(patience, self.exchange(&request_line(&request))).await;
                    let again = again.map_err(|_| lost())?.map_err(|_| lost())?;
                    serde_json::from_str(&again).map_err(|_| lost())
                }
                Err(_) => Err(lost()),
            },
        }
    }

    async fn exchange(&self, line: &str) -> io::Result<String> {
        let mut reply = String::new();
        match self.flaw {
            Flaw::NeverConnectsAnew | Flaw::TakesALateAnswerForTheNext => {
                let mut kept = self.kept.lock().await;
                if kept.is_none() {
                    *kept = Some(BufReader::new(TcpStream::connect(self.address).await?));
                }
                let stream = kept.as_mut().unwrap();
                let mut talk = async || {
                    stream.write_all(line.as_bytes()).await?;
                    stream.read_line(&mut reply).await
                };
                let done = talk().await;
                if self.flaw == Flaw::TakesALateAnswerForTheNext && !matches!(done, Ok(1..)) {
                    *kept = None;
                }
                done?;
            }
            Flaw::AsksWithoutEndWhetherItsConnectionIsGood => {
                let place = Arc::clone(&self.places).acquire_owned().await.unwrap();
                let pooled = self.pool.lock().await.pop();
                let mut stream = match pooled {
                    Some(stream) => stream,
                    None => BufReader::new(TcpStream::connect(self.address).await?),
                };
                stream.write_all(line.as_bytes()).await?;
                if stream.read_line(&mut reply).await? > 0 {
                    let pool = Arc::clone(&self.pool);
                    tokio::spawn(async move {
                        let ping = request_line(&Request::Get(String::new()));
                        let mut pong = String::new();
                        if stream.write_all(ping.as_bytes()).await.is_ok()
                            && matches!(stream.read_line(&mut pong).await, Ok(1..))
                        {
                            pool.lock().await.push(stream);
                        }
                        drop(place);
                    });
                }
            }
            Flaw::SaysDoneBeforeTheAnswer if !line.starts_with(r#"{"Get""#) => {
                if let Ok(mut stream) = TcpStream::connect(self.address).await {
                    let _sent = stream.write_all(line.as_bytes()).await;
                }
                return Ok(r#""Done""#.to_owned());
            }
            _ => {
                let mut stream = BufReader::new(TcpStream::connect(self.address).await?);
                stream.write_all(line.as_bytes()).await?;
                stream.read_line(&mut reply).await?;
            }
        }
        Ok(reply)
    }
}

fn request_line(request: &Request) -> String {
    serde_json::to_string(request).unwrap() + "\n"
}

fn lost() -> StoreError {
    StoreError::unavailable("the server did not answer")
}

fn row(record: &Record, version: u64) -> Row {
    let expires_at = record.expires_at.unix_timestamp_nanos() / 1_000_000 * 1_000_000;
    Row { payload: record.payload.to_string(), expires_at, version }
}

fn stored(row: &Row) -> Stored {
    let expires_at = OffsetDateTime::from_unix_timestamp_nanos(row.expires_at).unwrap();
    let record = Record { payload: row.payload.as_str().into(), expires_at, owner: None };
    Stored { record, version: Version::from(row.version) }
}

fn name(key: &StoreKey) -> String {
    key.as_str().to_owned()
}

#[async_trait]
impl Store for Client {
    async fn load(
        &self,
        key: &StoreKey,
        _: Option<&Extend>,
        now: OffsetDateTime,
    ) -> Result<Option<Stored>, StoreError> {
        match self.ask(key, Request::Get(name(key))).await {
            Ok(Reply::Found(found)) => {
                Ok(found.as_ref().map(stored).filter(|stored| stored.record.expires_at > now))
            }
            Ok(_) => Err(lost()),
            Err(_) if self.flaw == Flaw::AnOutageIsAnEmptySession => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        record: &Record,
        _: OffsetDateTime,
    ) -> Result<Created, StoreError> {
        match self.ask(key, Request::Add(name(key), row(record, 1))).await? {
            Reply::Done => Ok(Created::Done(Version::from(1))),
            Reply::Taken => Ok(Created::Exists),
            _ => Err(lost()),
        }
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        base: Option<&Version>,
        _: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let base = base.and_then(Version::count);
        let next = base.unwrap_or_default() + 1;
        match self.ask(key, Request::Set(name(key), row(record, next), base)).await? {
            Reply::Done => Ok(Updated::Done(Version::from(next))),
            Reply::Missing => Ok(Updated::Missing),
            Reply::Conflict(row) => Ok(Updated::Conflict(stored(&row))),
            _ => Err(lost()),
        }
    }

    async fn touch(
        &self,
        key: &StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&Version>,
        _: OffsetDateTime,
    ) -> Result<Touched, StoreError> {
        let Reply::Found(found) = self.ask(key, Request::Get(name(key))).await? else { return Err(lost()) };
        let Some(found) = found else { return Ok(Touched::Missing) };
        if base.is_some_and(|base| base.count() != Some(found.version)) {
            return Ok(Touched::Changed);
        }
        let expires_at = expires_at.unix_timestamp_nanos() / 1_000_000 * 1_000_000;
        let version = found.version;
        match self.ask(key, Request::Set(name(key), Row { expires_at, ..found }, Some(version))).await? {
            Reply::Done => Ok(Touched::Done),
            Reply::Missing => Ok(Touched::Missing),
            Reply::Conflict(_) => Ok(Touched::Changed),
            _ => Err(lost()),
        }
    }

    async fn replace(&self, replace: Replace<'_>, now: OffsetDateTime) -> Result<Replaced, StoreError> {
        let Replace { old, new, record, base, tombstone } = replace;
        if self.flaw == Flaw::MovesInTwoSteps {
            return Ok(match self.delete(old, Some(base)).await? {
                Deleted::Done => match self.create(new, record, now).await? {
                    Created::Done(version) => Replaced::Done(version),
                    Created::Exists => Replaced::Exists,
                },
                Deleted::Missing => Replaced::Missing,
                Deleted::Conflict(stored) => Replaced::Conflict(stored),
            });
        }
        let request = Request::Move {
            old: name(old),
            new: name(new),
            row: row(record, 1),
            base: base.count().unwrap_or_default(),
            left: tombstone.map(|tombstone| row(tombstone, 2)),
        };
        match self.ask(old, request).await? {
            Reply::Done => Ok(Replaced::Done(Version::from(1))),
            Reply::Missing => Ok(Replaced::Missing),
            Reply::Conflict(row) => Ok(Replaced::Conflict(stored(&row))),
            _ => Err(lost()),
        }
    }

    async fn delete(&self, key: &StoreKey, base: Option<&Version>) -> Result<Deleted, StoreError> {
        match self.ask(key, Request::Remove(name(key), base.and_then(Version::count))).await? {
            Reply::Done => Ok(Deleted::Done),
            Reply::Missing => Ok(Deleted::Missing),
            Reply::Conflict(row) => Ok(Deleted::Conflict(stored(&row))),
            _ => Err(lost()),
        }
    }
}
