//! The server: a socket, a thread, a table of pages.
//!
//! It answers before there is a desk: a question that comes while the desk starts waits a moment for it, and is then told that it starts, or what the start waits for.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method, StatusCode};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::guests::Guests;
use crate::limit::Limit;
use crate::pages::{self, PAGES, Waits};
use crate::signs::Deck;

/// Requests a minute on metrics; more get 429.
const METRICS_A_MINUTE: usize = 60;

/// How long a question waits for a desk that starts; whoever asks has more patience than this.
const A_MOMENT: Duration = Duration::from_secs(3);

/// How long open connections may end by themselves when the server stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Someone else listens there.
    #[error("{address} is in use by another program")]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The thread or its runtime could not be started.
    #[error("the web server could not be started: {0}")]
    Start(#[source] io::Error),
}

impl WebError {
    /// Says what the caller can do instead.
    pub fn hint(&self) -> &'static str {
        match self {
            WebError::InUse { .. } => "is another Kobe running? choose another port with `--listen 127.0.0.1:PORT`",
            WebError::Listen { .. } => "choose an address of this machine with `--listen 127.0.0.1:PORT`",
            WebError::Start(_) => "the system refuses threads or files; look at its limits (`ulimit -a`)",
        }
    }
}

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    porter: Porter,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What there is to be shown.
#[derive(Clone)]
enum Face {
    /// Nothing yet: the desk starts.
    Nothing,
    /// What its start waits for.
    Waits(Arc<Waits>),
    /// The desk.
    Deck(Arc<Deck>),
}

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Face::Nothing => f.write_str("Nothing"),
            Face::Waits(waits) => f.debug_tuple("Waits").field(waits).finish(),
            Face::Deck(_) => f.write_str("Deck"),
        }
    }
}

/// Says at the door what the start of a desk waits for; once the desk is shown there is nothing left to say.
#[derive(Debug, Clone)]
pub struct Porter(watch::Sender<Face>);

impl Porter {
    /// Says what the start waits for: the name of a check, as `/health` has it, and the words.
    pub fn waits(&self, check: &'static str, detail: String) {
        self.tell(Face::Waits(Arc::new(Waits { check, detail })));
    }

    /// Says that it waits no longer; the desk is not there yet.
    pub fn goes_on(&self) {
        self.tell(Face::Nothing);
    }

    fn tell(&self, news: Face) {
        self.0.send_if_modified(|face| match face {
            Face::Deck(_) => false,
            other => {
                *other = news;
                true
            }
        });
    }
}

struct Desk {
    face: watch::Receiver<Face>,
    limit: Mutex<Limit>,
}

impl Desk {
    /// Returns what is to be shown, after a moment if there is nothing yet.
    async fn face(&self) -> Face {
        let mut face = self.face.clone();
        let known = timeout(A_MOMENT, face.wait_for(|face| !matches!(face, Face::Nothing))).await;
        known.ok().and_then(Result::ok).map_or(Face::Nothing, |face| face.clone())
    }
}

/// An address that is taken, and not answered at yet: what cannot be had is known before anything starts.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

impl Door {
    /// Takes an address. Port 0 takes any free port.
    ///
    /// # Errors
    /// [`WebError`] when it cannot be had.
    pub fn take(address: SocketAddr) -> Result<Door, WebError> {
        let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => WebError::InUse { address },
            _ => WebError::Listen { address, source },
        })?;
        let address = listener.local_addr().map_err(WebError::Start)?;
        listener.set_nonblocking(true).map_err(WebError::Start)?;
        Ok(Door { listener, address })
    }
}

impl Web {
    /// Listens on an address and answers from a thread of its own.
    ///
    /// # Errors
    /// [`WebError`] when the address cannot be had; nothing is left running then.
    pub fn start(address: SocketAddr, deck: Deck) -> Result<Web, WebError> {
        let web = Web::open(Door::take(address)?)?;
        web.show(deck);
        Ok(web)
    }

