//! The axum adapter keeps every promise of an adapter.

mod mount;

use session_conformance::Feature;

fn main() {
    session_conformance::adapter(mount::mount)
        .named("axum")
        .without(Feature::TwoLayers)
        .without(Feature::Guard)
        .run();
}
