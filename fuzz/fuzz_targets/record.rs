//! Records: no payload makes the reader panic, and what is read is written back without loss.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use session_core::Policy;
use session_core::store::{Extend, Record};
use session_fuzz::{NOW, policies, read, write};

static POLICIES: LazyLock<[Policy; 3]> = LazyLock::new(policies);

/// A key that is put in so that there is something to write.
const MARK: &str = "mark";

fuzz_target!(|data: &[u8]| {
    let payload = String::from_utf8_lossy(data);
    let record = Record { payload: payload.as_ref().into(), expires_at: NOW, owner: None };
    let _ = (record.is_tombstone(), record.created_at(), record.value::<bool>(MARK));
    let extend = Extend { due_before: NOW, to: NOW, original_max_age: None };
    let _ = extend.applies_to(&record, NOW - time::Duration::DAY);
    for policy in POLICIES.iter() {
        let Some(mut state) = read(policy, &payload) else { continue };
        let mut keys: Vec<String> = state.keys().map(str::to_owned).collect();
        if !state.contains(MARK) {
            keys.push(MARK.to_owned());
        }
        let marked = state.get::<bool>(MARK) == Ok(Some(true));
        state.insert(MARK, !marked).expect("a bool is JSON");
        let update = write(state);
        let written = &update.record().payload;

        // Nothing is lost, whatever was in it.
        let mut state = read(policy, written).expect("what was written can be read");
        let mut again: Vec<String> = state.keys().map(str::to_owned).collect();
        keys.sort();
        again.sort();
        assert_eq!(again, keys);
        assert_eq!(state.get::<bool>(MARK), Ok(Some(!marked)));

        // Writing what was written gives the same text.
        state.insert(MARK, 0).expect("a number is JSON");
        let update = write(state);
        let mut state = read(policy, &update.record().payload).expect("what was written can be read");
        state.insert(MARK, !marked).expect("a bool is JSON");
        assert_eq!(write(state).record().payload, *written);
    }
});
