//! A connection to a server that does not speak HTTP, under a client of others that has no bounds: it ends when the server
//! has said more than it should, or has not come to an end.

#![expect(clippy::disallowed_methods, reason = "a connection ends by the machine's own time, in the middle of a read")]

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A connection, and how much of what was promised to it is left.
pub(crate) struct BoundedStream {
    stream: TcpStream,
    most: usize,
    left: usize,
    life: Duration,
    end: Pin<Box<Sleep>>,
}

impl BoundedStream {
    /// Connects to whichever address of a host answers. The time that a connection may last begins before; the server may
    /// say so many bytes on it.
    pub(crate) async fn connect(host: &str, port: u16, life: Duration, most: usize) -> io::Result<Self> {
        let end = Box::pin(tokio::time::sleep(life));
        let connecting = tokio::time::timeout(life, TcpStream::connect((host, port)));
        let stream = connecting.await.map_err(|_| too_long(life))??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, most, left: most, life, end })
    }

    /// Where the other end is.
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Whether it may go on.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.left == 0 {
            return Err(io::Error::other(format!("it said more than {} KiB", self.most >> 10)));
        }
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(too_long(self.life)),
            Poll::Pending => Ok(()),
        }
    }
}

fn too_long(life: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("it did not come to an end within {} s", life.as_secs()))
}

impl fmt::Debug for BoundedStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BoundedStream").field("left", &self.left).finish_non_exhaustive()
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
