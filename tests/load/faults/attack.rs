//! The attackers, in a process of their own and below everybody else's priority, so that they
//! cost the server's time and not the honest client's.
//!
//! Half of them send three bytes of a TLS handshake and wait; the others finish it and send a
//! request's head one byte a second. Whoever is thrown out comes again a second later.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Connection, Trust};

/// `attack ADDRESS CA-FILE CONNECTIONS`: says "on" once all have been connected, and goes on
/// until it is killed.
pub fn run(words: &[&str]) -> Result<ExitCode, String> {
    let [address, ca, connections] = words else {
        return Err("attack ADDRESS CA-FILE CONNECTIONS".to_owned());
    };
    let address: SocketAddr = address.parse().map_err(|_| "no address")?;
    let connections: usize = connections.parse().map_err(|_| "no number")?;
    let trust = Trust::pem(std::fs::read(ca).map_err(|error| error.to_string())?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let begun = Arc::new(AtomicUsize::new(0));
        for number in 0..connections {
            let (trust, begun) = (trust.clone(), Arc::clone(&begun));
            tokio::spawn(async move {
                let mut first = true;
                loop {
                    let on = || {
                        if std::mem::take(&mut first) {
                            begun.fetch_add(1, Relaxed);
                        }
                    };
                    let _ended = if number % 2 == 0 {
                        half_open(address, on).await
                    } else {
                        slow_loris(address, &trust, on).await
                    };
                    // Thrown out, or the machine is out of something.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
        while begun.load(Relaxed) < connections {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        writeln!(std::io::stdout(), "on").map_err(|error| error.to_string())?;
        std::future::pending().await
    })
}

async fn half_open(address: SocketAddr, on: impl FnOnce()) -> Result<(), String> {
    let mut tcp = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    let sent = tcp.write_all(&[0x16, 0x03, 0x01]).await;
    sent.map_err(|error| error.to_string())?;
    on();
    // Until it is thrown out, in whatever way.
    let _ = tcp.read(&mut [0]).await;
    Ok(())
}

async fn slow_loris(address: SocketAddr, trust: &Trust, on: impl FnOnce()) -> Result<(), String> {
    let mut connection = Connection::open(address, trust).await?;
    connection
        .write(b"POST /mutate HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        .await?;
    on();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if connection.is_closed().await || connection.write(b"a").await.is_err() {
            return Ok(());
        }
    }
}
