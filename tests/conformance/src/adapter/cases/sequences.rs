//! Every sequence of what a handler may do to its session as a whole, with every option that decides what is stored.

use super::{MINUTE, promises};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::express;
use crate::adapter::subject::Subject;
use crate::failure::{Failure, Outcome};
use crate::script::step::Step;
use crate::script::step::steps::{attempt, insert};

promises! {
    both every_sequence_of_saves_and_reloads_writes_as_often_as_it_should
        differs NothingSaved, SavedOnce, ReloadIsNoChange, NothingRegenerated;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Change,
    Save,
    Reload,
    Regenerate,
}

const ACTS: [Act; 4] = [Act::Change, Act::Save, Act::Reload, Act::Regenerate];

/// The longest sequence.
const LONGEST: usize = 3;

#[derive(Debug, Clone, Copy, Default)]
struct Options {
    resave: bool,
    save_uninitialized: bool,
    /// The browser comes with a session.
    loaded: bool,
}

/// How often the store is written and asked to destroy, and whether there is a cookie.
type Seen = (u64, u64, bool);

/// Data is a number here: none is 0, that of a loaded session 1, and each change makes another.
const LOADED: usize = 1;

fn data_after(at: usize) -> usize {
    LOADED + 1 + at
}

/// What this library does.
fn ours(options: Options, acts: &[Act]) -> Seen {
    let mut it = Ours { options, stored: options.loaded.then_some(LOADED), ..Ours::default() };
    it.data = it.stored.unwrap_or(0);
    for (at, act) in acts.iter().enumerate() {
        match act {
            Act::Change => it.data = data_after(at),
            Act::Save => it.save(),
            Act::Reload if it.regenerated => {}
            Act::Reload => it.data = it.stored.unwrap_or(it.data),
            Act::Regenerate => {
                it.data = 0;
                it.regenerated = it.stored.is_some();
            }
        }
    }
    it.save();
    it.seen
}

#[derive(Default)]
struct Ours {
    options: Options,
    stored: Option<usize>,
    data: usize,
    regenerated: bool,
    written: bool,
    seen: Seen,
}

impl Ours {
    fn save(&mut self) {
        let (write, destroy, cookie) = match self.stored {
            None => {
                let write = self.data != 0 || self.options.save_uninitialized;
                (write, false, write)
            }
            Some(_) if self.regenerated => (true, true, true),
            Some(stored) if stored != self.data => (true, false, true),
            Some(_) => (self.options.resave && !self.written, false, false),
        };
        self.seen.0 += u64::from(write);
        self.seen.1 += u64::from(destroy);
        self.seen.2 |= cookie;
        if write {
            self.stored = Some(self.data);
            self.written = true;
            self.regenerated = false;
        }
    }
}

/// What express-session does: its conditions, word for word.
fn theirs(options: Options, acts: &[Act]) -> Seen {
    let mut stored = options.loaded.then_some(LOADED);
    let mut data = stored.unwrap_or(0);
    let original = data;
    let mut saved = (options.loaded && !options.resave).then_some(data);
    // Regenerating makes a session whose `save` nobody listens to.
    let mut is_original = true;
    let (mut writes, mut destroys) = (0, 0);
    for (at, act) in acts.iter().enumerate() {
        match act {
            Act::Change => data = data_after(at),
            Act::Save => {
                if is_original {
                    saved = Some(data);
                }
                writes += 1;
                stored = Some(data);
            }
            Act::Reload => data = stored.unwrap_or(data),
            Act::Regenerate => {
                destroys += 1;
                (data, stored, is_original) = (0, None, false);
            }
        }
    }
    let is_presented = options.loaded && is_original;
    let is_modified = !is_original || data != original;
    let is_saved = is_original && saved == Some(data);
    let should_save =
        if !options.save_uninitialized && saved.is_none() && !is_presented { is_modified } else { !is_saved };
    let cookie = if is_presented { is_modified } else { options.save_uninitialized || is_modified };
    (writes + u64::from(should_save), destroys, cookie)
}

fn sequences() -> Vec<Vec<Act>> {
    let mut all = vec![Vec::new()];
    let mut begin = 0;
    for _ in 0..LONGEST {
        let end = all.len();
        for at in begin..end {
            for act in ACTS {
                let longer = all[at].iter().copied().chain([act]).collect();
                all.push(longer);
            }
        }
        begin = end;
    }
    all
}

fn step(at: usize, act: Act) -> Step {
    match act {
        Act::Change => insert("n", data_after(at)),
        Act::Save => Step::Save,
        // There may be nothing to reload.
        Act::Reload => attempt(Step::Reload),
        Act::Regenerate => Step::Regenerate,
    }
}

async fn every_sequence_of_saves_and_reloads_writes_as_often_as_it_should(it: Subject) -> Outcome {
    let sides = [
        Difference::NothingSaved,
        Difference::SavedOnce,
        Difference::ReloadIsNoChange,
        Difference::NothingRegenerated,
    ]
    .map(|difference| it.on_purpose(difference));
    for at in 0..8 {
        let options = Options { resave: at & 1 != 0, save_uninitialized: at & 2 != 0, loaded: at & 4 != 0 };
        let mut policy = express().max_age(MINUTE);
        if options.resave {
            policy = policy.resave();
        }
        if options.save_uninitialized {
            policy = policy.save_uninitialized();
        }
        let site = it.site(policy).await?;
        for acts in sequences() {
            let browser = site.browser();
            if options.loaded {
                browser.play([insert("n", LOADED)]).await?;
            }
            site.calls().await?;
            let page = browser.play(acts.iter().enumerate().map(|(at, &act)| step(at, act))).await?;
            let calls = site.calls().await?;
            let cookie = page.cookie(site.cookie_name())?.is_some();
            let expected = match sides[0] {
                Side::Ours => ours(options, &acts),
                Side::Express => theirs(options, &acts),
            };
            if (calls.write, calls.destroy, cookie) != expected {
                return Err(Failure::new(format!(
                    "{options:?} {acts:?}: writes, removals and cookie are {:?}, not {expected:?}",
                    (calls.write, calls.destroy, cookie)
                )));
            }
        }
    }
    Ok(())
}
