//! Which node of a cluster a key lies on: the key's slot, and who has it.

use std::collections::BTreeSet;

use redis::Value;

use crate::link::door::Place;

const SLOTS: u16 = 16_384;

/// The slot of a key: of its hash tag, if it has one.
pub(crate) fn slot(key: &str) -> u16 {
    crc16(tag(key).unwrap_or(key).as_bytes()) % SLOTS
}

/// What lies between the first `{` and the next `}`, if there is anything.
pub(crate) fn tag(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once('{')?;
    let (tag, _) = rest.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// CRC-16/XMODEM, as the cluster specification has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// Who has which slots, as a node of the cluster told it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By the last slot of each, in order.
    ranges: Vec<Range>,
    primaries: BTreeSet<Place>,
    all: BTreeSet<Place>,
}

#[derive(Debug)]
struct Range {
    first: u16,
    last: u16,
    primary: Place,
}

impl Table {
    /// From the answer to `CLUSTER SLOTS`; `asked` is who gave it. `None` if it is none.
    pub(crate) fn parse(answer: &Value, asked: &Place) -> Option<Self> {
        let Value::Array(entries) = answer else { return None };
        let mut table = Self::default();
        for entry in entries {
            let Value::Array(entry) = entry else { return None };
            let [Value::Int(first), Value::Int(last), nodes @ ..] = &**entry else { return None };
            let mut places = nodes.iter().map(|node| place(node, asked));
            // A primary without an address cannot be reached, and its slots are as good as unassigned.
            let Some(Some(primary)) = places.next() else { continue };
            table.all.extend(places.flatten());
            table.all.insert(primary.clone());
            table.primaries.insert(primary.clone());
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
            table.ranges.push(Range { first, last, primary });
        }
        table.ranges.sort_by_key(|range| range.last);
        (!table.ranges.is_empty()).then_some(table)
    }

    pub(crate) fn primary_of(&self, slot: u16) -> Option<&Place> {
        let at = self.ranges.partition_point(|range| range.last < slot);
        self.ranges.get(at).filter(|range| range.first <= slot).map(|range| &range.primary)
    }

    pub(crate) fn primaries(&self) -> &BTreeSet<Place> {
        &self.primaries
    }

    /// Primaries and replicas.
    pub(crate) fn all(&self) -> &BTreeSet<Place> {
        &self.all
    }
}

/// The address of a node; one that does not know its own is at the address that was asked.
fn place(node: &Value, asked: &Place) -> Option<Place> {
    let Value::Array(parts) = node else { return None };
    let [host, Value::Int(port), ..] = &**parts else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        Value::Nil => "",
        _ => return None,
    };
    let host = match host {
        "" => &asked.host,
        // It was to have a name, and has none.
        "?" => return None,
        host => host,
    };
    Some(Place { host: host.to_owned(), port: u16::try_from(*port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        // What CLUSTER KEYSLOT says.
        for (key, expected) in [("foo", 12182), ("sess:a", 16_351), ("{user1000}.following", 3443), ("", 0)] {
            assert_eq!(slot(key), expected, "{key}");
        }
        assert_eq!(slot("{a}b"), slot("a"));
        assert_ne!(slot("{}a"), slot("a"));
        for (key, expected) in [("a{b}{c}", Some("b")), ("{}{a}", None), ("}{a", None), ("{{a}}", Some("{a"))]
        {
            assert_eq!(tag(key), expected, "{key}");
        }
    }

    fn node(host: Option<&str>, port: i64) -> Value {
        let host = host.map_or(Value::Nil, |host| Value::BulkString(host.as_bytes().to_vec()));
        Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())])
    }

    #[test]
    fn a_slot_is_found_on_its_primary_or_nowhere() {
        let asked = Place { host: "asked".to_owned(), port: 9 };
        let range = |first, last, nodes: Vec<Value>| {
            Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat())
        };
        let answer = Value::Array(vec![
            range(100, 200, vec![node(Some("b"), 2), node(Some("c"), 3)]),
            range(0, 50, vec![node(Some(""), 1)]),
            range(201, 201, vec![node(None, 1)]),
            range(300, 400, vec![node(Some("?"), 1)]),
        ]);
        let table = Table::parse(&answer, &asked).unwrap();
        let port = |slot| table.primary_of(slot).map(|place| (&*place.host, place.port));
        for (slot, expected) in [
            (0, Some(("asked", 1))),
            (50, Some(("asked", 1))),
            (51, None),
            (100, Some(("b", 2))),
            (200, Some(("b", 2))),
            (201, Some(("asked", 1))),
            (202, None),
            (350, None),
            (16_383, None),
        ] {
            assert_eq!(port(slot), expected, "{slot}");
        }
        assert_eq!((table.primaries().len(), table.all().len()), (2, 3));
        for nonsense in [Value::Nil, Value::Array(vec![]), Value::Array(vec![Value::Int(1)])] {
            assert!(Table::parse(&nonsense, &asked).is_none());
        }
    }
}
