//! A server whose clock is wrong, by more than the sessions of these cases live.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use session_conformance::Verdict;
use session_store_sql::MysqlStore;
use sqlx::{Connection as _, MySqlConnection};
use time::OffsetDateTime;

use super::outages::own;
use super::own::until;

pub(crate) async fn a_server_whose_clock_is_wrong_keeps_every_promise() {
    for by in ["+10m", "-10m"] {
        let Some(mut server) = own().and_then(|own| own.shifted(by)) else { return };
        server.start();
        let url = format!("mysql://root@127.0.0.1:{}/test", server.port);
        until("a connection", async || MySqlConnection::connect(&url).await.is_ok()).await;
        let mut connection = MySqlConnection::connect(&url).await.unwrap();
        let time: i64 = sqlx::query_scalar("SELECT CAST(UNIX_TIMESTAMP() AS SIGNED)")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let off = (time - OffsetDateTime::now_utc().unix_timestamp()).abs();
        assert!((540..=660).contains(&off), "the clock is not shifted: {off}");

        let count = AtomicU32::new(0);
        let make = move || {
            let table = format!("session_{}", count.fetch_add(1, Ordering::Relaxed));
            let (builder, url) = (MysqlStore::builder().table(table), url.clone());
            async move { builder.connect(&url).await }
        };
        // The suite has a runtime of its own.
        let report =
            move || session_conformance::directory(make).expiry_precision(Duration::from_secs(1)).report();
        let reports = tokio::task::spawn_blocking(report).await.unwrap();
        assert!(reports.len() > 50, "{}", reports.len());
        let failed: Vec<_> = reports.iter().filter(|report| report.verdict != Verdict::Passed).collect();
        assert!(failed.is_empty(), "{by}: {failed:#?}");
    }
}
