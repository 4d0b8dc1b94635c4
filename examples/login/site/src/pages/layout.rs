//! What all pages have in common: the frame, the style, and the headers they are sent with.

use std::fmt::Write as _;

use super::{Flash, text};

/// The style sheet, at `/style.css`.
pub const STYLE: &str = include_str!("style.css");

/// The icon, at `/icon.svg`.
pub const ICON: &str = include_str!("icon.svg");

/// Headers that go with every response: what a page may load (nothing but its style and icon, and no script), where its
/// forms may go, and that nobody may frame it.
///
/// `same-origin` is as far as `Referrer-Policy` may go here: with `no-referrer` browsers would also hide the `Origin` of a
/// form, by which it is told from another site's.
pub const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// Markup for the corner at the top.
    pub(super) corner: &'a str,
    /// Messages to show on top.
    pub(super) flashes: &'a [Flash],
    /// Markup.
    pub(super) body: &'a str,
}

pub(super) fn page(page: &Page<'_>) -> String {
    let mut flashes = String::new();
    for Flash { kind, text: message } in page.flashes {
        let class = if kind == "error" { "message error" } else { "message" };
        // Writing to a string cannot fail.
        let _ = writeln!(flashes, "<p class=\"{class}\" role=\"status\">{}</p>", text(message));
    }
    format!(
        "<!doctype html>\n\
        <html lang=\"en\">\n\
        <head>\n\
        <meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n\
        <title>{title} · Login demo</title>\n\
        <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n\
        <link rel=\"stylesheet\" href=\"/style.css\">\n\
        </head>\n\
        <body>\n\
        <header><a class=\"brand\" href=\"/\"><img src=\"/icon.svg\" alt=\"\" width=\"24\" height=\"24\">Login demo</a>{corner}</header>\n\
        <main>\n\
        {flashes}{body}\n\
        </main>\n\
        </body>\n\
        </html>\n",
        title = text(page.title),
        corner = page.corner,
        body = page.body,
    )
}
