//! A real server on a free port, asked over a real socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kobe_engine::{LaneLoad, LastError, VirtualClock, Vitals, VitalsBoard};
use kobe_plan::Lane;
use kobe_web::{AlertSign, Deck, Door, MarketSign, Orders, Signs, Web, WebError};
use serde_json::{Value, json};

fn start() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn vitals() -> Vitals {
    let mut vitals = Vitals::new(start() - SignedDuration::from_hours(2), "c0ffee");
    vitals.beat_at = start() - SignedDuration::from_secs(5);
    vitals.cycles = 1842;
    vitals.ready = true;
    vitals.last_task = "full_universe_scan".into();
    vitals.lanes = vec![
        LaneLoad { lane: Lane::Trading, waiting: 1, running: 2, workers: 2, limit: 64 },
        LaneLoad { lane: Lane::Research, waiting: 3, running: 1, workers: 2, limit: 128 },
    ];
    vitals.due_next_hour = 57;
    vitals.starts = 4;
    vitals.lateness_sum_us = 8_500;
    vitals.lateness_max_us = 5_000;
    for (end, n) in [("completed", 212), ("failed", 1), ("holiday", 7), ("unavailable", 3), ("not_built", 40)] {
        vitals.ends.insert(end.into(), n);
    }
    vitals.last_errors.push_back(LastError {
        at: start() - SignedDuration::from_mins(3),
        task: "fear_gauge".into(),
        slot: "2026-11-23T09:57".into(),
        attempt: 2,
        error: "exit code 1: no route".into(),
    });
    vitals
}

struct Fixture {
    web: Web,
    clock: Arc<VirtualClock>,
    killed: Arc<AtomicBool>,
}

fn serve(vitals: Vitals, metrics: bool) -> Fixture {
    serve_watched(vitals, metrics, &[])
}

fn serve_watched(vitals: Vitals, metrics: bool, found: &'static [&'static str]) -> Fixture {
    let (deck, clock, killed) = deck(vitals, metrics, found);
    Fixture { web: Web::start("127.0.0.1:0".parse().unwrap(), deck).unwrap(), clock, killed }
}

