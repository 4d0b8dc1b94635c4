//! What is read while there is no primary, if the application wants that: which it says by a read preference.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use mongodb::event::EventHandler;
use mongodb::event::sdam::{SdamEvent, TopologyDescription};
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use mongodb::{ServerType, TopologyType};
use session_core::store::StoreError;
use tokio::sync::watch;

use crate::error::{no_primary, no_primary_but_others, not_primary};

/// From whom to read, and whether there is nobody to write to.
#[derive(Debug, Clone)]
pub(crate) struct Primary {
    /// `Primary` or `PrimaryPreferred`.
    pub(crate) reading: SelectionCriteria,
    /// Whether a secondary is in sight and no primary is; only known of a client that was made here.
    is_missing: Option<watch::Receiver<bool>>,
    /// Whether the only server that is asked may be a secondary.
    is_direct: bool,
}

impl Primary {
    /// As the criteria of a client or a database wish, of which nothing else is known.
    pub(crate) fn of_criteria(wanted: Option<&SelectionCriteria>) -> Self {
        let preferred = match wanted {
            Some(SelectionCriteria::ReadPreference(
                ReadPreference::Secondary { options }
                | ReadPreference::PrimaryPreferred { options }
                | ReadPreference::SecondaryPreferred { options }
                | ReadPreference::Nearest { options },
            )) => Some(ReadPreference::PrimaryPreferred { options: options.clone() }),
            _ => None,
        };
        let reading = SelectionCriteria::ReadPreference(preferred.unwrap_or(ReadPreference::Primary));
        Self { reading, is_missing: None, is_direct: false }
    }

    /// As the options of a client wish, which is to report what it sees.
    pub(crate) fn of_client(options: &mut ClientOptions) -> Self {
        let mut primary = Self::of_criteria(options.selection_criteria.as_ref());
        primary.is_direct = options.direct_connection == Some(true);
        if primary.reads_from_others() {
            let (seen, is_missing) = watch::channel(false);
            primary.is_missing = Some(is_missing);
            options.sdam_event_handler = Some(EventHandler::callback(move |event| {
                if let SdamEvent::TopologyDescriptionChanged(change) = event {
                    seen.send_replace(is_missing_in(&change.new_description));
                }
            }));
        }
        primary
    }

    /// Whether what is read may come from others while there is no primary.
    pub(crate) fn reads_from_others(&self) -> bool {
        self.reading != SelectionCriteria::ReadPreference(ReadPreference::Primary)
    }

    /// Whether there is somebody to read from and nobody to write to.
    pub(crate) fn is_missing(&self) -> bool {
        self.is_missing.as_ref().is_some_and(|is_missing| *is_missing.borrow())
    }

    /// What an error means of a verb that has not written anything before.
    pub(crate) fn unwritten(&self, error: StoreError) -> StoreError {
        let readable = (error == no_primary() && self.is_missing())
            || (error == not_primary() && (self.is_direct || self.reads_from_others()));
        if readable { no_primary_but_others() } else { error }
    }

    /// The answer to a write; `None` if meanwhile there is nobody to write to, and somebody to read from.
    pub(crate) async fn or_missing<T>(&self, write: impl Future<Output = T>) -> Option<T> {
        let (mut write, mut missing) = (pin!(write), pin!(self.comes_to_be_missing()));
        poll_fn(|context| match write.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => missing.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    async fn comes_to_be_missing(&self) {
        if let Some(mut is_missing) = self.is_missing.clone()
            && is_missing.wait_for(|is_missing| *is_missing).await.is_ok()
        {
            return;
        }
        pending().await
    }
}

fn is_missing_in(seen: &TopologyDescription) -> bool {
    seen.topology_type() == TopologyType::ReplicaSetNoPrimary
        && seen.servers().values().any(|server| server.server_type() == ServerType::RsSecondary)
}
