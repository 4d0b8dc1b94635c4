//! The settings that `docs/proxies.md` gives for nginx, tried with nginx: they are read from that page.
//!
//! Without nginx the tests are ignored; where `SESSION_REQUIRE` names `nginx`, and in CI, they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use libtest_mimic::{Arguments, Failed, Trial};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use session_axum::policy::{PolicyBuilder, Secure, TrustProxy};
use session_axum::{Keyring, Policy, Session, SessionError, SessionLayer, Sessions};
use session_store_memory::MemoryStore;

/// The site of the page.
const HOST: &str = "shop.example";

/// How long a server may take to accept connections.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let arguments = Arguments::from_args();
    let is_there = program().is_some();
    if !is_there {
        let names = std::env::var("SESSION_REQUIRE").unwrap_or_default();
        let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        if in_ci || names.split(',').any(|name| name == "nginx") {
            eprintln!("nginx is not installed, and must be here: apt-get install nginx-light");
            std::process::exit(1);
        }
        eprintln!("nginx is not installed, so its settings are not tried: apt-get install nginx-light");
    }
    let trial =
        |name: &str, run: fn() -> Result<(), Failed>| Trial::test(name, run).with_ignored_flag(!is_there);
    let trials = vec![
        trial("a_secure_cookie_is_set_behind_nginx_as_the_page_sets_it_up", secure_cookie),
        trial("over_http_there_is_no_secure_cookie_whatever_the_client_claims", lying_client),
        trial("a_cookie_for_a_domain_is_set_though_nginx_sends_another_host", other_host),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

fn secure_cookie() -> Result<(), Failed> {
    for trust in ["1", "loopback", "private-networks", "true"] {
        let site = Site::open(|policy| policy.trust_proxy(trust_of(trust)), page_settings())?;
        let cookie = site.https(&[])?.ok_or(format!("no cookie is set with {trust}"))?;
        if !cookie.contains("__Host-sid=") || !cookie.contains("; Secure") {
            return Err(format!("the cookie is no Secure one with {trust}").into());
        }
        // The session is there on the next request, and the browser's cookie leads to it.
        let pair = cookie.split(';').next().unwrap_or_default().to_owned();
        let body = site.body(&[("Cookie", &pair)])?;
        if !body.ends_with("visit 2") {
            return Err(format!("the session is not there again with {trust}").into());
        }
    }
    Ok(())
}

fn lying_client() -> Result<(), Failed> {
    let lies = [
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=127.0.0.1;proto=https"),
        ("X-Forwarded-For", "127.0.0.1"),
    ];
    for name in ["1", "2", "loopback", "private-networks"] {
        let site = Site::open(|policy| policy.trust_proxy(trust_of(name)), page_settings())?;
        if site.http(&lies)?.is_some() {
            return Err(format!("the client is believed with {name}").into());
        }
        if site.https(&lies)?.is_none() {
            return Err(format!("the cookie is not set over https with {name}").into());
        }
    }
    Ok(())
}

fn other_host() -> Result<(), Failed> {
    let without_host: String = page_settings()
        .lines()
        .filter(|line| !line.contains("Host"))
        .map(|line| format!("{line}\n"))
        .collect();
    for settings in [page_settings(), without_host] {
        let site = Site::open(|policy| policy.trust_proxy(trust_of("1")).domain(HOST), settings)?;
        let cookie = site.https(&[])?.ok_or("no cookie is set")?;
        if !cookie.contains(&format!("; Domain={HOST};")) {
            return Err("the cookie is not for the domain".into());
        }
    }
    Ok(())
}

fn trust_of(text: &str) -> TrustProxy {
    text.parse().unwrap()
}

/// The block of the page.
fn page_settings() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/proxies.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, block) = page.split_once("```nginx\n").expect("the page has settings for nginx");
    block.split_once("```").unwrap().0.to_owned()
}

/// A site, and nginx in front of it.
struct Site {
    nginx: Child,
    secure: SocketAddr,
    plain: SocketAddr,
    tls: Arc<ClientConfig>,
    /// Gone, with nginx's files, when the site is.
    _folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.nginx.kill();
        let _status = self.nginx.wait();
    }
}

async fn visits(session: Session) -> Result<String, SessionError> {
    let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}"))
}