fn deck(vitals: Vitals, metrics: bool, found: &'static [&'static str]) -> (Deck, Arc<VirtualClock>, Arc<AtomicBool>) {
    let clock = Arc::new(VirtualClock::new(start()));
    let killed = Arc::new(AtomicBool::new(false));
    let pulled = Arc::clone(&killed);
    let signs = Signs {
        watch: Box::new(move || found.iter().map(|kind| (*kind).to_owned()).collect()),
        alerts: Box::new(AlertSign::default),
        files: Box::new(|| None),
        disk: Box::new(|| Some(100 << 30)),
        kill: Box::new(move |_| pulled.load(Ordering::SeqCst).then(|| "strange fills".to_owned())),
        market: Box::new(|_| {
            Some(MarketSign { phase: "market_morning".into(), mode: "ACTIVE_TRADING".into(), zone: "primary".into() })
        }),
        orders: Box::new(|| Some(Orders { submitted: 2, filled: 1, ..Orders::default() })),
        performance: Box::new(|| None),
    };
    let deck = Deck { board: VitalsBoard::new(vitals), signs, clock: clock.clone(), version: "0.1.0".into(), metrics };
    (deck, clock, killed)
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

fn ask(at: SocketAddr, method: &str, path: &str, host: &str) -> Reply {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn get(fixture: &Fixture, path: &str) -> Reply {
    ask(fixture.web.address(), "GET", path, "localhost")
}

#[test]
fn health_tells_all_of_a_healthy_engine() {
    let reply = get(&serve(vitals(), true), "/health");
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("content-type: application/json") && reply.head.contains("cache-control: no-store"));
    let expected = json!({
        "status": "healthy",
        "ready": true,
        "alive": true,
        "heartbeat": {
            "timestamp": "2026-11-23T14:59:55Z", "alive": true, "cycles": 1842, "last_task": "full_universe_scan",
            "mode": "ACTIVE_TRADING", "age_s": 5.0,
        },
        "queue": {
            "depth": 4, "running": 3, "due_next_hour": 57,
            "by_lane": { "trading": { "depth": 1, "running": 2 }, "research": { "depth": 3, "running": 1 } },
        },
        "last_errors": [
            { "at": "2026-11-23T14:57:00Z", "task": "fear_gauge", "slot": "2026-11-23T09:57", "attempt": 2, "error": "exit code 1: no route" },
        ],
        "checks": {
            "heartbeat": { "ok": true, "detail": "the planning loop turns", "age_s": 5.0 },
            "accepting": { "ok": true, "detail": "starts are accepted", "age_s": 5.0 },
            "queues": { "ok": true, "detail": "fullest lane: research with 3 of 128 places taken", "age_s": 5.0 },
            "kill_switch": { "ok": true, "detail": "not pulled", "age_s": 0.0 },
            "calendar": { "ok": true, "detail": "market_morning, ACTIVE_TRADING", "age_s": 0.0 },
            "watch": { "ok": true, "detail": "the watchdog finds nothing", "age_s": null },
            "alerts": { "ok": true, "detail": ", 0 not out yet", "age_s": null },
            "state_files": { "ok": true, "detail": "all were written", "age_s": null },
            "disk": { "ok": true, "detail": "102400 MiB free", "age_s": null },
        },
    });
    assert_eq!(reply.json(), expected);
}

#[test]
fn a_loop_that_stands_still_is_told_after_five_minutes() {
    let fixture = serve(vitals(), true);
    let beat = start() - SignedDuration::from_secs(5);
    for (seconds, health, alive) in [(300, 200, 200), (301, 503, 503)] {
        fixture.clock.set(beat + SignedDuration::from_secs(seconds));
        let reply = get(&fixture, "/health");
        assert_eq!(reply.status, health, "health {seconds} s after the beat");
        assert_eq!(reply.json()["status"], if health == 200 { "healthy" } else { "unhealthy" });
        let reply = get(&fixture, "/liveness");
        assert_eq!((reply.status, reply.json()), (alive, json!({ "alive": alive == 200 })));
    }
    let reply = get(&fixture, "/ready");
    assert_eq!((reply.status, reply.json()), (503, json!({ "ready": false, "reasons": ["heartbeat_stale"] })));
}

#[test]
fn a_clock_that_was_set_back_is_shown_until_it_has_caught_up() {
    let fixture = serve(Vitals { latest: start() + SignedDuration::from_secs(60), ..vitals() }, true);
    for (seconds, status, left) in [(0, "degraded", Some(60)), (40, "degraded", Some(20)), (60, "healthy", None)] {
        fixture.clock.set(start() + SignedDuration::from_secs(seconds));
        let reply = get(&fixture, "/health");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &status.into()), "{seconds} s later");
        let shown = left.map(|left| format!("the clock was set back: nothing new is due for {left} s"));
        assert_eq!(reply.json()["checks"]["clock"]["detail"], json!(shown), "{seconds} s later");
    }
    // A loop that has not turned since then is not known to live.
    let ahead = serve(Vitals { beat_at: start() + SignedDuration::from_hours(1), ..vitals() }, true);
    assert_eq!(get(&ahead, "/liveness").status, 503);
    let heartbeat = &get(&ahead, "/health").json()["checks"]["heartbeat"];
    assert_eq!(heartbeat["detail"], "the planning loop has not turned since the clock was set back");
}

