//! The login form.

use super::{Flash, Page, page, text};

/// What the login form shows.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// The token that proves that the form was fetched from this site.
    pub token: &'a str,
    /// Messages from the page before.
    pub flashes: &'a [Flash],
    /// What was wrong the last time.
    pub problem: Option<&'a str>,
    /// The name that was typed the last time.
    pub username: &'a str,
}

/// Longer names are not shown again.
const LONGEST_SHOWN: usize = 64;

/// The login form.
#[must_use]
pub fn sign_in(sign_in: &SignIn<'_>) -> String {
    let problem = sign_in.problem.map_or(String::new(), |problem| {
        format!("<p class=\"message error\" id=\"problem\" role=\"alert\">{}</p>\n", text(problem))
    });
    let (described, after_name) = match sign_in.problem {
        Some(_) => (" aria-describedby=\"problem\" aria-invalid=\"true\"", " autofocus"),
        None => ("", ""),
    };
    let username = if sign_in.username.len() <= LONGEST_SHOWN { sign_in.username } else { "" };
    let body = format!(
        "<h1>Log in</h1>\n\
        {problem}\
        <form method=\"post\" action=\"/user\">\n\
        <input type=\"hidden\" name=\"csrf\" value=\"{token}\">\n\
        <label for=\"username\">Username</label>\n\
        <input id=\"username\" name=\"username\" value=\"{username}\" autocomplete=\"username\" autocapitalize=\"none\" \
        spellcheck=\"false\" required{described}>\n\
        <label for=\"password\">Password</label>\n\
        <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" \
        required{described}{after_name}>\n\
        <label class=\"check\" for=\"remember\"><input id=\"remember\" name=\"remember\" type=\"checkbox\"> \
        Remember me for 30 days</label>\n\
        <button type=\"submit\">Log in</button>\n\
        </form>\n\
        <p class=\"hint\">This is a demo: the username is <code>user1</code>, the password <code>mypassword</code>.</p>",
        token = text(sign_in.token),
        username = text(username),
    );
    page(&Page { title: "Log in", corner: "", flashes: sign_in.flashes, body: &body })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: SignIn<'_> = SignIn { token: "t", flashes: &[], problem: None, username: "" };

    #[test]
    fn what_was_typed_cannot_become_markup() {
        let html = sign_in(&SignIn { username: "\"><script>alert(1)</script>", ..FORM });
        assert!(html.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""), "{html}");
        assert!(!html.contains("<script"));
    }

    #[test]
    fn a_message_is_text_too() {
        let flashes = [Flash { kind: "\" onclick=\"".into(), text: "<b>".into() }];
        let html = sign_in(&SignIn { flashes: &flashes, ..FORM });
        assert!(html.contains("<p class=\"message\" role=\"status\">&lt;b&gt;</p>"), "{html}");
    }

    #[test]
    fn every_field_has_a_label() {
        let html = sign_in(&FORM);
        for id in ["username", "password", "remember"] {
            assert!(html.contains(&format!("for=\"{id}\"")) && html.contains(&format!("id=\"{id}\"")));
        }
    }
}
