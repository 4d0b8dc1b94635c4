//! Asking a server whether it really answers: each in its own protocol, over a socket, without a client program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Kind;
use super::mongo_wire::{self, Document, Reply};

const PATIENCE: Duration = Duration::from_secs(3);

/// Whether a service of ours answers; `ports` are those of its processes in the order they were started.
pub(crate) fn answers(kind: Kind, ports: &[u16]) -> Result<(), String> {
    let first = *ports.first().ok_or("no port is recorded")?;
    match kind {
        Kind::Redis => redis_ping(first),
        Kind::RedisCluster => redis_cluster(ports),
        Kind::RedisSentinel => ports.iter().try_for_each(|&port| redis_ping(port)),
        Kind::Mongodb => mongo_primary(first),
        Kind::MongodbReplica => mongo_replica(ports),
        Kind::Postgres | Kind::Pgbouncer => postgres(first),
        Kind::Mysql => mysql(first),
    }
}

/// Whether anything listens at one of the addresses of a URL that somebody else gave us.
pub(crate) fn reachable(kind: Kind, url: &str) -> bool {
    // The addresses behind a name of this kind are in DNS records that only the driver looks up.
    url.starts_with("mongodb+srv:") || addresses(kind, url).iter().any(|address| connect_by_name(address))
}

