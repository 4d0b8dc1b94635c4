//! What somebody who has signed in sees.

use std::fmt::Write as _;
use std::time::Duration;

use session_driver::Device;
use time::OffsetDateTime;

use super::{Flash, Page, page, text};
use crate::{REMEMBERED, keys, words};

/// What the welcome page shows.
#[derive(Debug, Clone, Copy)]
pub struct Welcome<'a> {
    /// Who has signed in.
    pub user: &'a str,
    /// How many times they have seen this page, this time included.
    pub visits: u64,
    /// How long the session lives without a visit; `None` if it ends with the browser.
    pub life: Option<Duration>,
    /// Where they have signed in.
    pub devices: &'a [Device],
    /// Which of the devices this is.
    pub here: Option<&'a str>,
    /// The token that the forms carry.
    pub token: &'a str,
    /// Messages from the page before.
    pub flashes: &'a [Flash],
}

/// A shorter time is not worth a number.
const JUST_NOW: Duration = Duration::from_secs(60);

/// The welcome page.
#[must_use]
pub fn welcome(welcome: &Welcome<'_>) -> String {
    at(welcome, OffsetDateTime::now_utc())
}

fn at(welcome: &Welcome<'_>, now: OffsetDateTime) -> String {
    let token = text(welcome.token);
    let devices = devices(welcome, now);
    let others = if welcome.devices.len() > 1 {
        format!(
            "<form method=\"post\" action=\"/devices/revoke-others\">\n\
            <input type=\"hidden\" name=\"csrf\" value=\"{token}\">\n\
            <button type=\"submit\" class=\"quiet\">Log out everywhere else</button>\n\
            </form>\n"
        )
    } else {
        String::new()
    };
    let body = format!(
        "<h1>Welcome {user}</h1>\n\
        <dl>\n\
        <div><dt>Visits</dt><dd id=\"visits\">{visits}</dd></div>\n\
        <div><dt>This session</dt><dd id=\"life\">{life}</dd></div>\n\
        </dl>\n\
        <h2>Your devices</h2>\n\
        <ul class=\"devices\" id=\"devices\">\n{devices}</ul>\n\
        {others}\
        <form method=\"post\" action=\"/logout\">\n\
        <input type=\"hidden\" name=\"csrf\" value=\"{token}\">\n\
        <button type=\"submit\">Log out on this device</button>\n\
        </form>",
        user = text(welcome.user),
        visits = welcome.visits,
        life = life(welcome.life),
    );
    page(&Page {
        title: "Welcome",
        corner: "<a href=\"/logout\">Log out</a>",
        flashes: welcome.flashes,
        body: &body,
    })
}

fn life(life: Option<Duration>) -> String {
    match life {
        Some(REMEMBERED) => "Remembered on this device: ends after 30 days without a visit.".to_owned(),
        Some(life) => format!("Ends after {} without a visit.", words::duration(life)),
        None => "Ends when the browser is closed.".to_owned(),
    }
}

/// The list, this device first, then the newest.
fn devices(welcome: &Welcome<'_>, now: OffsetDateTime) -> String {
    let is_here = |device: &Device| welcome.here == Some(device.handle.as_str());
    let mut devices: Vec<&Device> = welcome.devices.iter().collect();
    devices.sort_by_key(|device| (!is_here(device), device.created_at.map(std::cmp::Reverse)));
    let mut list = String::new();
    for device in devices {
        let name = device.record.value::<String>(keys::DEVICE.name()).unwrap_or_default();
        let since = match device.created_at.map(|at| Duration::try_from(now - at).unwrap_or_default()) {
            Some(since) if since >= JUST_NOW => format!("{} ago", words::duration(since)),
            Some(_) => "just now".to_owned(),
            None => "some time ago".to_owned(),
        };
        // The record of this device is as it was before this very visit prolonged it.
        let (badge, left) = match (is_here(device), welcome.life) {
            (true, Some(life)) => ("<span class=\"badge\">this device</span>", life),
            (true, None) => ("<span class=\"badge\">this device</span>", remaining(device, now)),
            (false, _) => ("", remaining(device, now)),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            list,
            "<li><strong>{name}</strong>{badge}<br><small>Logged in {since}, ends in {left}</small></li>",
            name = text(&name),
            left = words::duration(left),
        );
    }
    list
}

fn remaining(device: &Device, now: OffsetDateTime) -> Duration {
    (device.expires_at - now).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use session_core::store::Record;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn device(handle: &str, payload: &str, since: Duration, now: OffsetDateTime) -> Device {
        Device {
            handle: handle.into(),
            created_at: Some(now - since),
            expires_at: now + 3 * HOUR,
            record: Record { payload: payload.into(), expires_at: now + 3 * HOUR, owner: None },
        }
    }

    #[test]
    fn this_device_comes_first_then_the_newest() {
        let now = OffsetDateTime::now_utc();
        let payload = r#"{"cookie":{"originalMaxAge":null},"device":"<b>"}"#;
        let devices = [
            device("old", payload, 5 * HOUR, now),
            device("new", payload, Duration::ZERO, now),
            device("here", "{}", 2 * HOUR, now),
        ];
        let page = Welcome {
            user: "<user>",
            visits: 7,
            life: Some(24 * HOUR),
            devices: &devices,
            here: Some("here"),
            token: "t",
            flashes: &[],
        };
        let html = at(&page, now);
        let expected = [
            "<small>Logged in 2 hours ago, ends in 1 day</small>",
            "<small>Logged in just now, ends in 3 hours</small>",
            "<small>Logged in 5 hours ago, ends in 3 hours</small>",
        ];
        let places: Vec<_> = expected.iter().map(|line| html.find(line)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{html}");
        assert!(
            html.contains("<h1>Welcome &lt;user&gt;</h1>") && html.contains("<strong>&lt;b&gt;</strong>")
        );
        assert!(html.contains("Log out everywhere else"));
        let alone = at(&Welcome { devices: &devices[2..], ..page }, now);
        assert!(!alone.contains("Log out everywhere else"));
    }
}
