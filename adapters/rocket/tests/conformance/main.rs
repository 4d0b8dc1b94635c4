//! The Rocket adapter keeps every promise of an adapter.

mod mount;

use session_conformance::Feature;

fn main() {
    session_conformance::adapter(mount::mount)
        .named("rocket")
        // Rocket has no websockets of its own.
        .without(Feature::Socket)
        // Rocket drops header fields that are not UTF-8.
        .without(Feature::ForeignBytes)
        .run();
}
