//! What is logged, for tests to look at.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines above `DEBUG`, and what is in them.
    pub fn lines(&self) -> Vec<String> {
        let text = self.text();
        let above = |line: &&str| !line.contains("DEBUG") && !line.contains("TRACE");
        text.lines().filter(above).map(str::to_owned).collect()
    }

    /// The level of each event above `DEBUG`, in their order.
    pub fn events(&self) -> Vec<String> {
        let event = |line: String| {
            let level = line.split_whitespace().nth(1)?.to_owned();
            let name = line.split("event=\"").nth(1)?.split('"').next()?.to_owned();
            Some(format!("{level} {name}"))
        };
        self.lines().into_iter().filter_map(event).collect()
    }

    pub fn count(&self, event: &str) -> usize {
        self.text().matches(&format!("event=\"{event}\"")).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything down to `TRACE`, for this thread.
pub fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}