#[test]
fn readiness_follows_the_engine() {
    let drained = Vitals { ready: false, ..vitals() };
    let starting = Vitals { cycles: 0, ..drained.clone() };
    let rows = [
        ("it accepts", vitals(), 200, json!({ "ready": true })),
        ("it drains", drained, 503, json!({ "ready": false, "reasons": ["draining"] })),
        ("it starts", starting, 503, json!({ "ready": false, "reasons": ["starting"] })),
    ];
    for (name, vitals, status, body) in rows {
        let fixture = serve(vitals, true);
        for path in ["/readiness", "/ready"] {
            let reply = get(&fixture, path);
            assert_eq!((reply.status, reply.json()), (status, body.clone()), "{name}: {path}");
        }
        // A loop that drains is alive.
        assert_eq!(get(&fixture, "/liveness").status, 200, "{name}");
    }
}

#[test]
fn queues_and_the_kill_switch_colour_the_health() {
    for (waiting, status, word) in
        [(51, 200, "healthy"), (52, 200, "degraded"), (63, 200, "degraded"), (64, 503, "unhealthy")]
    {
        let mut vitals = vitals();
        vitals.lanes[0].waiting = waiting;
        let reply = get(&serve(vitals, true), "/health");
        assert_eq!((reply.status, &reply.json()["status"]), (status, &json!(word)), "{waiting} of 64 wait");
    }
    let fixture = serve(vitals(), true);
    fixture.killed.store(true, Ordering::SeqCst);
    let reply = get(&fixture, "/health");
    // A pulled switch stops orders, not the scheduler: a supervisor must not restart it for that.
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("degraded")));
    assert_eq!(reply.json()["checks"]["kill_switch"]["detail"], "pulled: strange fills");
}

#[test]
fn metrics_are_the_text_that_prometheus_reads() {
    let reply = get(&serve(vitals(), true), "/metrics");
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("content-type: text/plain; version=0.0.4"), "{}", reply.head);
    let mut typed: Option<&str> = None;
    for line in reply.body.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                assert!(name.starts_with("kobe_") && !help.is_empty());
                typed = None;
            }
            ["#", "TYPE", name, kind] => {
                assert!(["counter", "gauge"].contains(kind), "{line}");
                typed = Some(name);
            }
            _ => {
                let (name, value) = line.rsplit_once(' ').expect("a sample is a name and a value");
                assert_eq!(name.split('{').next(), typed, "a sample stands below its TYPE: {line}");
                value.parse::<f64>().unwrap_or_else(|e| panic!("{line}: {e}"));
            }
        }
    }
    for line in [
        "kobe_tasks_total{status=\"ok\"} 212",
        "kobe_tasks_total{status=\"failed\"} 1",
        "kobe_tasks_total{status=\"skipped\"} 47",
        "kobe_tasks_total{status=\"unavailable\"} 3",
        "kobe_skipped_total{reason=\"holiday\"} 7",
        "kobe_cycles_total 1842",
        "kobe_heartbeat_age_seconds 5",
        "kobe_uptime_seconds 7200",
        "kobe_queue_depth{lane=\"research\"} 3",
        "kobe_start_lateness_seconds_sum 0.0085",
        "kobe_kill_switch_active 0",
        "kobe_market_info{phase=\"market_morning\",mode=\"ACTIVE_TRADING\",zone=\"primary\"} 1",
        "kobe_orders_total{end=\"submitted\"} 2",
        "kobe_build_info{version=\"0.1.0\"} 1",
    ] {
        assert!(reply.body.lines().any(|l| l == line), "{line} is missing in\n{}", reply.body);
    }
}

#[test]
fn metrics_json_has_the_keys_of_its_readers() {
    let reply = get(&serve(vitals(), true), "/metrics.json");
    let expected = json!({
        "timestamp": "2026-11-23T15:00:00Z",
        "system": { "uptime_seconds": 7200.0 },
        "requests": {
            "total": 2, "orders_submitted": 2, "orders_rejected": 0, "orders_filled": 1,
            "ioc_submitted": 0, "ioc_filled": 0, "ioc_cancelled": 0, "liquidity_blocked": 0,
        },
        "performance": { "win_rate": null, "profit_factor": null, "sharpe": null, "last_updated": null },
        "timestamps": { "last_submit_ts": null, "last_fill_ts": null, "last_trade_event_ts": null },
        "scheduler": { "ok": 212, "failed": 1, "skipped": 47, "unavailable": 3 },
        "safety": { "kill": false, "zone": "primary", "mode": "ACTIVE_TRADING" },
    });
    assert_eq!((reply.status, reply.json()), (200, expected));
}

