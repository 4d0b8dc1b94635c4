//! What depends on the request: the ids and the cookie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::policy;
use session_core::{IdsAtRest, Reply, RequestFacts, SessionId};
use session_driver::Sessions;
use session_store_memory::MemoryStore;

async fn begun(sessions: &Sessions, facts: &RequestFacts<'_>) -> (String, Reply) {
    let exchange = sessions.begin(facts, []);
    let session = exchange.session().await.unwrap();
    session.insert("n", 1).unwrap();
    let id = session.id().unwrap().expose().to_owned();
    (id, exchange.finish().await.unwrap())
}

#[tokio::test]
async fn ids_may_depend_on_the_request() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let sessions =
        Sessions::builder(policy().ids_at_rest(IdsAtRest::Plain).build().unwrap(), MemoryStore::new())
            .genid_by_request(move |request| {
                counted.fetch_add(1, Ordering::Relaxed);
                let site = request.host().map_or("none".to_owned(), |host| host.replace('.', "-"));
                let made = AtomicU32::new(0);
                move || {
                    SessionId::new(&format!(
                        "{site}-{}-long-enough-for-an-id",
                        made.fetch_add(1, Ordering::Relaxed)
                    ))
                }
            })
            .build();
    let facts = RequestFacts::new("/").host(Some("shop.example"));
    let (id, _) = begun(&sessions, &facts).await;
    assert_eq!(id, "shop-example-0-long-enough-for-an-id");
    let (id, _) = begun(&sessions, &RequestFacts::new("/")).await;
    assert_eq!(id, "none-0-long-enough-for-an-id");
    // A new id within one request is made by the same maker.
    let exchange = sessions.begin(&facts.host(Some("blog.example")), []);
    let session = exchange.session().await.unwrap();
    session.insert("n", 1).unwrap();
    session.save().await.unwrap();
    session.renew().unwrap();
    assert_eq!(session.id().unwrap().expose(), "blog-example-1-long-enough-for-an-id");
    let _reply = exchange.finish().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 3, "once for each request");
}

#[tokio::test]
async fn two_domains_are_served_by_one_process() {
    let policy = policy().cookie_by_request(|request, cookie| {
        cookie.domain = match request.host().as_deref() {
            Some("shop.example" | "www.shop.example") => Some("shop.example".to_owned()),
            Some("blog.example") => Some("blog.example".to_owned()),
            _ => None,
        };
    });
    let sessions = Sessions::new(policy.build().unwrap(), MemoryStore::new());
    for (host, domain) in [
        ("www.shop.example", "; Domain=shop.example;"),
        ("blog.example", "; Domain=blog.example;"),
        ("other.example", "=; Path=/;"),
    ] {
        let (_, reply) = begun(&sessions, &RequestFacts::new("/").host(Some(host))).await;
        let line = reply.set_cookie().unwrap();
        let attributes = line.split_once(';').unwrap().1;
        match domain {
            "=; Path=/;" => assert!(!attributes.contains("Domain"), "{attributes}"),
            domain => assert!(line.contains(domain), "{attributes}"),
        }
    }
}
