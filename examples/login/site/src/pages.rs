//! The pages: functions from what is to be shown to HTML. They know no framework and no session.
//!
//! Whatever comes from outside goes through `text`, which takes the markup out of it.

mod layout;
mod sign_in;
mod welcome;

use std::fmt;

pub use layout::{HEADERS, ICON, STYLE};
use layout::{Page, page};
pub use session_core::flash::Flash;
pub use sign_in::{SignIn, sign_in};
pub use welcome::{Welcome, welcome};

/// The one thing that whoever fails to sign in is told.
pub const WRONG: &str = "Wrong username or password.";

/// The page for a form that may not do what it asks for.
#[must_use]
pub fn refused() -> String {
    page(&Page {
        title: "Form not accepted",
        corner: "",
        flashes: &[],
        body: "<h1>Form not accepted</h1>\n\
            <p>This form is out of date, or it was not sent from this site. Nothing has been changed.</p>\n\
            <p>Please reload the form and try again.</p>\n\
            <p><a class=\"button\" href=\"/\">Reload the form</a></p>",
    })
}

/// The page for an address that there is not.
#[must_use]
pub fn not_found() -> String {
    page(&Page {
        title: "Page not found",
        corner: "",
        flashes: &[],
        body: "<h1>Page not found</h1>\n\
            <p>There is nothing at this address.</p>\n\
            <p><a class=\"button\" href=\"/\">Go to the start page</a></p>",
    })
}

/// Text that may hold anything, made fit for HTML content and for attributes in double quotes.
fn text(text: &str) -> impl fmt::Display + '_ {
    struct Text<'a>(&'a str);
    impl fmt::Display for Text<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            use fmt::Write as _;
            self.0.chars().try_for_each(|char| match char {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                other => f.write_char(other),
            })
        }
    }
    Text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_taken_for_text() {
        assert_eq!(text("a<b>&\"c'").to_string(), "a&lt;b&gt;&amp;&quot;c&#39;");
    }
}
