//! The cases, by topic.

use std::time::Duration;

use super::{AdapterCase, promises};

mod attributes;
mod caching;
mod decisions;
mod defaults;
mod endings;
mod leaving;
mod lifetimes;
mod loaded;
mod merging;
mod outages;
mod paths;
mod privileges;
mod proxies;
mod races;
mod reading;
mod records;
mod responses;
mod rotation;
mod secrets;
mod sequences;
mod special;
mod story;
mod values;
mod verbs;

/// All of them, in their order.
pub(super) const ALL: &[&[AdapterCase]] = &[
    values::CASES,
    decisions::CASES,
    loaded::CASES,
    sequences::CASES,
    lifetimes::CASES,
    attributes::CASES,
    reading::CASES,
    secrets::CASES,
    proxies::CASES,
    paths::CASES,
    verbs::CASES,
    responses::CASES,
    endings::CASES,
    races::CASES,
    outages::CASES,
    records::CASES,
    caching::CASES,
    defaults::CASES,
    privileges::CASES,
    rotation::CASES,
    merging::CASES,
    leaving::CASES,
    special::CASES,
    story::CASES,
];

/// Those in which adapter and store have to play together.
pub(super) const PAIRED: &[&[AdapterCase]] = &[story::CASES, merging::CASES, leaving::CASES];

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
