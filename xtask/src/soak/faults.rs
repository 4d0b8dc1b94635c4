//! What happens to the servers and processes of a site.

use std::time::{Duration, Instant};

use super::Visitors;
use crate::output::Stop;
use crate::services::{self, Kind};

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Kill,
    Pause,
    Restart,
    Failover,
    App,
}

/// How long servers may take to agree on a successor, or to follow it.
const AGREE: Duration = Duration::from_secs(120);

impl Fault {
    pub(super) const ALL: &[Fault] =
        &[Fault::Kill, Fault::Pause, Fault::Restart, Fault::Failover, Fault::App];

    pub(super) fn name(self) -> &'static str {
        match self {
            Fault::Kill => "kill",
            Fault::Pause => "pause",
            Fault::Restart => "restart",
            Fault::Failover => "failover",
            Fault::App => "app",
        }
    }

    pub(super) fn named(name: &str) -> Result<Fault, Stop> {
        Fault::ALL.iter().copied().find(|fault| fault.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
            Stop::Usage(format!("there is no fault `{name}`; there are {}", known.join(", ")))
        })
    }

    /// Those of `chosen` that a store on such a service can have.
    pub(super) fn of(kind: Option<Kind>, chosen: &[Fault]) -> Vec<Fault> {
        let can = |fault: &Fault| match (fault, kind) {
            (Fault::App, _) => true,
            (_, None) => false,
            (Fault::Pause | Fault::Restart, Some(_)) => true,
            (Fault::Kill, Some(kind)) => !is_replicated(kind),
            (Fault::Failover, Some(kind)) => is_replicated(kind),
        };
        chosen.iter().copied().filter(can).collect()
    }

    /// Lets it happen, and waits until it is over.
    pub(super) fn happen(
        self,
        kind: Option<Kind>,
        visitors: &mut Visitors,
        dice: &mut Shuffled,
    ) -> Result<(), String> {
        let Some(kind) = kind.filter(|_| self != Fault::App) else { return visitors.tell("kill") };
        let primaries = services::primaries(kind)?;
        let chosen = |ports: &[u16], dice: &mut Shuffled| {
            let ports: Vec<u16> = ports.to_vec();
            let turn = usize::try_from(dice.throw()).unwrap_or(0).checked_rem(ports.len());
            turn.map(|turn| vec![ports[turn]]).ok_or_else(|| format!("{kind} has no server for this"))
        };
        match self {
            Fault::App => {}
            Fault::Kill => {
                let crashed = services::crash(kind, &primaries, "KILL")?;
                std::thread::sleep(dice.between(200, 3000));
                crashed.start_again()?;
            }
            Fault::Pause => {
                let ports = chosen(&primaries, dice)?;
                // Longer, and those that follow would elect another: that is a failover.
                let longest = if is_replicated(kind) { 1000 } else { 2500 };
                services::pause(kind, &ports, dice.between(400, longest))?;
            }
            Fault::Restart => {
                let ports = match services::replicas(kind)? {
                    none if none.is_empty() => primaries,
                    replicas => chosen(&replicas, dice)?,
                };
                services::crash(kind, &ports, kind.stop_signal())?.start_again()?;
            }
            Fault::Failover => {
                visitors.tell("failover")?;
                let ports = chosen(&primaries, dice)?;
                let crashed = services::crash(kind, &ports, "KILL")?;
                until(|| {
                    let now = services::primaries(kind)?;
                    let taken_over =
                        now.len() == primaries.len() && ports.iter().all(|port| !now.contains(port));
                    if taken_over { Ok(()) } else { Err("nobody has taken over".into()) }
                })?;
                std::thread::sleep(dice.between(200, 1500));
                crashed.start_again()?;
            }
        }
        until(|| services::settled(kind))?;
        if self == Fault::Failover { visitors.tell("recovered") } else { Ok(()) }
    }
}

/// Whether somebody else takes over when the server that takes the writes is gone.
fn is_replicated(kind: Kind) -> bool {
    match kind {
        Kind::RedisCluster | Kind::RedisSentinel | Kind::MongodbReplica => true,
        Kind::Redis | Kind::Mongodb | Kind::Postgres | Kind::Pgbouncer | Kind::Mysql => false,
    }
}

fn until(mut holds: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let Err(why) = holds() else { return Ok(()) };
        if begun.elapsed() > AGREE {
            return Err(format!("the servers do not recover: {why}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Faults in an order that looks random and is the same for the same seed: all kinds of them, then all again.
#[derive(Debug)]
pub(super) struct Shuffled {
    kinds: Vec<Fault>,
    left: Vec<Fault>,
    state: u64,
}

impl Shuffled {
    pub(super) fn new(kinds: Vec<Fault>, seed: u64) -> Self {
        Self { kinds, left: Vec::new(), state: seed }
    }

    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// The next fault; `None` if there are none at all.
    pub(super) fn next(&mut self) -> Option<Fault> {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
        }
        let turn = usize::try_from(self.throw()).unwrap_or(0).checked_rem(self.left.len())?;
        Some(self.left.swap_remove(turn))
    }

    /// A time between these, in milliseconds.
    fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.throw() % (most - least))
    }

    /// The next number (splitmix64).
    fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_before_one_comes_again_and_a_seed_gives_the_same_order() {
        let order = |seed| {
            let mut faults = Shuffled::new(Fault::ALL.to_vec(), seed);
            (0..10).filter_map(|_| faults.next()).collect::<Vec<_>>()
        };
        let first = order(7);
        assert_eq!(first, order(7));
        for half in first.chunks(5) {
            assert!(Fault::ALL.iter().all(|fault| half.contains(fault)), "{half:?}");
        }
    }

    #[test]
    fn a_store_without_a_server_only_loses_its_application() {
        assert_eq!(Fault::of(None, Fault::ALL), [Fault::App]);
        assert!(!Fault::of(Some(Kind::Redis), Fault::ALL).contains(&Fault::Failover));
        assert!(!Fault::of(Some(Kind::RedisCluster), Fault::ALL).contains(&Fault::Kill));
    }
}