fn connect_by_name(address: &str) -> bool {
    let mut found = address.to_socket_addrs().into_iter().flatten();
    found.any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

/// `host:port` of every server that a URL, or a list of URLs, names.
fn addresses(kind: Kind, list: &str) -> Vec<String> {
    let one = |part: &str| {
        let rest = part.split_once("://").map_or(part, |(_, rest)| rest);
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let names_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if names_port { host.to_owned() } else { format!("{host}:{}", kind.usual_port()) }
    };
    list.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

pub(crate) fn redis_ping(port: u16) -> Result<(), String> {
    expect(port, &redis(port, "PING")?, "PONG")
}

/// Every node agrees that the cluster works and knows all the others.
pub(crate) fn redis_cluster(ports: &[u16]) -> Result<(), String> {
    ports.iter().try_for_each(|&port| {
        let info = redis(port, "CLUSTER INFO")?;
        expect(port, &info, "cluster_state:ok")?;
        expect(port, &info, &format!("cluster_known_nodes:{}", ports.len()))
    })
}

/// The server on `port` has this many replicas that follow it.
pub(crate) fn redis_replicas(port: u16, count: usize) -> Result<(), String> {
    let info = redis(port, "INFO replication")?;
    (0..count).try_for_each(|number| {
        let line = info.lines().find(|line| line.starts_with(&format!("slave{number}:"))).unwrap_or_default();
        expect(port, line, "state=online")
    })
}

/// Every sentinel sees all others and the primary's two replicas, and could vote.
pub(crate) fn redis_sentinels(ports: &[u16], primary: &str) -> Result<(), String> {
    ports.iter().try_for_each(|&port| {
        let quorum = redis(port, &format!("SENTINEL CKQUORUM {primary}"))?;
        expect(port, &quorum, &format!("OK {} usable", ports.len()))?;
        let facts = redis(port, &format!("SENTINEL MASTER {primary}"))?;
        expect(port, &facts, "num-slaves\n2\n")
    })
}

/// Sends an inline command; the words of the answer come back one a line.
pub(crate) fn redis(port: u16, command: &str) -> Result<String, String> {
    let talk = || -> std::io::Result<String> {
        let mut stream = connect(port)?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut words = String::new();
        redis_reply(&mut BufReader::new(stream), &mut words)?;
        Ok(words)
    };
    talk().map_err(|error| format!("redis on port {port}: {error}"))
}

/// Reads one reply, arrays flattened. Sentinels know no QUIT, so reading until the end would wait for ever.
fn redis_reply(reader: &mut impl BufRead, words: &mut String) -> std::io::Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let size = line.get(1..).unwrap_or_default().trim();
    let size = || size.parse::<u64>().unwrap_or(0);
    match line.chars().next() {
        Some('*') => (0..size()).try_for_each(|_| redis_reply(reader, words))?,
        Some('$') => {
            let mut bulk = Vec::new();
            reader.take(size() + 2).read_to_end(&mut bulk)?;
            words.push_str(String::from_utf8_lossy(&bulk).trim_end());
            words.push('\n');
        }
        Some(_) => {
            words.push_str(line.get(1..).unwrap_or_default().trim_end());
            words.push('\n');
        }
        None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
    Ok(())
}

fn expect(port: u16, text: &str, wanted: &str) -> Result<(), String> {
    if text.contains(wanted) {
        return Ok(());
    }
    Err(format!(
        "redis on port {port} does not say {wanted} but {:?}",
        text.lines().next().unwrap_or("nothing")
    ))
}

pub(crate) fn mongo_hello(port: u16) -> Result<Reply, String> {
    mongo_wire::command(port, Document::new().int("hello", 1))
}

/// The server on `port` takes writes.
pub(crate) fn mongo_primary(port: u16) -> Result<(), String> {
    if mongo_hello(port)?.flag("isWritablePrimary") {
        Ok(())
    } else {
        Err("mongod takes no writes yet".into())
    }
}

/// One member takes writes and every other follows it.
pub(crate) fn mongo_replica(ports: &[u16]) -> Result<(), String> {
    let mut primaries = 0;
    for &port in ports {
        let hello = mongo_hello(port)?;
        if hello.flag("isWritablePrimary") {
            primaries += 1;
        } else if !hello.flag("secondary") {
            return Err(format!("the member on port {port} has not joined yet"));
        }
    }
    if primaries == 1 { Ok(()) } else { Err(format!("the replica set has {primaries} primaries")) }
}

/// Logs in as the superuser and waits for the server's word that it is ready.
pub(crate) fn postgres(port: u16) -> Result<(), String> {
    let mut startup = vec![0, 3, 0, 0]; // protocol 3.0
    startup.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
    let talk = || -> std::io::Result<Vec<u8>> {
        let mut stream = connect(port)?;
        let size = u32::try_from(startup.len() + 4).map_err(std::io::Error::other)?;
        stream.write_all(&[&size.to_be_bytes()[..], &startup].concat())?;
        stream.write_all(b"X\0\0\0\x04")?; // and goodbye
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        Ok(reply)
    };
    let reply = talk().map_err(|error| format!("postgres on port {port}: {error}"))?;
    // AuthenticationOk comes first; anything else is a refusal, such as "the database system is starting up".
    if reply.starts_with(b"R\0\0\0\x08\0\0\0\0") {
        return Ok(());
    }
    Err(format!("postgres on port {port} refuses: {}", printable(&reply)))
}

/// Waits for the greeting that the server opens every conversation with.
pub(crate) fn mysql(port: u16) -> Result<(), String> {
    let talk = || -> std::io::Result<Vec<u8>> {
        let mut stream = connect(port)?;
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let size = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut greeting = Vec::new();
        stream.take(size.into()).read_to_end(&mut greeting)?;
        Ok(greeting)
    };
    let greeting = talk().map_err(|error| format!("mysql on port {port}: {error}"))?;
    // The version of the protocol; an error packet begins with 255 instead.
    if greeting.first() == Some(&10) {
        Ok(())
    } else {
        Err(format!("mysql refuses: {}", printable(&greeting)))
    }
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_redis_reply_come_one_a_line() {
        let mut words = String::new();
        redis_reply(&mut &b"*3\r\n$4\r\nname\r\n$1\r\n2\r\n:7\r\n"[..], &mut words).unwrap();
        assert_eq!(words, "name\n2\n7\n");
        assert!(redis_reply(&mut &b""[..], &mut words).is_err());
    }

    #[test]
    fn the_addresses_of_a_url_are_found() {
        assert_eq!(addresses(Kind::Redis, "redis://:pass@cache/0"), ["cache:6379"]);
        assert_eq!(
            addresses(Kind::MongodbReplica, "mongodb://u:p@a:1,b,c:3/?replicaSet=rs0"),
            ["a:1", "b:27017", "c:3"]
        );
        assert_eq!(addresses(Kind::RedisCluster, "redis://a:1, redis://b:2"), ["a:1", "b:2"]);
        assert_eq!(addresses(Kind::Postgres, "postgres://postgres@127.0.0.1:9/postgres"), ["127.0.0.1:9"]);
    }
}
