//! The end of a request that came with a session: what is stored, and whether there is a cookie.

use serde_json::json;

use super::{HOUR, MINUTE, SECOND, promises};
use crate::adapter::client::Page;
use crate::adapter::difference::{Difference, Side};
use crate::adapter::options::{Options, express};
use crate::adapter::subject::{Server, Subject};
use crate::failure::Outcome;
use crate::script::step::Step;
use crate::script::step::steps::{get, insert, max_age, remove};

promises! {
    both a_session_that_was_only_read_is_not_written;
    both a_session_that_was_only_read_is_not_written_if_it_has_a_life;
    both a_session_that_was_only_read_is_written_with_resave;
    both a_session_that_was_only_read_gets_a_cookie_with_rolling;
    both a_browser_session_that_was_only_read_gets_a_cookie_with_rolling;
    both a_session_that_was_only_read_is_written_and_gets_a_cookie_with_resave_and_rolling;
    both a_changed_browser_session_is_written_without_a_cookie;
    both a_changed_browser_session_gets_a_cookie_with_rolling;
    both a_changed_session_with_a_life_gets_a_cookie;
    both a_changed_session_with_a_life_is_written_once_with_every_option;
    both a_session_that_got_the_same_value_is_not_written;
    both a_session_that_was_changed_and_changed_back_is_not_written;
    both a_session_that_lost_a_value_is_written;
    both a_session_that_was_cleared_is_written;
    both a_session_whose_keys_were_put_in_another_order differs KeyOrder;
    both a_session_with_another_life_gets_a_cookie differs CookieChange;
    both a_session_with_another_life_gets_a_cookie_with_rolling differs CookieChange;
    both a_session_with_another_life_and_other_data_gets_a_cookie;
    both a_session_that_was_touched_gets_a_cookie differs TouchAnnounced;
    both a_session_that_was_saved_unchanged differs NothingSaved;
    both a_changed_session_that_was_saved_is_written_once;
    both a_session_that_was_changed_after_a_save_is_written_twice;
    both a_session_that_was_reloaded_is_not_written;
    both a_change_that_a_reload_has_dropped_is_not_written;
    both a_regenerated_session_is_written_and_the_old_one_removed;
    both a_regenerated_session_with_data_is_written_once;
    both a_regenerated_session_that_was_saved differs SavedOnce;
    both a_destroyed_session_is_removed differs CookieRemoved;
    both a_destroyed_session_is_removed_once differs DestroyedOnce;
    both a_session_that_was_let_go_is_left_as_it_was;
    both a_session_that_was_let_go_is_removed_if_that_destroys differs CookieRemoved;
    both a_route_that_names_no_session_gets_a_cookie_with_rolling;
    both a_route_that_names_no_session_writes_nothing;
    both a_route_that_names_no_session_writes_nothing_with_resave differs UnusedResave;
    both a_session_is_read_once_in_a_request;
}

/// What became of a session with `n` = 1 after a later request with these steps.
struct After {
    site: Server,
    page: Page,
    reads: u64,
    writes: u64,
    destroys: u64,
    cookie: bool,
}

async fn after(it: &Subject, options: Options, steps: impl IntoIterator<Item = Step>) -> Outcome<After> {
    at(it, options, "/play", steps).await
}

async fn at(
    it: &Subject,
    options: Options,
    path: &str,
    steps: impl IntoIterator<Item = Step>,
) -> Outcome<After> {
    let (site, browser) = it.begun(options, [insert("n", 1)]).await?;
    site.wait(SECOND).await?;
    site.calls().await?;
    let page = browser.visit(path, steps).await?.expect(200)?;
    let calls = site.calls().await?;
    let cookie = page.cookie(site.cookie_name())?.is_some();
    Ok(After { site, page, reads: calls.read, writes: calls.write, destroys: calls.destroy, cookie })
}

impl After {
    fn is(&self, writes: u64, destroys: u64, cookie: bool) -> Outcome {
        let seen = (self.writes, self.destroys, self.cookie);
        ensure_eq!(seen, (writes, destroys, cookie), "writes, removals and whether there is a cookie");
        Ok(())
    }
}

async fn a_session_that_was_only_read_is_not_written(it: Subject) -> Outcome {
    after(&it, express(), [get("n")]).await?.is(0, 0, false)
}

async fn a_session_that_was_only_read_is_not_written_if_it_has_a_life(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [get("n")]).await?.is(0, 0, false)
}

async fn a_session_that_was_only_read_is_written_with_resave(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE).resave(), [get("n")]).await?.is(1, 0, false)
}

