//! The id of the session that another one was rotated to, so that only who has the old id can read it.
//!
//! It lies in the record that a rotation leaves under the old key. The key for it is the old id, which the server does not
//! keep: at rest the old id is hashed, so whoever reads the store's files or backups learns nothing. An id has 192 random
//! bits, so a key made of it needs no stretching: it is HMAC-SHA256 in counter mode (NIST SP 800-108), bound to the new
//! key, and its output is used once. What is opened must hash to the new key; nothing else passes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{IdsAtRest, SessionId, StoreKey};
use crate::keyring::MacKey;
use crate::record::Moved;

const PURPOSE: &[u8] = b"session successor 1\0";

/// `new`, for whoever has `old`. `key` is the one that `new` is kept under.
pub(crate) fn seal(old: &SessionId, new: &SessionId, key: &StoreKey) -> String {
    let mut text = new.expose().as_bytes().to_vec();
    mask(&mut text, old, key);
    URL_SAFE_NO_PAD.encode(text)
}

impl Moved {
    /// The id that the session has now, for whoever had it under `old`; `None` if the old id does not lead on.
    pub(crate) fn successor(&self, old: &SessionId, at_rest: IdsAtRest) -> Option<SessionId> {
        let mut text = URL_SAFE_NO_PAD.decode(self.next.as_ref()?).ok()?;
        mask(&mut text, old, &self.to);
        let id = SessionId::new(str::from_utf8(&text).ok()?)?;
        (id.key(at_rest) == self.to).then_some(id)
    }
}

fn mask(text: &mut [u8], old: &SessionId, key: &StoreKey) {
    let mac = MacKey::raw(old.expose().as_bytes());
    for (block, counter) in text.chunks_mut(32).zip(0u32..) {
        let message = [PURPOSE, key.as_str().as_bytes(), b"\0", &counter.to_be_bytes()].concat();
        for (byte, pad) in block.iter_mut().zip(mac.sign(&message)) {
            *byte ^= pad;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::OffsetDateTime;

    fn moved(old: &SessionId, new: &SessionId, at_rest: IdsAtRest) -> Moved {
        let to = new.key(at_rest);
        Moved { next: Some(seal(old, new, &to)), to, until: OffsetDateTime::UNIX_EPOCH }
    }

    #[test]
    fn only_the_old_id_opens_what_it_sealed() {
        let (old, other) = (SessionId::from_entropy([1; 24]), SessionId::from_entropy([2; 24]));
        let long = SessionId::new(&"x\u{e9}".repeat(40)).unwrap();
        for at_rest in [IdsAtRest::Hashed, IdsAtRest::Plain] {
            for new in [&SessionId::from_entropy([3; 24]), &long] {
                let moved = moved(&old, new, at_rest);
                assert_eq!(moved.successor(&old, at_rest).as_ref(), Some(new));
                assert_eq!(moved.successor(&other, at_rest), None);
                assert!(!moved.next.as_ref().unwrap().contains(new.expose()));
            }
        }
    }

    #[test]
    fn a_way_that_was_tampered_with_leads_nowhere() {
        let (old, new) = (SessionId::from_entropy([1; 24]), SessionId::from_entropy([3; 24]));
        let sound = moved(&old, &new, IdsAtRest::Hashed);
        let elsewhere = SessionId::from_entropy([4; 24]).key(IdsAtRest::Hashed);
        let wrong = [
            Moved { to: elsewhere, ..sound.clone() },
            Moved { next: None, ..sound.clone() },
            Moved { next: Some(String::new()), ..sound.clone() },
            Moved { next: Some("not base64!".into()), ..sound.clone() },
            Moved { next: sound.next.as_ref().map(|next| next[1..].to_owned()), ..sound },
        ];
        for moved in wrong {
            assert_eq!(moved.successor(&old, IdsAtRest::Hashed), None);
        }
    }

    #[test]
    fn the_same_old_id_hides_two_successors_differently() {
        let old = SessionId::from_entropy([1; 24]);
        let (one, two) = (SessionId::from_entropy([3; 24]), SessionId::from_entropy([4; 24]));
        let opened = |id: &SessionId| {
            URL_SAFE_NO_PAD.decode(moved(&old, id, IdsAtRest::Hashed).next.unwrap()).unwrap()
        };
        let difference = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a ^ b).collect::<Vec<_>>();
        assert_ne!(
            difference(&opened(&one), &opened(&two)),
            difference(one.expose().as_bytes(), two.expose().as_bytes())
        );
    }
}
