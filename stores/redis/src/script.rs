//! The scripts, and the calls that carry them or a command to the server that holds their keys.

use std::sync::Arc;

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, ToRedisArgs, Value};

use crate::payload::sha1_hex;
use crate::script::failed::{Failed, watched};

pub(crate) mod failed;

/// One script for each thing that is done; the files in `script/` say what each is given and what it answers.
///
/// The upper half needs its keys in one place: on a single server, or in one slot of a cluster. The lower half is for
/// a cluster, where a session and its owner's index lie apart; each of these touches one of them only. `load`, `update`,
/// `touch`, `delete`, `read`, `mark` and `owned` do for both.
pub(crate) struct Scripts {
    pub(crate) load: Script,
    pub(crate) create: Script,
    pub(crate) update: Script,
    pub(crate) touch: Script,
    pub(crate) replace: Script,
    pub(crate) delete: Script,
    pub(crate) sessions_of: Script,
    pub(crate) revoke: Script,
    pub(crate) read: Script,
    pub(crate) tidy: Script,
    pub(crate) sweep: Script,
    pub(crate) mark: Script,
    pub(crate) owned: Script,

    pub(crate) list: Script,
    pub(crate) members: Script,
    pub(crate) correct: Script,
    pub(crate) end: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        let with_prelude = |body: &str| Script::new([include_str!("script/prelude.lua"), body].join("\n"));
        Self {
            load: with_prelude(include_str!("script/load.lua")),
            create: with_prelude(include_str!("script/create.lua")),
            update: with_prelude(include_str!("script/update.lua")),
            touch: with_prelude(include_str!("script/touch.lua")),
            replace: with_prelude(include_str!("script/replace.lua")),
            delete: with_prelude(include_str!("script/delete.lua")),
            sessions_of: with_prelude(include_str!("script/sessions_of.lua")),
            revoke: with_prelude(include_str!("script/revoke.lua")),
            read: Script::new(include_str!("script/read.lua").to_owned()),
            tidy: with_prelude(include_str!("script/tidy.lua")),
            sweep: Script::new(include_str!("script/sweep.lua").to_owned()),
            mark: with_prelude(include_str!("script/mark.lua")),
            owned: with_prelude(include_str!("script/owned.lua")),

            list: with_prelude(include_str!("script/list.lua")),
            members: with_prelude(include_str!("script/members.lua")),
            correct: Script::new(include_str!("script/correct.lua").to_owned()),
            end: with_prelude(include_str!("script/end.lua")),
        }
    }
}

/// A script, which the server keeps under the hash of its text.
pub(crate) struct Script {
    code: Arc<str>,
    hash: String,
}

impl Script {
    fn new(code: String) -> Self {
        Self { hash: sha1_hex(&code), code: code.into() }
    }

    /// This script on these keys; the first says where it is sent.
    pub(crate) fn on<K: AsRef<str>>(&self, keys: &[K]) -> Call {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len());
        for key in keys {
            command.arg(key.as_ref());
        }
        let key = keys.first().map_or("", AsRef::as_ref).to_owned();
        Call { key, command, and: None, code: Some(Arc::clone(&self.code)), is_read: false }
    }
}

/// A command, two commands that go together, or a script, with its arguments.
pub(crate) struct Call {
    key: String,
    command: Cmd,
    and: Option<Cmd>,
    code: Option<Arc<str>>,
    is_read: bool,
}

impl Call {
    /// A command on a key.
    pub(crate) fn command(name: &str, key: &str) -> Self {
        let mut command = redis::cmd(name);
        command.arg(key);
        Self { key: key.to_owned(), command, and: None, code: None, is_read: false }
    }

    /// Two commands on a key, which are sent and answered together: as an array.
    pub(crate) fn both(one: &str, two: &str, key: &str) -> Self {
        let mut and = redis::cmd(two);
        and.arg(key);
        Self { and: Some(and), ..Self::command(one, key) }
    }

    /// A command about the whole of one server.
    pub(crate) fn keyless(name: &str) -> Self {
        Self { key: String::new(), command: redis::cmd(name), and: None, code: None, is_read: false }
    }

    pub(crate) fn arg(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        self.command.arg(arg);
        self
    }

    /// It changes no session, and nothing that an answer depends on: done twice is done once.
    pub(crate) fn reads(mut self) -> Self {
        self.is_read = true;
        self
    }

    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// The key that says which server it is for.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Carries it out. `asking` tells a cluster's node that the slot is on its way to it.
    ///
    /// A script that the server does not have (after its restart, say) is given to it first.
    pub(crate) async fn carry_out(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        asking: bool,
    ) -> Result<Value, Failed> {
        let answer = self.once(connection, asking).await;
        let (Err(failed), Some(code)) = (&answer, &self.code) else { return answer };
        if failed.error.kind() != ErrorKind::Server(ServerErrorKind::NoScript) {
            return answer;
        }
        let given = redis::cmd("SCRIPT").arg("LOAD").arg(&**code).exec_async(connection).await;
        given.map_err(Failed::unsent)?;
        self.once(connection, asking).await
    }

    async fn once(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        asking: bool,
    ) -> Result<Value, Failed> {
        if !asking && self.and.is_none() {
            return watched(self.command.query_async(connection)).await;
        }
        let mut together = redis::pipe();
        for command in [Some(&self.command), self.and.as_ref()].into_iter().flatten() {
            if asking {
                together.cmd("ASKING");
            }
            together.add_command(command.clone());
        }
        let count = together.len();
        let answers = watched(connection.req_packed_commands(&together, 0, count)).await?;
        let step = if asking { 2 } else { 1 };
        let answers = answers.into_iter().skip(step - 1).step_by(step).map(Value::extract_error);
        let mut answers = answers.collect::<RedisResult<Vec<Value>>>().map_err(Failed::from)?;
        match (&self.and, answers.pop()) {
            (None, Some(only)) => Ok(only),
            (_, last) => {
                answers.extend(last);
                Ok(Value::Array(answers))
            }
        }
    }
}
