//! What is particular to PostgreSQL. What every store promises is in `conformance.rs`.
//!
//! Needs a server at `POSTGRES_URL`; each test works in a schema of its own and removes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod clocks;
mod dropped;
#[path = "../support/hole.rs"]
mod hole;
mod locks;
mod node;
mod outages;
#[path = "../support/own.rs"]
mod own;
mod records;
mod schema;
#[path = "../support/suite.rs"]
mod suite;
#[path = "../support/tasks.rs"]
mod tasks;

use std::str::FromStr as _;
use std::time::Duration;

use session_core::StoreKey;
use session_core::store::{Created, Owner, Record, Store as _, Version};
use session_store_sql::PostgresStore;
use session_store_sql::postgres::PostgresBuilder;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use time::OffsetDateTime;

use self::suite::cases;

fn main() {
    let cases = cases![
        clocks:
            a_server_whose_clock_is_wrong_keeps_every_promise;
        dropped:
            no_transaction_is_left_by_callers_that_go_away,
            a_walk_that_is_dropped_leaves_no_transaction_and_no_connection;
        locks:
            two_hundred_writers_of_one_session_all_get_through_in_time,
            a_locked_row_is_answered_in_time_and_nothing_is_written_late,
            a_verb_that_is_dropped_while_it_waits_leaves_its_connection_usable,
            a_revoke_follows_a_session_that_is_moving,
            a_server_that_does_not_answer_keeps_nobody_waiting_and_is_found_again,
            a_server_that_goes_silent_between_two_verbs_takes_no_place_in_the_pool_with_it;
        node:
            what_node_wrote_is_read_as_it_is,
            what_this_store_writes_node_finds_until_it_expires,
            a_write_by_node_is_a_conflict_and_keeps_the_owner,
            the_time_zone_of_its_own_connection_changes_nothing,
            a_table_that_node_made_gets_what_it_lacks_and_keeps_what_it_has;
        outages:
            a_store_that_is_made_before_its_server_works_when_the_server_is_there,
            of_many_first_users_one_connects_and_makes_the_table,
            what_can_never_work_is_refused_when_the_store_is_made,
            who_must_act_is_told_at_the_first_use_what_to_do,
            a_closed_store_does_not_connect_again,
            a_database_that_may_only_be_read_serves_sessions_and_takes_no_writes,
            connections_to_a_server_that_was_demoted_are_made_anew,
            when_the_server_ends_all_idle_connections_no_user_notices,
            a_write_whose_connection_is_cut_is_not_made_twice_and_a_read_is_answered,
            a_write_that_was_answered_and_whose_commit_was_not_is_not_made_again;
        records:
            a_record_that_cannot_be_read_is_an_error_for_its_key_only,
            an_expired_session_does_not_keep_its_key_and_is_not_brought_back,
            no_error_says_a_key_a_value_or_a_password;
        schema:
            servers_that_start_at_once_all_start,
            two_tables_in_one_schema_do_not_see_each_other,
            a_table_of_another_shape_is_refused_and_left_alone,
            names_with_quotes_are_refused,
            an_account_that_may_only_read_and_write_rows_is_enough_once_the_table_is_there,
            searches_use_the_indexes_and_a_touch_changes_none,
            purge_removes_in_batches_and_goes_on_where_it_stopped,
            expired_sessions_are_removed_in_the_background_until_the_store_is_dropped;
    ];
    suite::run("postgres", "POSTGRES_URL", cases);
}

pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) schema: String,
    pub(crate) now: OffsetDateTime,
}

/// Runs a test in a schema of its own.
pub(crate) async fn on_a_schema(test: impl AsyncFnOnce(&Place)) {
    let url = std::env::var("POSTGRES_URL").unwrap();
    let schema = format!("test_{:016x}", rand::random::<u64>());
    let place = Place { url, schema, now: OffsetDateTime::now_utc() };
    run(&mut place.other().await, format!("CREATE SCHEMA {}", place.schema)).await;
    test(&place).await;
    run(&mut place.other().await, format!("DROP SCHEMA {} CASCADE", place.schema)).await;
}

impl Place {
    pub(crate) fn builder(&self) -> PostgresBuilder {
        PostgresStore::builder().schema(&self.schema)
    }

    pub(crate) async fn store(&self) -> PostgresStore {
        self.builder().connect(&self.url).await.unwrap()
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.url).unwrap().options([("search_path", &self.schema)])
    }

    /// A connection of somebody else.
    pub(crate) async fn other(&self) -> PgConnection {
        PgConnection::connect_with(&self.options()).await.unwrap()
    }

    pub(crate) fn record(&self, n: u64) -> Record {
        Record {
            payload: format!(r#"{{"cookie":{{"originalMaxAge":60000}},"n":{n}}}"#).into(),
            expires_at: self.now + Duration::from_secs(60),
            owner: Owner::new("somebody"),
        }
    }

    pub(crate) async fn create(&self, store: &PostgresStore, name: &str) -> Version {
        match store.create(&key(name), &self.record(1), self.now).await.unwrap() {
            Created::Done(version) => version,
            Created::Exists => panic!("the key is new"),
        }
    }

    pub(crate) async fn has(&self, store: &PostgresStore, name: &str) -> bool {
        store.load(&key(name), None, self.now).await.unwrap().is_some()
    }
}

pub(crate) fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

pub(crate) async fn run(connection: &mut PgConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await.unwrap();
}
