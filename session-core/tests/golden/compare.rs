//! How vectors are compared: each is alike, or is listed with the reason why it is not.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::deviations::{DEVIATIONS, Deviation};
use crate::request::{clock, millis};

#[derive(Deserialize)]
pub struct File<'a> {
    #[serde(borrow)]
    pub vectors: Vec<&'a RawValue>,
    meta: Meta,
}

#[derive(Deserialize)]
pub struct Meta {
    clock_ms: i64,
}

/// Runs `compare` on each vector of `file`, and judges the outcome by [`DEVIATIONS`].
pub fn check<'a, T: Deserialize<'a>>(
    file: &str,
    json: &'a str,
    count: usize,
    compare: impl Fn(T, &str) -> Result<(), String>,
) {
    let File { vectors, meta } = serde_json::from_str(json).unwrap();
    assert_eq!(meta.clock_ms, millis(clock()));
    let mut wrong = Vec::new();
    let mut deviations = 0;
    for vector in &vectors {
        let text = vector.get();
        match (compare(serde_json::from_str(text).unwrap(), text), listed(file, text)) {
            (Ok(()), None) => {}
            (Err(_), Some(_)) => deviations += 1,
            (Ok(()), Some(deviation)) => {
                wrong.push(format!("{text}\n  does not differ, but is listed: {}", deviation.reason));
            }
            (Err(difference), None) => wrong.push(format!("{text}\n  {difference}")),
        }
    }
    println!("{file}: {} vectors, {deviations} deviations", vectors.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    assert_eq!(vectors.len(), count, "vectors in {file}.json");
    let of_file: Vec<_> = DEVIATIONS.iter().filter(|deviation| deviation.file == file).collect();
    assert_eq!(deviations, of_file.len(), "each listed deviation stands for one vector");
    for deviation in of_file {
        let hits = vectors.iter().filter(|vector| vector.get().contains(deviation.vector)).count();
        assert_eq!(hits, 1, "{} selects one vector", deviation.vector);
        assert!(!deviation.reason.is_empty());
    }
}

pub fn listed(file: &str, vector: &str) -> Option<&'static Deviation> {
    DEVIATIONS.iter().find(|deviation| deviation.file == file && vector.contains(deviation.vector))
}

pub fn same<T: PartialEq + fmt::Debug + ?Sized>(got: &T, expected: &T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("got {got:?}\n  not {expected:?}")) }
}
