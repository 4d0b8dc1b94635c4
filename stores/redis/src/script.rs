//! The scripts: each verb is one of them, so that it is one round trip and nobody gets in between.
//!
//! They are kept by the server under their hash; one that it does not have (after its restart, say) is sent to it
//! again by the client library.

use redis::Script;

/// One script for each thing that is done; the files in `script/` say what each is given and what it answers.
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
}

impl Scripts {
    pub(crate) fn new() -> Self {
        let with_prelude = |body: &str| Script::new(&[include_str!("script/prelude.lua"), body].join("\n"));
        Self {
            load: with_prelude(include_str!("script/load.lua")),
            create: with_prelude(include_str!("script/create.lua")),
            update: with_prelude(include_str!("script/update.lua")),
            touch: with_prelude(include_str!("script/touch.lua")),
            replace: with_prelude(include_str!("script/replace.lua")),
            delete: with_prelude(include_str!("script/delete.lua")),
            sessions_of: with_prelude(include_str!("script/sessions_of.lua")),
            revoke: with_prelude(include_str!("script/revoke.lua")),
            read: Script::new(include_str!("script/read.lua")),
            tidy: with_prelude(include_str!("script/tidy.lua")),
            sweep: Script::new(include_str!("script/sweep.lua")),
        }
    }
}
