//! The end of a request that came without a session: what is stored, and whether there is a cookie.

use super::{MINUTE, promises};
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, express};
use crate::adapter::subject::Subject;
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{get, insert, max_age, remove};

promises! {
    both a_new_session_that_nobody_touched_is_not_stored;
    both a_new_session_that_was_only_read_is_not_stored;
    both a_new_session_with_data_is_stored_and_has_a_cookie;
    both a_new_session_with_data_is_stored_once_with_resave;
    both a_new_session_with_data_is_stored_once_with_rolling;
    both a_new_session_with_a_life_is_stored_and_has_a_cookie;
    both a_new_session_that_nobody_touched_is_stored_if_the_policy_says_so;
    both a_new_session_that_nobody_touched_is_stored_once_with_every_option;
    both a_new_session_with_nothing_but_a_life_of_its_own_is_not_stored;
    both a_new_session_with_nothing_but_a_life_of_its_own_is_stored_if_the_policy_says_so;
    both a_new_session_that_was_touched_is_not_stored;
    both a_new_session_whose_data_was_removed_again_is_not_stored;
    both a_new_session_that_was_saved_by_hand_is_stored_once;
    both a_new_session_that_was_changed_after_a_save_is_stored_twice;
    both a_new_empty_session_that_was_saved_by_hand_gets_no_cookie differs NothingSaved;
    both a_new_session_that_was_cleared_is_not_stored;
    both a_new_session_that_was_regenerated_is_not_stored differs NothingRegenerated;
    both a_new_session_that_was_regenerated_and_filled_is_stored;
    both a_new_session_that_was_destroyed_is_not_stored;
    both a_new_session_that_was_let_go_is_not_stored;
    both a_new_session_that_was_let_go_is_not_stored_if_that_destroys;
    both a_route_that_names_no_session_stores_nothing;
    both a_request_without_a_cookie_asks_the_store_nothing;
    both every_new_session_has_an_id_of_its_own;
    ours a_route_that_names_no_session_asks_the_store_nothing;
}

/// Plays steps for a visitor without a cookie: how often the store is to be written, and whether a cookie is to be set.
async fn new(
    it: &Subject,
    options: Options,
    steps: impl IntoIterator<Item = Step>,
    writes: u64,
    cookie: bool,
) -> Outcome {
    let (site, browser) = it.browser(options).await?;
    let page = browser.play(steps).await?;
    let calls = site.calls().await?;
    ensure_eq!((calls.read, calls.write), (0, writes), "reads and writes");
    ensure_eq!(page.cookie(site.cookie_name())?.is_some(), cookie, "whether there is a cookie");
    ensure_eq!(site.records().await?.len(), usize::from(writes > 0), "records");
    Ok(())
}

async fn a_new_session_that_nobody_touched_is_not_stored(it: Subject) -> Outcome {
    new(&it, express(), [], 0, false).await
}

async fn a_new_session_that_was_only_read_is_not_stored(it: Subject) -> Outcome {
    new(&it, express().rolling().resave(), [get("n"), Step::Keys, Step::Cookie], 0, false).await
}

async fn a_new_session_with_data_is_stored_and_has_a_cookie(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1)], 1, true).await
}

async fn a_new_session_with_data_is_stored_once_with_resave(it: Subject) -> Outcome {
    new(&it, express().resave(), [insert("n", 1)], 1, true).await
}

async fn a_new_session_with_data_is_stored_once_with_rolling(it: Subject) -> Outcome {
    new(&it, express().rolling(), [insert("n", 1)], 1, true).await
}

async fn a_new_session_with_a_life_is_stored_and_has_a_cookie(it: Subject) -> Outcome {
    new(&it, express().max_age(MINUTE), [insert("n", 1)], 1, true).await
}

async fn a_new_session_that_nobody_touched_is_stored_if_the_policy_says_so(it: Subject) -> Outcome {
    new(&it, express().save_uninitialized(), [Step::HasSession], 1, true).await
}

async fn a_new_session_that_nobody_touched_is_stored_once_with_every_option(it: Subject) -> Outcome {
    new(&it, express().save_uninitialized().resave().rolling().max_age(MINUTE), [], 1, true).await
}

