//! A cluster: each call goes to the node that has its key's slot.
//!
//! The client library has a cluster connection. This store does not use it: it sends a command whose answer was lost
//! again, which counts an update twice; told not to, it does not follow redirections either; a node that falls silent
//! holds up the verbs for all others; and one that stays silent is asked for ever, though its replica was promoted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use session_core::store::StoreError;

use crate::error::unexpected;
use crate::link::confirm::Lane;
use crate::link::door::{Door, Place};
use crate::link::slots::{Table, slot};
use crate::link::{Live, OneAtATime, first};
use crate::script::Call;
use crate::script::failed::Failed;

/// How often a call is sent on to another node.
const REDIRECTIONS: usize = 5;

/// Nodes that are asked for the table at the same time.
const ASKED_AT_ONCE: usize = 3;

/// A table is not asked for again sooner: while a node is down, each verb for its slots would.
const TABLE_LASTS: Duration = Duration::from_millis(50);

pub(crate) struct Cluster {
    door: Door,
    seeds: Vec<Place>,
    nodes: Mutex<BTreeMap<Place, Arc<Node>>>,
    table: RwLock<Arc<Table>>,
    /// When it was last asked for; held by who asks.
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl Cluster {
    /// `doors` are those of some nodes; how the first one is entered holds for all. None is asked before the first call.
    pub(crate) fn new(doors: &[Door]) -> Result<Self, StoreError> {
        let Some(door) = doors.first() else {
            return Err(StoreError::refused("the list of nodes is empty"));
        };
        let seeds: Option<Vec<Place>> = doors.iter().map(Door::place).collect();
        let seeds = seeds.ok_or_else(|| StoreError::refused("a cluster's nodes have no Unix sockets"))?;
        if door.database() != 0 {
            return Err(StoreError::refused("a cluster has no databases; leave the number out"));
        }
        Ok(Self {
            door: door.clone(),
            seeds,
            nodes: Mutex::default(),
            table: RwLock::default(),
            asked: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) async fn send(&self, call: &Call, lane: &Lane) -> Result<Value, StoreError> {
        let slot = slot(call.key());
        let mut table = self.table();
        let mut is_table_new = false;
        let mut named = None;
        let mut is_tried_again = false;
        for _ in 0..=REDIRECTIONS {
            let (place, asking) = match (named.take(), table.primary_of(slot)) {
                (Some(named), _) => named,
                (None, Some(place)) => (place.clone(), false),
                (None, None) if is_table_new => return Err(nobody()),
                (None, None) => {
                    is_table_new = true;
                    table = self.ask_for_table(&table).await?;
                    continue;
                }
            };
            let node = self.node(&place);
            // Whether it still has the slot is asked before it is tried again, which may take long.
            if node.is_lost() && !is_table_new {
                is_table_new = true;
                table = self.ask_for_table(&table).await?;
                continue;
            }
            let live = match node.live().await {
                Err(_) if !is_table_new => continue,
                live => live?,
            };
            match live.ask(call, asking, lane).await {
                Err(failed) if !is_tried_again && live.lets_try_again(call, &failed) => {
                    is_tried_again = true;
                    named = asking.then_some((place, asking));
                }
                Err(failed) => {
                    named = Some(redirection(&failed.error, &place).ok_or(failed)?);
                    if matches!(named, Some((_, false))) {
                        table = self.ask_for_table(&table).await.unwrap_or(table);
                    }
                }
                Ok(answer) => return Ok(answer),
            }
        }
        Err(StoreError::unavailable("the cluster's nodes do not agree on who has a slot"))
    }

    pub(crate) async fn send_to(&self, place: &Place, call: &Call) -> Result<Value, StoreError> {
        let node = self.node(place);
        let live = node.live().await?;
        match live.ask(call, false, &Lane::default()).await {
            Err(failed) if live.lets_try_again(call, &failed) => {
                Ok(node.live().await?.ask(call, false, &Lane::default()).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// The primaries as the cluster knows them now.
    pub(crate) async fn primaries(&self) -> Result<Vec<Place>, StoreError> {
        let table = self.ask_for_table(&self.table()).await?;
        Ok(table.primaries().iter().cloned().collect())
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn node(&self, place: &Place) -> Arc<Node> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Node::new(self.door.at(place)));
        Arc::clone(nodes.entry(place.clone()).or_insert_with(new))
    }

    /// A newer table than `known`, asked for unless somebody just did.
    async fn ask_for_table(&self, known: &Arc<Table>) -> Result<Arc<Table>, StoreError> {
        let mut asked = self.asked.lock().await;
        let table = self.table();
        if !Arc::ptr_eq(&table, known) || asked.is_some_and(|at| at.elapsed() < TABLE_LASTS) {
            return Ok(table);
        }
        let mut nodes: Vec<_> = table.all().iter().chain(&self.seeds).map(|place| self.node(place)).collect();
        nodes.sort_by_key(|node| node.is_lost());
        let mut found = Err(nobody());
        for some in nodes.chunks(ASKED_AT_ONCE) {
            found = first(some.iter().map(|node| table_by(Arc::clone(node)))).await;
            if found.is_ok() {
                break;
            }
        }
        *asked = Some(Instant::now());
        let table = Arc::new(found?);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&table);
        let stays = |place: &Place| table.all().contains(place) || self.seeds.contains(place);
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).retain(|place, _| stays(place));
        Ok(table)
    }
}

async fn table_by(node: Arc<Node>) -> Result<Table, StoreError> {
    let asked = async {
        let live = node.live().await?;
        let mut call = Call::keyless("CLUSTER");
        call.arg("SLOTS");
        live.ask(&call, false, &Lane::default()).await
    };
    let answer = tokio::time::timeout(node.door.limit(), asked)
        .await
        .map_err(|_| StoreError::unavailable("no node of the cluster answered in time"))?
        .map_err(StoreError::from)?;
    Table::parse(&answer, &node.door.place().unwrap_or_default()).ok_or_else(unexpected)
}

/// Where a node says that a slot is, and whether it is only on its way there.
fn redirection(error: &RedisError, asked: &Place) -> Option<(Place, bool)> {
    let asking = match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => false,
        ErrorKind::Server(ServerErrorKind::Ask) => true,
        _ => return None,
    };
    let (address, _) = error.redirect_node()?;
    Some((Place::parse(address, asked)?, asking))
}

fn nobody() -> StoreError {
    StoreError::unavailable("no node of the cluster has the slot, or none answers")
}

/// One node, and the connection to it.
struct Node {
    door: Door,
    state: Mutex<State>,
    opening: OneAtATime<Failed>,
}

#[derive(Clone)]
enum State {
    New,
    Live(Arc<Live>),
    /// Connecting failed, or whoever tried it has gone.
    Lost,
}

impl Node {
    fn new(door: Door) -> Self {
        Self { door, state: Mutex::new(State::New), opening: OneAtATime::default() }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn is_lost(&self) -> bool {
        match self.state() {
            State::New => false,
            State::Live(live) => live.is_doubted(),
            State::Lost => true,
        }
    }

    /// The connection to it, made if there is none or it is doubted.
    async fn live(&self) -> Result<Arc<Live>, Failed> {
        let known = || match self.state() {
            State::Live(live) if !live.is_doubted() => Some(live),
            _ => None,
        };
        let connect = async {
            self.set(State::Lost);
            let live = Live::open(self.door.clone()).await.map_err(Failed::unsent)?;
            self.set(State::Live(Arc::clone(&live)));
            Ok(live)
        };
        self.opening.connect(known, connect).await
    }
}
