//! The way to a server: its address, who we are there, TLS, and how long connecting may take.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisResult,
};
use session_core::store::StoreError;

use crate::error::store_error;

/// Where a server listens.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// `host:port` as a redirection names it; with no host, it is the one that `asked` has.
    pub(crate) fn parse(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { &asked.host } else { host };
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

/// How servers are reached with TLS: whom to trust, and who we are.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) root: Option<Vec<u8>>,
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    pub(crate) fn is_some(&self) -> bool {
        self.root.is_some() || self.client.is_some()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_some() { "Certificates(redacted)" } else { "Certificates(none)" })
    }
}

/// What it takes to connect to one server, or to its like elsewhere.
#[derive(Clone)]
pub(crate) struct Door {
    info: ConnectionInfo,
    patience: Duration,
}

impl Door {
    pub(crate) fn parse(
        url: &str,
        certificates: &Certificates,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        if !cfg!(feature = "tls") && (url.starts_with("rediss:") || url.starts_with("valkeys:")) {
            return Err(StoreError::refused(
                "TLS is not built in; enable the feature `tls` of session-store-redis",
            ));
        }
        let info = url.into_connection_info().map_err(|error| store_error(&error))?;
        let info = with_certificates(info, certificates)?.set_tcp_settings(tcp(patience));
        Ok(Self { info, patience })
    }

    /// Where the server is; `None` for a Unix socket.
    pub(crate) fn place(&self) -> Option<Place> {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Place { host: host.clone(), port: *port })
            }
            _ => None,
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::TcpTls { .. })
    }

    pub(crate) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// The door of a server elsewhere, with the same credentials and the same TLS.
    pub(crate) fn at(&self, place: &Place) -> Self {
        let Place { host, port } = place.clone();
        let address = match self.info.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        Self { info: self.info.clone().set_addr(address), patience: self.patience }
    }

    /// How long connecting may take where there are others to ask.
    pub(crate) fn limit(&self) -> Duration {
        self.patience / 4
    }

    /// A connection that stays closed once it is lost.
    pub(crate) async fn open(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limit()))
            .set_response_timeout(Some(self.patience));
        Client::open(self.info.clone())?.get_multiplexed_async_connection_with_config(&config).await
    }
}

#[cfg(feature = "tls")]
fn with_certificates(
    info: ConnectionInfo,
    certificates: &Certificates,
) -> Result<ConnectionInfo, StoreError> {
    use redis::{ClientTlsConfig, TlsCertificates};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Ok(info);
    }
    // The client library takes the process's provider, and panics if there are two to choose from and none was chosen.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _chosen_meanwhile = rustls::crypto::ring::default_provider().install_default();
    }
    if !certificates.is_some() {
        return Ok(info);
    }
    let Certificates { root, client } = certificates;
    // Without one it would trust nobody, and say so only when it connects.
    let sound = |pem: &[u8]| matches!(CertificateDer::pem_slice_iter(pem).next(), Some(Ok(_)));
    let pems = root.iter().chain(client.iter().map(|(certificate, _)| certificate));
    if !pems.into_iter().all(|pem| sound(pem)) {
        return Err(StoreError::refused("a certificate is not in PEM form"));
    }
    let certificates = TlsCertificates {
        root_cert: root.clone(),
        client_tls: client
            .clone()
            .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
    };
    let client = Client::build_with_tls(info, certificates)
        .map_err(|_| StoreError::refused("the certificates or the private key cannot be used"))?;
    Ok(client.get_connection_info().clone())
}

#[cfg(not(feature = "tls"))]
fn with_certificates(info: ConnectionInfo, _: &Certificates) -> Result<ConnectionInfo, StoreError> {
    Ok(info)
}

/// A connection whose other end is gone without a word is given up, rather than kept for a quarter of an hour.
fn tcp(patience: Duration) -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout((2 * patience).max(Duration::from_secs(1)));
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = patience;
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_without_a_host_means_the_one_that_was_asked() {
        let asked = Place { host: "a".to_owned(), port: 1 };
        assert_eq!(Place::parse("b:2", &asked), Some(Place { host: "b".to_owned(), port: 2 }));
        assert_eq!(Place::parse(":2", &asked), Some(Place { host: "a".to_owned(), port: 2 }));
        assert_eq!(Place::parse("::1:2", &asked), Some(Place { host: "::1".to_owned(), port: 2 }));
        for text in ["b", "b:", "b:70000", ""] {
            assert_eq!(Place::parse(text, &asked), None);
        }
    }

    #[test]
    fn a_server_elsewhere_is_reached_with_the_same_name_and_password() {
        let door =
            Door::parse("redis://me:secret@a:1/3", &Certificates::default(), Duration::from_secs(1)).unwrap();
        let other = door.at(&Place { host: "b".to_owned(), port: 2 });
        assert_eq!(other.place(), Some(Place { host: "b".to_owned(), port: 2 }));
        assert_eq!(other.info.redis_settings().password(), Some("secret"));
        assert_eq!(other.database(), 3);
    }
}
