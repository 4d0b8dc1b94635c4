//! Counts how often clients go to a server.

use session_store_redis::redis::aio::MultiplexedConnection;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Server, ask};

/// What the server says it is asked to do.
pub struct Monitor(tokio::io::Lines<BufReader<TcpStream>>);

impl Monitor {
    pub async fn open(server: &Server) -> Self {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
        socket.write_all(b"MONITOR\r\n").await.unwrap();
        let mut lines = BufReader::new(socket).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "+OK");
        Self(lines)
    }

    /// How often clients have come since the last time; what a script does is not among it, and a `PTTL` comes along with
    /// its `GET`.
    pub async fn trips(&mut self, client: &mut MultiplexedConnection) -> usize {
        let _: String = ask(client, "ECHO mark").await;
        let mut trips = 0;
        while let Some(line) = self.0.next_line().await.unwrap() {
            if line.contains("\"ECHO\" \"mark\"") {
                return trips;
            }
            trips += usize::from(!line.contains(" lua]") && !line.contains("] \"PTTL\" "));
        }
        panic!("the server has closed the connection");
    }
}
