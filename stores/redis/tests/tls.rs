//! TLS: whom the store trusts, who it says it is, and that nothing is said in the clear.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::cluster::Cluster;
use common::sentinel::{NAME, Watched};
use common::{Server, key, now, record};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use session_core::store::{Directory as _, Owner, Store as _, StoreError, StoreErrorKind};
use session_store_redis::{RedisBuilder, RedisStore};

/// Certificates of one authority, in a folder that is removed in the end.
struct Authority {
    root: String,
    client: String,
    client_key: String,
    folder: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("session-store-redis-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |file: &str, names: Vec<SanType>| {
            let mut params = CertificateParams::new([]).unwrap();
            params.subject_alt_names = names;
            params.distinguished_name.push(DnType::CommonName, file);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &root).unwrap();
            let certificate = pem("CERTIFICATE", certificate.der());
            let key = pem("PRIVATE KEY", &key.serialize_der());
            std::fs::write(folder.join(format!("{file}.pem")), &certificate).unwrap();
            std::fs::write(folder.join(format!("{file}.key")), &key).unwrap();
            (certificate, key)
        };
        let own = pem("CERTIFICATE", root.der());
        std::fs::write(folder.join("root.pem"), &own).unwrap();
        issue("server", vec![SanType::IpAddress([127, 0, 0, 1].into())]);
        let (client, client_key) = issue("client", Vec::new());
        Self { root: own, client, client_key, folder }
    }

    fn path(&self, file: &str) -> String {
        self.folder.join(file).to_str().unwrap().to_owned()
    }

    /// What a server is given to speak TLS and nothing else; `clients` says whether clients need a certificate.
    fn options(&self, clients: &str) -> Vec<String> {
        [
            ["--port", "0"],
            ["--tls-port", "PORT"],
            ["--tls-cert-file", &self.path("server.pem")],
            ["--tls-key-file", &self.path("server.key")],
            ["--tls-ca-cert-file", &self.path("root.pem")],
            ["--tls-auth-clients", clients],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }

    fn server(&self, clients: &str) -> Option<Server> {
        let options = self.options(clients);
        Server::start_with("redis", &options.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn trusting(&self) -> RedisBuilder {
        RedisStore::builder().root_certificates(self.root.clone())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

fn url(server: &Server) -> String {
    format!("rediss://default:s3cret@127.0.0.1:{}", server.port())
}

async fn works(store: &RedisStore) {
    let owner = Owner::new("o").unwrap();
    for n in 0..20 {
        store.create(&key(&n.to_string()), &record(n, Some("o")), now()).await.unwrap();
    }
    assert_eq!(store.sessions_of(&owner, now()).await.unwrap().len(), 20);
    assert_eq!(store.revoke(&owner, None).await.unwrap(), 20);
}

fn refused(connected: Result<RedisStore, StoreError>, what: &str) {
    let error = connected.unwrap_err();
    assert_eq!(error.to_string(), format!("the session store refused: {what}"));
    assert!(!format!("{error:?}").contains("s3cret"));
}

const NOT_TRUSTED: &str = "the server's certificate is not accepted; check the root certificate, and that the URL has \
                           the name in the certificate";

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate_and_its_name() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let Some(server) = ours.server("no") else { return };
    works(&ours.trusting().connect(&url(&server)).await.unwrap()).await;
    // Of somebody else, of nobody the system knows, of another name.
    refused(theirs.trusting().connect(&url(&server)).await, NOT_TRUSTED);
    refused(RedisStore::connect(&url(&server)).await, NOT_TRUSTED);
    refused(ours.trusting().connect(&url(&server).replace("127.0.0.1", "localhost")).await, NOT_TRUSTED);
    // Several roots in one file, as when they are exchanged.
    let both = format!("{}{}", theirs.root, ours.root);
    works(&RedisStore::builder().root_certificates(both).connect(&url(&server)).await.unwrap()).await;
}

#[tokio::test]
async fn a_client_certificate_says_who_we_are() {
    let (ours, theirs) = (Authority::new("ours-client"), Authority::new("theirs-client"));
    let Some(server) = ours.server("yes") else { return };
    let known = ours.trusting().client_certificate(ours.client.clone(), ours.client_key.clone());
    assert!(!format!("{known:?}").contains("PRIVATE"));
    works(&known.connect(&url(&server)).await.unwrap()).await;
    let what = "the server ended the TLS handshake; it may want a client certificate that it trusts";
    refused(ours.trusting().connect(&url(&server)).await, what);
    let stranger = ours.trusting().client_certificate(theirs.client.clone(), theirs.client_key.clone());
    refused(stranger.connect(&url(&server)).await, what);
    let mixed = ours.trusting().client_certificate(ours.client.clone(), "s3cret");
    refused(mixed.connect(&url(&server)).await, "the certificates or the private key cannot be used");
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_by_mistake() {
    let ours = Authority::new("ours-clear");
    let Some(server) = ours.server("no") else { return };
    let plain = url(&server).replace("rediss:", "redis:");
    let what = "certificates are given, but the URL is not `rediss://`";
    refused(ours.trusting().connect(&plain).await, what);
    refused(ours.trusting().connect_cluster([&plain]).await, what);
    refused(ours.trusting().connect_sentinel([&plain], NAME).await, what);
    let junk = RedisStore::builder().root_certificates("s3cret").connect(&url(&server)).await;
    refused(junk, "a certificate is not in PEM form");
    // Who speaks plainly to a TLS port, or TLS to a plain one, hears nothing sensible and is told so in time.
    let patience = Duration::from_millis(500);
    let error = RedisStore::builder().patience(patience).connect(&plain).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let plain = Server::start().unwrap();
    let error = ours.trusting().patience(patience).connect(&url(&plain)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_cluster_is_spoken_to_with_tls_all_over() {
    let ours = Authority::new("ours-cluster");
    let mut options = ours.options("yes");
    options.extend(
        ["--tls-cluster", "yes", "--tls-replication", "yes", "--cluster-enabled", "yes"].map(str::to_owned),
    );
    let root = ours.path("root.pem");
    let (certificate, private) = (ours.path("client.pem"), ours.path("client.key"));
    let client = ["--tls", "--cacert", &root, "--cert", &certificate, "--key", &private];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let Some(cluster) = Cluster::start_with(3, 0, &options, &client).await else { return };
    let builder = || ours.trusting().client_certificate(ours.client.clone(), ours.client_key.clone());
    let first = [url(&cluster.0[0])];
    // The nodes have not all heard of each other at first.
    common::until("the cluster", async || builder().connect_cluster(&first).await.is_ok()).await;
    let store = builder().connect_cluster(&first).await.unwrap();
    common::until("the rest of the cluster", async || {
        let mut all = true;
        for n in 0..40 {
            all &= store.load(&key(&n.to_string()), None, now()).await.is_ok();
        }
        all
    })
    .await;
    works(&store).await;
}

#[tokio::test]
async fn sentinels_and_their_primary_are_spoken_to_with_tls() {
    let ours = Authority::new("ours-sentinel");
    let mut options = ours.options("no");
    options.extend(["--tls-replication", "yes"].map(str::to_owned));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let file = |name: &str, file: &str| format!("tls-{name} \"{}\"\n", Path::new(&ours.path(file)).display());
    let file = format!(
        "port 0\ntls-port PORT\ntls-replication yes\ntls-auth-clients no\n{}{}{}",
        file("cert-file", "server.pem"),
        file("key-file", "server.key"),
        file("ca-cert-file", "root.pem")
    );
    let Some(watched) = Watched::start_with(&options, &file).await else { return };
    let urls: Vec<String> =
        watched.sentinels.iter().map(|sentinel| format!("rediss://127.0.0.1:{}", sentinel.port())).collect();
    let primary = format!("rediss://{NAME}");
    works(&ours.trusting().connect_sentinel(&urls, &primary).await.unwrap()).await;
    let error = RedisStore::builder().connect_sentinel(&urls, &primary).await;
    refused(error, NOT_TRUSTED);
}
