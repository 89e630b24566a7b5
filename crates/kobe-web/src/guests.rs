//! Guests: connections, of which there are few and none for long.
//!
//! Rule: at most [`MOST`] are open; one more sends the one away that came first. A guest has [`PATIENCE`] to ask a whole question, head and body, and after each answer as
//! long to ask the next. So whoever opens connections and says nothing takes no descriptor for long, and never the last one. What is asked, and what is answered, is no matter of
//! this file. Start at [`Guests`].

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// So many connections are open at a time.
const MOST: usize = 32;

/// How long a guest may take to ask, counted from when it came or was last answered, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one that was sent away may take to go before the newcomer is let go instead.
const GOES_WITHIN: Duration = Duration::from_secs(1);

/// How long to wait after the system gave no connection: it may have no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that lets in few guests, and none for long.
pub(crate) struct Guests {
    listener: TcpListener,
    seats: Arc<Semaphore>,
    /// How to send each guest away, the one that came first in front.
    here: VecDeque<oneshot::Sender<()>>,
}

impl Guests {
    /// Begins without any.
    pub(crate) fn new(listener: TcpListener) -> Guests {
        Guests { listener, seats: Arc::new(Semaphore::new(MOST)), here: VecDeque::new() }
    }

    /// Returns a seat, for which the first guest goes if there is none; nothing if it does not go.
    async fn seat(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(free) = Arc::clone(&self.seats).try_acquire_owned() {
            return Some(free);
        }
        self.send_the_first_away();
        timeout(GOES_WITHIN, Arc::clone(&self.seats).acquire_owned()).await.ok()?.ok()
    }

    fn send_the_first_away(&mut self) {
        self.here.retain(|guest| !guest.is_closed());
        if let Some(first) = self.here.pop_front() {
            // One that has gone meanwhile needs no telling.
            let _ = first.send(());
        }
    }
}

impl Listener for Guests {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else {
                self.send_the_first_away();
                sleep(PAUSE).await;
                continue;
            };
            let Some(seat) = self.seat().await else { continue };
            let (go, told) = oneshot::channel();
            self.here.retain(|guest| !guest.is_closed());
            self.here.push_back(go);
            return (
                Guest { stream, told: Some(told), until: Box::pin(sleep(PATIENCE)), over: false, _seat: seat },
                address,
            );
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with an end.
pub(crate) struct Guest {
    stream: TcpStream,
    told: Option<oneshot::Receiver<()>>,
    until: Pin<Box<Sleep>>,
    over: bool,
    _seat: OwnedSemaphorePermit,
}

impl Guest {
    /// Tells whether it has to go; if not, the task is woken when it has.
    fn has_to_go(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(told) = &mut self.told
            && let Poll::Ready(word) = Pin::new(told).poll(cx)
        {
            // A listener that is gone sends nobody away: answers under way come to their end.
            self.told = None;
            self.over |= word.is_ok();
        }
        self.over = self.over || self.until.as_mut().poll(cx).is_ready();
        self.over
    }
}

impl AsyncRead for Guest {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guest = self.get_mut();
        if guest.has_to_go(cx) {
            // The end of what it says: whoever reads closes.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut guest.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let guest = self.get_mut();
        if guest.has_to_go(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let wrote = Pin::new(&mut guest.stream).poll_write(cx, bytes);
        if matches!(wrote, Poll::Ready(Ok(n)) if n > 0) {
            guest.until.as_mut().reset(Instant::now() + PATIENCE);
        }
        wrote
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
