//! What is particular to MySQL and MariaDB. What every store promises is in `conformance.rs`.
//!
//! Needs a server at `MYSQL_URL`; each test works in a database of its own and removes it, for which the
//! account must be allowed to make databases.
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
use session_core::store::{Created, Owner, Record, Store as _, StoreError, Version};
use session_store_sql::MysqlStore;
use session_store_sql::mysql::MysqlBuilder;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use time::OffsetDateTime;

use self::suite::cases;

fn main() {
    let cases = cases![
        clocks:
            a_server_whose_clock_is_wrong_keeps_every_promise;
        dropped:
            no_transaction_is_left_by_callers_that_go_away,
            a_walk_that_is_dropped_leaves_no_transaction_and_no_connection,
            a_server_that_does_not_commit_by_itself_is_told_to,
            a_pool_that_does_not_commit_by_itself_is_refused;
        locks:
            two_hundred_writers_of_one_session_all_get_through_in_time,
            a_locked_row_is_answered_in_time_and_nothing_is_written_late,
            a_verb_that_is_dropped_while_it_waits_leaves_its_connection_usable,
            a_revoke_follows_a_session_that_is_moving,
            a_server_that_does_not_answer_keeps_nobody_waiting_and_is_found_again,
            a_server_that_goes_silent_between_two_verbs_takes_no_place_in_the_pool_with_it;
        node:
            what_node_wrote_is_read_as_it_is_from_the_table_that_node_made,
            what_this_store_writes_node_finds,
            a_write_by_node_is_a_conflict_and_keeps_the_owner;
        outages:
            a_store_that_is_made_before_its_server_works_when_the_server_is_there,
            a_server_that_may_only_be_read_serves_sessions_until_it_takes_writes_again,
            of_many_first_users_one_connects_and_makes_the_table,
            what_can_never_work_is_refused_when_the_store_is_made,
            who_must_act_is_told_at_the_first_use_what_to_do,
            a_closed_store_does_not_connect_again,
            when_the_server_ends_all_idle_connections_reads_go_on_and_no_write_is_made_twice,
            a_renewal_on_a_connection_that_has_ended_is_begun_again,
            reads_go_on_when_the_way_to_the_server_was_cut;
        records:
            a_record_that_cannot_be_read_is_an_error_for_its_key_only,
            an_expired_session_does_not_keep_its_key_and_is_not_brought_back,
            keys_and_payloads_that_do_not_fit_are_refused_and_not_cut,
            an_expiry_beyond_the_column_ends_when_the_column_does,
            no_error_says_a_key_a_value_or_a_password;
        schema:
            servers_that_start_at_once_all_start,
            two_tables_in_one_database_do_not_see_each_other,
            a_table_of_another_shape_is_refused_and_left_alone,
            names_with_quotes_are_refused,
            an_account_that_may_only_read_and_write_rows_is_enough_once_the_table_is_there,
            searches_use_the_indexes_and_none_is_on_the_expiry,
            purge_removes_in_batches_and_goes_on_where_it_stopped,
            expired_sessions_are_removed_in_the_background_until_the_store_is_dropped;
    ];
    suite::run("mysql", "MYSQL_URL", cases);
}

pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) now: OffsetDateTime,
}

/// Runs a test in a database of its own.
pub(crate) async fn on_a_database(test: impl AsyncFnOnce(&Place)) {
    let url = std::env::var("MYSQL_URL").unwrap();
    // Not `test_…`: a fresh server lets everybody do everything there.
    let database = format!("sessions_{:016x}", rand::random::<u64>());
    let place = Place { url, database, now: OffsetDateTime::now_utc() };
    let mut server = MySqlConnection::connect(&place.url).await.unwrap();
    run(&mut server, format!("CREATE DATABASE {}", place.database)).await;
    test(&place).await;
    run(&mut server, format!("DROP DATABASE {}", place.database)).await;
}

impl Place {
    pub(crate) async fn store(&self) -> MysqlStore {
        self.open(MysqlStore::builder()).await.unwrap()
    }

    pub(crate) async fn open(&self, builder: MysqlBuilder) -> Result<MysqlStore, StoreError> {
        builder.connect_with(self.options()).await
    }

    pub(crate) fn options(&self) -> MySqlConnectOptions {
        MySqlConnectOptions::from_str(&self.url).unwrap().database(&self.database)
    }

    /// A connection of somebody else.
    pub(crate) async fn other(&self) -> MySqlConnection {
        MySqlConnection::connect_with(&self.options()).await.unwrap()
    }

    pub(crate) fn record(&self, n: u64) -> Record {
        Record {
            payload: format!(r#"{{"cookie":{{"originalMaxAge":60000}},"n":{n}}}"#).into(),
            expires_at: self.now + Duration::from_secs(60),
            owner: Owner::new("somebody"),
        }
    }

    pub(crate) async fn create(&self, store: &MysqlStore, name: &str) -> Version {
        match store.create(&key(name), &self.record(1), self.now).await.unwrap() {
            Created::Done(version) => version,
            Created::Exists => panic!("the key is new"),
        }
    }

    pub(crate) async fn has(&self, store: &MysqlStore, name: &str) -> bool {
        store.load(&key(name), None, self.now).await.unwrap().is_some()
    }
}

pub(crate) fn key(name: &str) -> StoreKey {
    StoreKey::from_stored(name)
}

pub(crate) async fn run(connection: &mut MySqlConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await.unwrap();
}
