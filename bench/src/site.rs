//! What all subjects look like to whoever measures them: a site that answers requests.

/// A site in this process.
pub(crate) trait Site {
    /// Sends a GET request, with a `Cookie` header if one is given. An error is one of the framework, not a status.
    async fn ask(
        &mut self,
        path: &'static str,
        cookie: Option<&str>,
        reading: Reading,
    ) -> Result<Answer, String>;
}

/// How much of an answer is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Its status and its cookies: all that is looked at while time is taken.
    Head,
    /// Its text, too.
    Text,
}

/// What a site answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `Cookie` header that a browser would send from now on, if there was any `Set-Cookie`.
    pub(crate) cookie: Option<String>,
    /// Empty if it was not read.
    pub(crate) text: String,
}

/// The next `Cookie` header, made of the values of `Set-Cookie`.
pub(crate) fn next_cookie<'a>(set: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let mut next: Option<String> = None;
    for field in set {
        let pair = field.split(|byte| *byte == b';').next().unwrap_or_default();
        // Cookies are ASCII; one that is not does not come back, and the check of its value fails.
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        match &mut next {
            Some(next) => {
                next.push_str("; ");
                next.push_str(pair);
            }
            None => next = Some(pair.to_owned()),
        }
    }
    next
}

/// Text of a body, or why it is none.
pub(crate) fn text(body: &[u8]) -> Result<String, String> {
    String::from_utf8(body.to_vec()).map_err(|error| format!("the answer is not text: {error}"))
}
