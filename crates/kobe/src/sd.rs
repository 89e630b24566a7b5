//! The service manager: systemd hears that the desk is ready, lives, reads anew and stops.
//!
//! One datagram a word, as sd_notify(3) has it; without `NOTIFY_SOCKET` nobody listens and nothing is sent. `WATCHDOG=1` is only said after the planning loop has answered a
//! ping, so a loop that stands still is restarted by the manager although other threads are well.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where the service manager listens.
#[derive(Debug)]
pub struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// Finds the manager by the environment that it gave.
    pub fn of_environment() -> Manager {
        let place = std::env::var("NOTIFY_SOCKET").ok();
        Manager(place.and_then(|place| {
            let address = match place.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&place),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        }))
    }

    /// Says one word. A manager that does not listen is no reason to stop.
    pub fn say(&self, word: &str) {
        if let Some((socket, address)) = &self.0 {
            let _ = socket.send_to_addr(word.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_arrives_as_one_datagram() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("notify");
        let ears = UnixDatagram::bind(&path).expect("a socket");
        let address = SocketAddr::from_pathname(&path).expect("a path");
        let manager = Manager(Some((UnixDatagram::unbound().expect("a socket"), address)));
        manager.say("READY=1");
        manager.say("WATCHDOG=1");
        let mut buffer = [0; 64];
        for word in ["READY=1", "WATCHDOG=1"] {
            let n = ears.recv(&mut buffer).expect("a datagram");
            assert_eq!(&buffer[..n], word.as_bytes());
        }
        Manager(None).say("nobody listens");
    }
}