async fn a_session_that_was_only_read_gets_a_cookie_with_rolling(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE).rolling(), [get("n")]).await?.is(0, 0, true)
}

async fn a_browser_session_that_was_only_read_gets_a_cookie_with_rolling(it: Subject) -> Outcome {
    after(&it, express().rolling(), [get("n")]).await?.is(0, 0, true)
}

async fn a_session_that_was_only_read_is_written_and_gets_a_cookie_with_resave_and_rolling(
    it: Subject,
) -> Outcome {
    after(&it, express().max_age(MINUTE).resave().rolling(), [get("n")]).await?.is(1, 0, true)
}

async fn a_changed_browser_session_is_written_without_a_cookie(it: Subject) -> Outcome {
    after(&it, express(), [insert("n", 2)]).await?.is(1, 0, false)
}

async fn a_changed_browser_session_gets_a_cookie_with_rolling(it: Subject) -> Outcome {
    after(&it, express().rolling(), [insert("n", 2)]).await?.is(1, 0, true)
}

async fn a_changed_session_with_a_life_gets_a_cookie(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [insert("n", 2)]).await?.is(1, 0, true)
}

async fn a_changed_session_with_a_life_is_written_once_with_every_option(it: Subject) -> Outcome {
    let options = express().max_age(MINUTE).resave().rolling().save_uninitialized();
    after(&it, options, [insert("n", 2)]).await?.is(1, 0, true)
}

async fn a_session_that_got_the_same_value_is_not_written(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [insert("n", 1)]).await?.is(0, 0, false)
}

async fn a_session_that_was_changed_and_changed_back_is_not_written(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [insert("n", 2), insert("n", 1)]).await?.is(0, 0, false)
}

async fn a_session_that_lost_a_value_is_written(it: Subject) -> Outcome {
    after(&it, express(), [remove("n")]).await?.is(1, 0, false)
}

async fn a_session_that_was_cleared_is_written(it: Subject) -> Outcome {
    after(&it, express(), [Step::Clear]).await?.is(1, 0, false)
}

async fn a_session_whose_keys_were_put_in_another_order(it: Subject) -> Outcome {
    let (site, browser) = it.begun(express(), [insert("a", 1), insert("b", 2)]).await?;
    site.calls().await?;
    browser.play([remove("a"), insert("a", 1)]).await?;
    let writes = match it.on_purpose(Difference::KeyOrder) {
        Side::Ours => 0,
        Side::Express => 1,
    };
    ensure_eq!(site.calls().await?.write, writes, "writes");
    Ok(())
}

async fn a_session_with_another_life_gets_a_cookie(it: Subject) -> Outcome {
    let after = after(&it, express().max_age(MINUTE), [max_age(HOUR)]).await?;
    match it.on_purpose(Difference::CookieChange) {
        Side::Ours => after.is(1, 0, true),
        Side::Express => after.is(0, 0, false),
    }
}

async fn a_session_with_another_life_gets_a_cookie_with_rolling(it: Subject) -> Outcome {
    let after = after(&it, express().max_age(MINUTE).rolling(), [max_age(HOUR)]).await?;
    match it.on_purpose(Difference::CookieChange) {
        Side::Ours => after.is(1, 0, true),
        // The store is touched, which in some stores does not reach the record.
        Side::Express => after.is(0, 0, true),
    }
}

async fn a_session_with_another_life_and_other_data_gets_a_cookie(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [max_age(HOUR), insert("n", 2)]).await?.is(1, 0, true)
}

async fn a_session_that_was_touched_gets_a_cookie(it: Subject) -> Outcome {
    let after = after(&it, express().max_age(MINUTE), [Step::Touch]).await?;
    match it.on_purpose(Difference::TouchAnnounced) {
        Side::Ours => after.is(0, 0, true),
        Side::Express => after.is(0, 0, false),
    }
}

async fn a_session_that_was_saved_unchanged(it: Subject) -> Outcome {
    let after = after(&it, express().max_age(MINUTE), [Step::Save]).await?;
    match it.on_purpose(Difference::NothingSaved) {
        Side::Ours => after.is(0, 0, false),
        Side::Express => after.is(1, 0, false),
    }
}

async fn a_changed_session_that_was_saved_is_written_once(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [insert("n", 2), Step::Save]).await?.is(1, 0, true)
}

async fn a_session_that_was_changed_after_a_save_is_written_twice(it: Subject) -> Outcome {
    after(&it, express().max_age(MINUTE), [insert("n", 2), Step::Save, insert("n", 3)]).await?.is(2, 0, true)
}