    /// Answers at an address that was taken before, from a thread of its own; that the desk starts, until it is shown one.
    ///
    /// # Errors
    /// [`WebError::Start`]; nothing is left running then.
    pub fn open(door: Door) -> Result<Web, WebError> {
        let Door { listener, address } = door;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(WebError::Start)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(WebError::Start)?
        };
        let (porter, face) = watch::channel(Face::Nothing);
        let desk = Arc::new(Desk { face, limit: Mutex::new(Limit::a_minute(METRICS_A_MINUTE)) });
        let (stop, told) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("web".into())
            .spawn(move || serve(&runtime, listener, desk, told))
            .map_err(WebError::Start)?;
        Ok(Web { address, porter: Porter(porter), stop: Some(stop), thread: Some(thread) })
    }

    /// Shows a desk from now on.
    pub fn show(&self, deck: Deck) {
        self.porter.0.send_replace(Face::Deck(Arc::new(deck)));
    }

    /// Returns who says what the start waits for.
    pub fn porter(&self) -> Porter {
        self.porter.clone()
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it and waits until its socket is free.
    pub fn stop(mut self) {
        self.stop_and_wait();
    }

    fn stop_and_wait(&mut self) {
        if let Some(stop) = self.stop.take() {
            // One that has ended by itself needs no stopping.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop_and_wait();
    }
}

fn serve(runtime: &Runtime, listener: tokio::net::TcpListener, desk: Arc<Desk>, told: oneshot::Receiver<()>) {
    let app = Router::new().fallback(answer).with_state(desk);
    runtime.block_on(async move {
        let (close, closing) = oneshot::channel::<()>();
        let server = axum::serve(Guests::new(listener), app).with_graceful_shutdown(async {
            let _ = closing.await;
        });
        let server = tokio::spawn(async move { server.await });
        // A sender that is gone means the same as its word.
        let _ = told.await;
        let _ = close.send(());
        // A reader that holds its connection open is not waited for.
        let _ = tokio::time::timeout(GOODBYE, server).await;
    });
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Answer {
    if !is_ours(request.headers()) {
        return Answer::refusal(
            StatusCode::FORBIDDEN,
            "the Host of the request is neither an IP address nor localhost",
        );
    }
    let face = desk.face().await;
    let metrics = !matches!(&face, Face::Deck(deck) if !deck.metrics);
    let page = PAGES.iter().find(|page| page.path == request.uri().path() && (metrics || !page.metrics));
    let Some(page) = page else {
        let known: Vec<&str> = PAGES.iter().map(|page| page.path).collect();
        return Answer::refusal(StatusCode::NOT_FOUND, &format!("no such page; there are {}", known.join(", ")));
    };
    if request.method() != Method::GET {
        return Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "pages are only read: use GET");
    }
    let deck = match face {
        Face::Nothing => return pages::starting(page, None),
        Face::Waits(waits) => return pages::starting(page, Some(&waits)),
        Face::Deck(deck) => deck,
    };
    let now = deck.clock.now();
    if page.metrics {
        let taken = desk.limit.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if let Err(seconds) = taken {
            let message = format!("metrics are read at most {METRICS_A_MINUTE} times a minute");
            return Answer::too_many(&message, seconds);
        }
    }
    (page.answer)(&deck, now)
}

/// Tells whether a request was meant for this server. A page in a browser can point a name of its own at 127.0.0.1, but it cannot make the browser send another `Host` than
/// that name; an address, and `localhost`, nobody else can own.
fn is_ours(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|h| h.to_str().ok()), hosts.next()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_can_rebind_are_ours() {
        let rows = [
            ("127.0.0.1:8081", true),
            ("127.0.0.1", true),
            ("localhost:8081", true),
            ("LOCALHOST", true),
            ("[::1]:8081", true),
            ("192.168.1.20:8081", true),
            ("kobe.example.com", false),
            ("localhost.evil.example:8081", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ];
        for (host, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            assert_eq!(is_ours(&headers), expected, "{host}");
        }
        assert!(!is_ours(&HeaderMap::new()), "a request without a Host");
        let mut two = HeaderMap::new();
        two.append(HOST, "localhost".parse().unwrap());
        two.append(HOST, "evil.example".parse().unwrap());
        assert!(!is_ours(&two), "two hosts");
    }
}
