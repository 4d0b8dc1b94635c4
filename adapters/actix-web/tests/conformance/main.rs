//! The actix-web adapter keeps every promise of an adapter.

mod mount;

fn main() {
    session_conformance::adapter(mount::mount).named("actix-web").run();
}
