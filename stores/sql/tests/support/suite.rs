//! Runs tests that need a server, and says so where there is none: as ignored, not as passed.

use std::pin::Pin;

use libtest_mimic::{Arguments, Completion, Trial};

type Test = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// A test and its name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) test: Test,
}

/// A table of tests.
macro_rules! cases {
    ($($module:ident: $($test:ident),+;)*) => {
        vec![$($($crate::suite::Case {
            name: concat!(stringify!($module), "::", stringify!($test)),
            test: || Box::pin($module::$test()),
        }),+),*]
    };
}
pub(crate) use cases;

/// Runs the tests of `server`, which is at the URL in the environment variable `variable`.
///
/// Where the variable is not set they are ignored, or fail if `SESSION_REQUIRE` names the server.
pub(crate) fn run(server: &'static str, variable: &'static str, cases: Vec<Case>) {
    let is_there = std::env::var_os(variable).is_some();
    let list = std::env::var("SESSION_REQUIRE").unwrap_or_default();
    let is_required = list.split(',').any(|name| name.trim() == server);
    let trials = cases.into_iter().map(|Case { name, test }| {
        Trial::ignorable_test(name, move || match (is_there, is_required) {
            (true, _) => {
                tokio::runtime::Runtime::new()?.block_on(test());
                Ok(Completion::Completed)
            }
            (false, true) => Err(format!("SESSION_REQUIRE names {server}, and {variable} is not set").into()),
            (false, false) => Ok(Completion::ignored_with(format!("set {variable} to run this"))),
        })
        .with_kind(server)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}
