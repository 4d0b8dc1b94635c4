//! Free ports, chosen by asking the system: fixed ones collide with whatever already runs on the machine.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// A cluster node of Redis listens on this much above its port as well.
const CLUSTER_BUS: u16 = 10_000;

/// Ports this process has handed out: groups start in parallel and must not be given the same one twice.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// `count` ports of 127.0.0.1 that nobody listens on.
pub(crate) fn free(count: usize) -> Result<Vec<u16>, String> {
    choose(count, false)
}

/// `count` such ports whose cluster bus ports are free too.
pub(crate) fn free_with_bus(count: usize) -> Result<Vec<u16>, String> {
    choose(count, true)
}

fn choose(count: usize, bus: bool) -> Result<Vec<u16>, String> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Every listener stays open until all are chosen, so that the system does not offer one port twice.
    let mut open = Vec::new();
    let mut chosen = Vec::new();
    for _attempt in 0..1000 {
        if chosen.len() == count {
            return Ok(chosen);
        }
        let listener = listen(0).map_err(|error| format!("no port of 127.0.0.1 can be bound: {error}"))?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        open.push(listener);
        if taken.contains(&port) {
            continue;
        }
        if bus {
            let Some(above) = port.checked_add(CLUSTER_BUS).filter(|above| !taken.contains(above)) else {
                continue;
            };
            let Ok(listener) = listen(above) else { continue };
            open.push(listener);
            taken.insert(above);
        }
        taken.insert(port);
        chosen.push(port);
    }
    Err(format!("could not find {count} free ports on 127.0.0.1; close some programs and try again"))
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut all = free(10).unwrap();
        all.extend(free_with_bus(6).unwrap());
        let distinct: BTreeSet<u16> = all.iter().copied().collect();
        assert_eq!(distinct.len(), 16);
    }
}
