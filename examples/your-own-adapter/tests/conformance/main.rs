//! The adapter for plain hyper keeps every promise of an adapter, of what plain hyper has.

mod mount;

use session_conformance::Feature;

fn main() {
    session_conformance::adapter(mount::mount)
        .named("hyper")
        // hyper upgrades connections, and leaves the websocket to others.
        .without(Feature::Socket)
        .run();
}
