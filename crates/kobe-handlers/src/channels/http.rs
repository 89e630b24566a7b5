//! HTTP as channels need it: one request, one answer, within a time, without following anybody anywhere.
//!
//! Addresses may hold secrets (a token in the path, a key in the query), so nothing here ever says one: errors are told in words of our own, and of an address only scheme
//! and host are shown. A connection is used once: what a server has closed in the meantime cannot swallow a message.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Error};

use super::secret::Secret;

/// How long a request may take, with everything.
pub const WITHIN: Duration = Duration::from_secs(10);
/// So much of an answer is read.
const MOST: u64 = 64 * 1024;

/// An address that may be asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Secret,
    shown: String,
    is_local: bool,
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAddress {
    /// What is wrong; says nothing of the address but its scheme and host.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

impl Address {
    /// Reads an address: `https://`, or `http://` on this machine; elsewhere only if whoever wrote it says that he means it.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn parse(text: &str, insecure: bool) -> Result<Address, BadAddress> {
        let bad = |what: &str, hint: &str| BadAddress { what: what.into(), hint: hint.into() };
        let text = text.trim();
        let uri: Uri = text
            .parse()
            .map_err(|_| bad("this is no address", "write one like https://example.org/path, without spaces"))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host().filter(|host| !host.is_empty())) else {
            return Err(bad("this is no whole address", "write it with https:// and a host"));
        };
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(bad("an address holds no password", "put it into a file and name it with `token_file`"));
        }
        let name = host.trim_matches(['[', ']']);
        let is_local = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match scheme {
            "https" => {}
            "http" if is_local || insecure => {}
            "http" => {
                return Err(bad(
                    &format!("http:// to {host} would send alerts and secrets in the clear"),
                    "write https://, or `insecure = true` beside it if the way there is safe",
                ));
            }
            other => return Err(bad(&format!("`{other}` is no scheme for this"), "write an address with https://")),
        }
        let port = uri.port_u16().map_or(String::new(), |port| format!(":{port}"));
        let shown = format!("{scheme}://{host}{port}");
        Ok(Address { url: Secret::new(text), shown, is_local })
    }

    /// Returns the address whole, to use it and not to show it.
    pub fn url(&self) -> &Secret {
        &self.url
    }

    /// Returns the same address with more behind its path.
    pub(super) fn with(&self, rest: &str) -> Address {
        Address { url: Secret::new(format!("{}{rest}", self.url.expose().trim_end_matches('/'))), ..self.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    /// A wait that was asked for in the head.
    pub retry_after: Option<Duration>,
    /// The body, or why there is none.
    pub body: Result<String, String>,
}

/// Asks addresses.
#[derive(Debug, Clone)]
pub(super) struct Client {
    agent: Agent,
    within: Duration,
}

impl Client {
    /// Begins with a time within which everything must be over; `local` asks past any proxy.
    pub(super) fn new(local: bool, within: Duration) -> Client {
        let config = Agent::config_builder()
            .timeout_global(Some(within))
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("kobe/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::WebPki).build());
        let config = if local { config.proxy(None) } else { config };
        Client { agent: config.build().into(), within }
    }

    /// Begins as an address needs it.
    pub(super) fn to(address: &Address, within: Duration) -> Client {
        Client::new(address.is_local, within)
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// What happened, when no head of an answer came; says nothing of the address.
    pub(super) fn post(&self, to: &Address, bearer: Option<&Secret>, json: &str) -> Result<Reply, String> {
        let mut request = self.agent.post(to.url().expose()).header("content-type", "application/json");
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        self.read(request.send(json))
    }

    /// Asks.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(super) fn get(&self, from: &Address) -> Result<Reply, String> {
        self.read(self.agent.get(from.url().expose()).call())
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, Error>) -> Result<Reply, String> {
        let mut answer = answer.map_err(|e| self.words(&e))?;
        let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        // A date is not read: the wait then is our own.
        let retry_after = header.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let body = answer.body_mut().with_config().limit(MOST).lossy_utf8(true).read_to_string();
        Ok(Reply { status: answer.status().as_u16(), retry_after, body: body.map_err(|e| self.words(&e)) })
    }

    /// Says what happened. The library's own words may hold the address, so they are not used.
    fn words(&self, error: &Error) -> String {
        match error {
            Error::Timeout(_) => format!("no answer within {} s", self.within.as_secs_f64()),
            Error::HostNotFound => "the name of the host is not known".into(),
            Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => {
                format!("no answer within {} s", self.within.as_secs_f64())
            }
            Error::Io(e) => match e.raw_os_error() {
                Some(_) => format!("the connection failed: {e}"),
                None => format!("the connection failed: {}", e.kind()),
            },
            Error::ConnectionFailed => "no connection".into(),
            Error::Tls(what) => format!("TLS failed: {what}"),
            Error::Rustls(e) => format!("TLS failed: {e}"),
            Error::Protocol(_) => "the answer is no HTTP".into(),
            Error::BodyExceedsLimit(_) => format!("the answer is longer than {} KiB", MOST / 1024),
            Error::LargeResponseHeader(..) => "the head of the answer is too long".into(),
            Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => "the proxy refuses".into(),
            _ => "the request failed".into(),
        }
    }
}

/// Asks an address; returns the status and the body.
///
/// # Errors
/// What happened, when no whole answer came within the time; says nothing of the address.
pub fn get(address: &Address, within: Duration) -> Result<(u16, String), String> {
    let reply = Client::to(address, within).get(address)?;
    Ok((reply.status, reply.body?))
}

/// Shows a dead-man on another machine that this one lives.
///
/// # Errors
/// What happened; says nothing of the address but its scheme and host.
pub fn ping(address: &Address) -> Result<(), String> {
    let reply = Client::to(address, WITHIN).get(address).map_err(|why| format!("{address}: {why}"))?;
    match reply.status {
        200..=299 => Ok(()),
        status => Err(format!("{address} answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_safe_or_meant() {
        let rows = [
            ("https://api.telegram.org", false, Ok("https://api.telegram.org")),
            ("https://hooks.example.org:8443/key/canary?x=canary", false, Ok("https://hooks.example.org:8443")),
            ("http://127.0.0.1:9000/canary", false, Ok("http://127.0.0.1:9000")),
            ("http://[::1]/", false, Ok("http://[::1]")),
            ("http://localhost:1", false, Ok("http://localhost:1")),
            ("http://10.0.0.7/canary", true, Ok("http://10.0.0.7")),
            ("http://10.0.0.7/canary", false, Err("http:// to 10.0.0.7 would send alerts and secrets in the clear")),
            (
                "http://127.0.0.1.example.org/",
                false,
                Err("http:// to 127.0.0.1.example.org would send alerts and secrets in the clear"),
            ),
            ("ftp://example.org/canary", false, Err("`ftp` is no scheme for this")),
            ("https://me:canary@example.org", false, Err("an address holds no password")),
            ("/canary", false, Err("this is no whole address")),
            ("canary canary", false, Err("this is no address")),
            ("", false, Err("this is no address")),
        ];
        for (text, insecure, expected) in rows {
            let found = Address::parse(text, insecure);
            assert!(!format!("{found:?}").contains("canary"), "{text}: {found:?}");
            assert_eq!(
                found.map(|a| a.to_string()).map_err(|e| e.what),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