#[test]
fn more_than_sixty_a_minute_have_to_wait() {
    let fixture = serve(vitals(), true);
    for i in 0..60 {
        let path = if i % 2 == 0 { "/metrics" } else { "/metrics.json" };
        assert_eq!(get(&fixture, path).status, 200, "request {i}");
    }
    fixture.clock.set(start() + SignedDuration::from_secs(48));
    let reply = get(&fixture, "/metrics");
    assert_eq!(reply.status, 429);
    assert!(reply.head.contains("retry-after: 12"), "{}", reply.head);
    let expected = json!({ "error": "Too Many Requests", "message": "metrics are read at most 60 times a minute", "retry_after": 12 });
    assert_eq!(reply.json(), expected);
    assert_eq!(get(&fixture, "/health").status, 200, "signs of life are never limited");
    fixture.clock.set(start() + SignedDuration::from_secs(60));
    assert_eq!(get(&fixture, "/metrics").status, 200);
}

#[test]
fn what_is_not_served_is_refused_in_json() {
    let (fixture, bare) = (serve(vitals(), true), serve(vitals(), false));
    let rows = [
        ("an unknown path", &fixture, "GET", "/orders", "localhost", 404),
        ("the root", &fixture, "GET", "/", "localhost", 404),
        ("a path with more", &fixture, "GET", "/health/", "localhost", 404),
        ("a post", &fixture, "POST", "/health", "localhost", 405),
        ("a delete", &fixture, "DELETE", "/metrics", "localhost", 405),
        ("a post to nowhere", &fixture, "POST", "/orders", "localhost", 404),
        ("metrics switched off", &bare, "GET", "/metrics", "localhost", 404),
        ("another name", &fixture, "GET", "/health", "evil.example", 403),
        ("another name, unknown path", &fixture, "GET", "/orders", "evil.example:8081", 403),
        ("a query changes nothing", &fixture, "GET", "/health?deep=1", "127.0.0.1:8081", 200),
    ];
    for (name, fixture, method, path, host, status) in rows {
        let reply = ask(fixture.web.address(), method, path, host);
        assert_eq!(reply.status, status, "{name}");
        assert_eq!(reply.json()["error"].is_string(), status >= 400, "{name}");
        assert_eq!(reply.head.contains("\r\nallow: get"), status == 405, "{name}");
    }
}