async fn a_new_session_with_nothing_but_a_life_of_its_own_is_not_stored(it: Subject) -> Outcome {
    new(&it, express(), [max_age(MINUTE)], 0, false).await
}

async fn a_new_session_with_nothing_but_a_life_of_its_own_is_stored_if_the_policy_says_so(
    it: Subject,
) -> Outcome {
    new(&it, express().save_uninitialized(), [max_age(MINUTE)], 1, true).await
}

async fn a_new_session_that_was_touched_is_not_stored(it: Subject) -> Outcome {
    new(&it, express().max_age(MINUTE), [Step::Touch], 0, false).await
}

async fn a_new_session_whose_data_was_removed_again_is_not_stored(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), remove("n")], 0, false).await
}

async fn a_new_session_that_was_saved_by_hand_is_stored_once(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), Step::Save], 1, true).await
}

async fn a_new_session_that_was_changed_after_a_save_is_stored_twice(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), Step::Save, insert("n", 2)], 2, true).await
}

async fn a_new_empty_session_that_was_saved_by_hand_gets_no_cookie(it: Subject) -> Outcome {
    let writes = match it.on_purpose(Difference::NothingSaved) {
        Side::Ours => 0,
        Side::Express => 1,
    };
    new(&it, express(), [Step::Save], writes, false).await
}

async fn a_new_session_that_was_cleared_is_not_stored(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), Step::Clear], 0, false).await
}

async fn a_new_session_that_was_regenerated_is_not_stored(it: Subject) -> Outcome {
    match it.on_purpose(Difference::NothingRegenerated) {
        Side::Ours => new(&it, express(), [insert("n", 1), Step::Regenerate], 0, false).await,
        Side::Express => new(&it, express(), [insert("n", 1), Step::Regenerate], 1, true).await,
    }
}

async fn a_new_session_that_was_regenerated_and_filled_is_stored(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), Step::Regenerate, insert("m", 1)], 1, true).await
}

async fn a_new_session_that_was_destroyed_is_not_stored(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), Step::Destroy], 0, false).await
}

async fn a_new_session_that_was_let_go_is_not_stored(it: Subject) -> Outcome {
    new(&it, express(), [insert("n", 1), Step::Unset], 0, false).await
}

async fn a_new_session_that_was_let_go_is_not_stored_if_that_destroys(it: Subject) -> Outcome {
    new(&it, express().unset_destroys(), [insert("n", 1), Step::Unset], 0, false).await
}

async fn a_route_that_names_no_session_stores_nothing(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express()).await?;
    let page = browser.visit("/idle", []).await?.expect(200)?;
    ensure!(page.set_cookies().is_empty(), "a cookie is set though nobody named the session");
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked");
    Ok(())
}

async fn a_request_without_a_cookie_asks_the_store_nothing(it: Subject) -> Outcome {
    let (site, browser) = it.browser(express().max_age(MINUTE).rolling().resave()).await?;
    browser.play([get("n")]).await?;
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked");
    Ok(())
}

async fn every_new_session_has_an_id_of_its_own(it: Subject) -> Outcome {
    let site = it.site(express()).await?;
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..20 {
        site.browser().play([insert("n", 1)]).await?;
    }
    for record in site.records().await? {
        ensure!(record.key.len() >= 32, "an id is short");
        keys.insert(record.key);
    }
    ensure_eq!(keys.len(), 20, "ids");
    Ok(())
}

async fn a_route_that_names_no_session_asks_the_store_nothing(it: Subject) -> Outcome {
    use crate::adapter::options::safe;
    let (site, browser) = it.begun(safe(), [insert("n", 1)]).await?;
    site.wait(MINUTE * 60 * 12).await?;
    site.calls().await?;
    let page = browser.visit("/idle", []).await?.expect(200)?;
    ensure_eq!(site.calls().await?, Default::default(), "what the store is asked");
    ensure!(page.set_cookies().is_empty(), "a cookie is set though nobody named the session");
    Ok(())
}
