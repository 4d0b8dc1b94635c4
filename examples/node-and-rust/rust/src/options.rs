//! The command line, the same as that of the express half.

/// What the program was told.
#[derive(Debug)]
pub(crate) struct Options {
    /// The URL of the store.
    pub(crate) store: String,
    /// What keeps the records apart from others: a prefix, a table or a collection.
    pub(crate) name: String,
    /// Whether MongoDB holds objects rather than strings: connect-mongo's `stringify: false`.
    pub(crate) objects: bool,
    /// How long a session lives without a request, in seconds.
    pub(crate) max_age: u64,
    /// Whether every response carries the cookie.
    pub(crate) rolling: bool,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub(crate) port: u16,
}

impl Options {
    pub(crate) fn from_args() -> Result<Self, String> {
        let mut options = Self {
            store: String::new(),
            name: "shared".to_owned(),
            objects: false,
            max_age: 3600,
            rolling: false,
            port: 0,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--store" => options.store = value()?,
                "--name" => options.name = value()?,
                "--objects" => options.objects = true,
                "--max-age" => options.max_age = number(&value()?)?,
                "--port" => options.port = number(&value()?)?,
                "--rolling" => options.rolling = true,
                _ => {
                    let known = "--store, --name, --objects, --max-age, --rolling and --port";
                    return Err(format!("there is no option {name}; there are {known}"));
                }
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number that fits"))
}