impl Site {
    fn open(adjust: impl FnOnce(PolicyBuilder) -> PolicyBuilder, settings: String) -> Result<Self, Failed> {
        let policy =
            Policy::builder(Keyring::new("a secret of this test, long and random")).secure(Secure::Always);
        let sessions = Sessions::new(adjust(policy).build()?, MemoryStore::new());
        let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
        let runtime = tokio::runtime::Runtime::new()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let upstream = listener.local_addr()?;
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, service).await });

        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let certificate = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
        fs::write(path("certificate.pem"), pem("CERTIFICATE", certificate.cert.der()))?;
        fs::write(path("key.pem"), pem("PRIVATE KEY", &certificate.signing_key.serialize_der()))?;
        let (secure, plain) = (free_address()?, free_address()?);
        let settings =
            replaced(settings, "listen 443 ssl;", &format!("listen {secure} ssl; listen {plain};"))?;
        let settings = replaced(settings, "/etc/ssl/shop.example.pem", &shown(&path("certificate.pem")))?;
        let settings = replaced(settings, "/etc/ssl/shop.example.key", &shown(&path("key.pem")))?;
        let settings = replaced(settings, "127.0.0.1:3000", &upstream.to_string())?;
        fs::write(path("nginx.conf"), whole(folder.path(), &settings))?;
        let nginx = Command::new(program().ok_or("nginx is gone")?)
            .arg("-p")
            .arg(folder.path())
            .arg("-e")
            .arg(path("error.log"))
            .arg("-c")
            .arg(path("nginx.conf"))
            .stdin(Stdio::null())
            .spawn()?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.cert.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut site = Self { nginx, secure, plain, tls: Arc::new(tls), _folder: folder, _runtime: runtime };
        site.wait()?;
        Ok(site)
    }

    fn wait(&mut self) -> Result<(), Failed> {
        let begin = Instant::now();
        while TcpStream::connect(self.plain).is_err() {
            if let Some(status) = self.nginx.try_wait()? {
                let log = fs::read_to_string(self._folder.path().join("error.log")).unwrap_or_default();
                return Err(format!("nginx ended with {status}: {log}").into());
            }
            if begin.elapsed() > PATIENCE {
                return Err("nginx accepts no connections".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The session cookie that a browser gets over https.
    fn https(&self, headers: &[(&str, &str)]) -> Result<Option<String>, Failed> {
        Ok(set_cookie(&self.over_tls(headers)?))
    }

    fn body(&self, headers: &[(&str, &str)]) -> Result<String, Failed> {
        self.over_tls(headers)
    }

    fn over_tls(&self, headers: &[(&str, &str)]) -> Result<String, Failed> {
        let name = ServerName::try_from(HOST)?;
        let connection = ClientConnection::new(Arc::clone(&self.tls), name)?;
        exchange(StreamOwned::new(connection, TcpStream::connect(self.secure)?), headers)
    }

    /// The same over http.
    fn http(&self, headers: &[(&str, &str)]) -> Result<Option<String>, Failed> {
        Ok(set_cookie(&exchange(TcpStream::connect(self.plain)?, headers)?))
    }
}

/// Sends a request and gives the response, which must be a 200.
fn exchange(mut stream: impl Read + Write, headers: &[(&str, &str)]) -> Result<String, Failed> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{lines}\r\n")?;
    stream.flush()?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    if response.starts_with("HTTP/1.1 200") {
        Ok(response)
    } else {
        Err(format!("the status is {:?}", response.lines().next()).into())
    }
}

fn set_cookie(response: &str) -> Option<String> {
    let is_cookie = |line: &&str| line.to_ascii_lowercase().starts_with("set-cookie:");
    let (_, value) = response.lines().find(is_cookie)?.split_once(':')?;
    Some(value.trim().to_owned())
}

/// The whole configuration around the page's part.
fn whole(folder: &Path, settings: &str) -> String {
    let folder = shown(folder);
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\nfastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n{settings}\n}}\n"
    )
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn replaced(settings: String, from: &str, to: &str) -> Result<String, Failed> {
    if settings.contains(from) {
        Ok(settings.replace(from, to))
    } else {
        Err(format!("the page's settings do not say {from:?} any more").into())
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Where Debian, a build from source and others keep it.
fn program() -> Option<PathBuf> {
    let places = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"];
    places.iter().map(PathBuf::from).find(|path| path.is_file())
}