async fn a_session_that_was_reloaded_is_not_written(it: Subject) -> Outcome {
    let after = after(&it, express(), [Step::Reload, get("n")]).await?;
    ensure_eq!(after.reads, 2, "reads");
    ensure_eq!(after.page.seen[1], json!(1), "the value");
    after.is(0, 0, false)
}

async fn a_change_that_a_reload_has_dropped_is_not_written(it: Subject) -> Outcome {
    let after = after(&it, express(), [insert("n", 2), Step::Reload, get("n")]).await?;
    ensure_eq!(after.page.seen[2], json!(1), "the value");
    after.is(0, 0, false)
}

async fn a_regenerated_session_is_written_and_the_old_one_removed(it: Subject) -> Outcome {
    let after = after(&it, express(), [Step::Regenerate]).await?;
    ensure_eq!(after.site.records().await?.len(), 1, "records");
    after.is(1, 1, true)
}

async fn a_regenerated_session_with_data_is_written_once(it: Subject) -> Outcome {
    after(&it, express().resave().rolling(), [Step::Regenerate, insert("m", 1)]).await?.is(1, 1, true)
}

async fn a_regenerated_session_that_was_saved(it: Subject) -> Outcome {
    let after = after(&it, express(), [Step::Regenerate, insert("m", 1), Step::Save]).await?;
    match it.on_purpose(Difference::SavedOnce) {
        Side::Ours => after.is(1, 1, true),
        Side::Express => after.is(2, 1, true),
    }
}

/// The cookie that a session's end sets, which is one that takes it away, or none.
fn ended(it: &Subject, after: &After) -> Outcome {
    let cookie = after.page.cookie(after.site.cookie_name())?;
    match it.on_purpose(Difference::CookieRemoved) {
        Side::Ours => ensure!(cookie.is_some_and(|cookie| cookie.removes()), "the cookie is not taken away"),
        Side::Express => ensure_eq!(cookie, None, "the cookie"),
    }
    Ok(())
}

async fn a_destroyed_session_is_removed(it: Subject) -> Outcome {
    let after = after(&it, express(), [Step::Destroy]).await?;
    ensure_eq!((after.writes, after.destroys), (0, 1), "writes and removals");
    ensure_eq!(after.site.records().await?.len(), 0, "records");
    ended(&it, &after)
}

async fn a_destroyed_session_is_removed_once(it: Subject) -> Outcome {
    let after = after(&it, express().unset_destroys(), [Step::Destroy]).await?;
    let removals = match it.on_purpose(Difference::DestroyedOnce) {
        Side::Ours => 1,
        Side::Express => 2,
    };
    ensure_eq!((after.writes, after.destroys), (0, removals), "writes and removals");
    Ok(())
}

async fn a_session_that_was_let_go_is_left_as_it_was(it: Subject) -> Outcome {
    let after = after(&it, express().max_age(MINUTE), [insert("n", 2), Step::Unset]).await?;
    ensure_eq!(after.site.record().await?.payload["n"], json!(1), "what is stored");
    after.is(0, 0, false)
}

async fn a_session_that_was_let_go_is_removed_if_that_destroys(it: Subject) -> Outcome {
    let after = after(&it, express().unset_destroys(), [insert("n", 2), Step::Unset]).await?;
    ensure_eq!((after.writes, after.destroys), (0, 1), "writes and removals");
    ensure_eq!(after.site.records().await?.len(), 0, "records");
    ended(&it, &after)
}

async fn a_route_that_names_no_session_gets_a_cookie_with_rolling(it: Subject) -> Outcome {
    at(&it, express().max_age(MINUTE).rolling(), "/idle", []).await?.is(0, 0, true)
}

async fn a_route_that_names_no_session_writes_nothing(it: Subject) -> Outcome {
    at(&it, express().max_age(MINUTE), "/idle", []).await?.is(0, 0, false)
}

async fn a_route_that_names_no_session_writes_nothing_with_resave(it: Subject) -> Outcome {
    let after = at(&it, express().max_age(MINUTE).resave(), "/idle", []).await?;
    match it.on_purpose(Difference::UnusedResave) {
        Side::Ours => after.is(0, 0, false),
        Side::Express => after.is(1, 0, false),
    }
}

async fn a_session_is_read_once_in_a_request(it: Subject) -> Outcome {
    let after = after(&it, express().max_age(MINUTE), [get("n"), get("m"), Step::Keys, Step::Cookie]).await?;
    ensure_eq!(after.reads, 1, "reads");
    Ok(())
}