#[test]
fn what_the_watchdog_finds_is_red_but_late_starts_are_a_warning() {
    let rows: [(&[&str], u16, &str, &str); 4] = [
        (&[], 200, "healthy", "the watchdog finds nothing"),
        (&["start_lag"], 200, "degraded", "start_lag"),
        (&["planner_stuck"], 503, "unhealthy", "planner_stuck"),
        (&["planner_stuck", "start_lag"], 503, "unhealthy", "planner_stuck, start_lag"),
    ];
    for (found, status, word, detail) in rows {
        let fixture = serve_watched(vitals(), true, found);
        let reply = ask(fixture.web.address(), "GET", "/health", "localhost");
        let body = reply.json();
        assert_eq!((reply.status, &body["status"]), (status, &word.into()), "{found:?}");
        assert_eq!(body["checks"]["watch"]["detail"], detail, "{found:?}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let Fixture { web, clock, .. } = serve(vitals(), true);
    drop(web);
    let signs = Signs {
        watch: Box::new(Vec::new),
        alerts: Box::new(AlertSign::default),
        files: Box::new(|| None),
        disk: Box::new(|| None),
        kill: Box::new(|_| None),
        market: Box::new(|_| None),
        orders: Box::new(|| None),
        performance: Box::new(|| None),
    };
    let deck = Deck { board: VitalsBoard::new(vitals()), signs, clock, version: String::new(), metrics: true };
    let error = Web::start(address, deck).unwrap_err();
    assert!(matches!(error, WebError::InUse { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("{address} is in use by another program"));
    assert!(error.hint().contains("--listen"));
}

#[test]
fn a_stopped_server_frees_its_port_though_a_reader_holds_on() {
    let fixture = serve(vitals(), true);
    let address = fixture.web.address();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: local").unwrap();
    fixture.web.stop();
    TcpListener::bind(address).expect("the port is free again");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_hundred_connections_that_say_nothing_take_nobodys_place_and_are_closed() {
    let fixture = serve(vitals(), true);
    let address = fixture.web.address();
    let mut strangers: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    // One of them has begun to ask, and goes on saying nothing.
    strangers[99].write_all(b"GET /health HTTP/1.1\r\nHost: local").unwrap();
    let asked = Instant::now();
    assert_eq!(get(&fixture, "/health").status, 200);
    assert!(asked.elapsed() < Duration::from_secs(4), "before any of them is out of time: {:?}", asked.elapsed());
    let mut gone_at_once = 0;
    for (i, stranger) in strangers.iter_mut().enumerate() {
        // Each is closed by the server: the oldest for the sake of those that came later, the last when their time is over.
        stranger.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut said = Vec::new();
        let end = stranger.read_to_end(&mut said).map(|_| ()).or_else(|e| match e.kind() {
            std::io::ErrorKind::ConnectionReset => Ok(()),
            _ => Err(e),
        });
        end.unwrap_or_else(|e| panic!("connection {i} is still open: {e}"));
        gone_at_once += usize::from(asked.elapsed() < Duration::from_secs(4));
    }
    assert!(gone_at_once >= 68, "at most 32 are open at a time; {gone_at_once} of 100 were closed before their time");
    assert_eq!(get(&fixture, "/health").status, 200);
}

#[test]
fn a_connection_that_asks_again_and_again_is_kept() {
    let fixture = serve(vitals(), true);
    let mut stream = TcpStream::connect(fixture.web.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for i in 0..3 {
        write!(stream, "GET /liveness HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut said = String::new();
        while !said.ends_with("{\"alive\":true}") {
            let mut buffer = [0; 512];
            let n = stream.read(&mut buffer).unwrap();
            assert!(n > 0, "closed at question {i}: {said}");
            said.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        }
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    }
}

#[test]
fn a_desk_that_starts_says_what_it_waits_for() {
    let web = Web::open(Door::take("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
    let (address, porter) = (web.address(), web.porter());
    let ask = |path: &str| {
        let reply = ask(address, "GET", path, "localhost");
        (reply.status, reply.json())
    };
    porter.waits("disk", "disk full, waiting for room".into());
    let waits = json!({ "disk": { "ok": false, "detail": "disk full, waiting for room", "age_s": null } });
    let health = json!({ "status": "unhealthy", "ready": false, "alive": true, "checks": waits });
    assert_eq!(ask("/health"), (503, health));
    assert_eq!(ask("/liveness"), (200, json!({ "alive": true })), "starting it anew makes no room");
    assert_eq!(ask("/ready"), (503, json!({ "ready": false, "reasons": ["starting"] })));
    assert_eq!(ask("/metrics").0, 503);
    assert_eq!(ask("/orders").0, 404);
    porter.goes_on();
    // Who asks a desk that is about to be there waits for it.
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask("/health"));
        web.show(deck(vitals(), true, &[]).0);
        asked.join().unwrap()
    });
    assert_eq!((asked.0, &asked.1["status"]), (200, &json!("healthy")));
    porter.waits("disk", "disk full, waiting for room".into());
    assert_eq!(ask("/health").0, 200, "the desk speaks for itself");
}
