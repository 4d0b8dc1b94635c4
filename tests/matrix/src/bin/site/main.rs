//! A small site on a store that others share, as a process of its own: what `soak` puts load on, and kills.
//!
//! `site ADAPTER STORE PLACE` listens at a free port, prints it, and serves until it is killed, or its standard input ends. Every adapter serves
//! the same acts, at `POST /<act>/<user>`.
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use session_axum::store::Directory;
use session_axum::{Keyring, Owner, Policy, Sessions};
use session_driver::{DEFAULT_DEADLINE, Session};
use session_matrix::stores;

mod actix_web;
mod axum;
mod poem;
mod rocket;

type AnyError = Box<dyn Error + Send + Sync>;

/// What every adapter is given.
#[derive(Clone)]
struct Site {
    sessions: Sessions,
    directory: Arc<dyn Directory>,
}

impl Site {
    /// What a visitor does with the session, and what the page says then: `out`, or `in <user> <count>`.
    fn act(session: &Session, act: &str, user: &str) -> Result<String, session_driver::Error> {
        if act == "login" {
            if let Some(owner) = Owner::new(user) {
                session.login(owner)?;
            }
            return Ok(format!("in {user} 0"));
        }
        let Some(owner) = session.owner()? else { return Ok("out".to_owned()) };
        let count = match act {
            "count" => session.update("count", |count: Option<u64>| count.unwrap_or(0) + 1)?,
            _ => session.get::<u64>("count")?.unwrap_or(0),
        };
        match act {
            "rotate" => session.rotate()?,
            "logout" => session.logout()?,
            _ => {}
        }
        Ok(format!("in {} {count}", owner.as_str()))
    }

    /// Ends all sessions of a user, as an administrator does; whether the store has done so.
    async fn revoke(&self, user: &str) -> bool {
        match Owner::new(user) {
            Some(owner) => {
                // The same deadline as for all that the sessions of a request ask of the store.
                let revoked =
                    tokio::time::timeout(DEFAULT_DEADLINE, self.directory.revoke(&owner, None)).await;
                matches!(revoked, Ok(Ok(_)))
            }
            None => true,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let mut args = std::env::args().skip(1);
    let (Some(adapter), Some(store), Some(place)) = (args.next(), args.next(), args.next()) else {
        return Err("say which adapter, which store and which place".into());
    };
    // The site ends with whoever started it, however that ended.
    std::thread::spawn(|| {
        let _until_its_end = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(0)
    });
    let directory = stores::open_at(&store, &place).await?;
    let policy = Policy::builder(Keyring::new("a secret of this program, of some length")).build()?;
    let site = Site { sessions: Sessions::new(policy, Arc::clone(&directory)), directory };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    match adapter.as_str() {
        "axum" => axum::serve(site, listener, || println!("{address}")).await,
        "actix-web" => actix_web::serve(site, listener, || println!("{address}")).await,
        "poem" => poem::serve(site, listener, || println!("{address}")).await,
        "rocket" => rocket::serve(site, listener, || println!("{address}")).await,
        _ => Err(format!("there is no adapter `{adapter}`").into()),
    }
}
