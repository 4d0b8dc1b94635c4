//! Every call that a handler can make on its session, each with `?`.

/// Makes them all, on a session that may end.
macro_rules! every_call {
    ($session:expr, $sessions:expr) => {{
        let session = &$session;
        session.insert("n", 1)?;
        session.get::<u32>("n")?;
        session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?;
        session.take::<u32>("n")?;
        session.remove("n")?;
        session.contains("n")?;
        session.keys()?;
        session.write_all(&std::collections::BTreeMap::from([("m", 1)]))?;
        session.read_all::<std::collections::BTreeMap<String, u32>>()?;
        session.flash("info", "hello")?;
        session.take_flash()?;
        let token = session.csrf_token()?;
        session.csrf_verify(&token)?;
        session.is_new()?;
        session.touch()?;
        session.expires_at()?;
        let cookie = session.cookie()?;
        session.set_cookie(cookie)?;
        session.set_max_age(Some(std::time::Duration::from_secs(60)))?;
        session.save().await?;
        session.reload().await?;
        session.handle()?;
        session.created_at()?;
        $sessions.open_detached(session.id()?).await?;
        session.clear()?;
        session.renew()?;
        session.regenerate()?;
        session.login(7)?;
        session.login("ann")?;
        session.login("ann".to_owned())?;
        session.owner()?;
        session.set_owner(None)?;
        session.authenticated_within(std::time::Duration::from_secs(60))?;
        session.unset()?;
        session.regenerate()?;
        session.logout()?;
        session.destroy()?;
    }};
}
pub(crate) use every_call;
