//! Hot state with a real Redis behind it: what it keeps over a restart, what it refuses, and how it is reached.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed; its counts are printed")]

mod support;

use ports::HotState;
use ports::hot::{WindowKey, partition_of_window};
use state::{HotSettings, Login, Password, RedisMode, RedisSettings, Tls};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use support::proxy::{DEAF, Proxy, STALL};
use support::redis::{Server, free_port, quick, say};
use support::{House, LIMITS, NOW, key, space, window};

fn one(house: &House, key: &WindowKey) -> Option<domain::incident::Window> {
    house.hot.windows(std::slice::from_ref(key)).pop().unwrap()
}

/// Another key of the same partition, and so of the same header.
fn beside(key: &WindowKey) -> WindowKey {
    let mut others = (0..).map(|n| self::key("shop", &format!("beside-{n}")));
    others.find(|other| partition_of_window(other) == partition_of_window(key)).unwrap()
}

/// What one commit leaves in Redis is read after a restart, and nothing else is.
fn survives_a_restart(redis: RedisSettings) {
    let mut house = House::with_redis(redis);
    assert!(house.connected(), "{:?}", house.hot.status());
    let slot = house.hot.slot();
    let touch = house.kept(&slot, "a", |slot| slot.set("k", b"v", 600).map(drop)).unwrap();
    // Loading the name space asked the store, and its copy is on the way.
    let windows: Vec<_> = (0..20).map(|n| (key("shop", &format!("host-{n}")), window(&[n, n + 1]))).collect();
    house.commit(&[touch], &windows);
    house.hot.learned(&[(key("shop", "none"), window(&[]))]);
    house.flushed();
    drop(slot);
    house.reopen();
    assert!(house.connected(), "{:?}", house.hot.status());
    let keys: Vec<_> = windows.iter().map(|(key, _)| key.clone()).chain([key("shop", "none"), key("shop", "unknown")]).collect();
    let mut expected: Vec<_> = windows.iter().map(|(_, window)| Some(window.clone())).collect();
    expected.extend([Some(window(&[])), None]);
    assert_eq!(house.hot.windows(&keys), expected);
    let slot = house.hot.slot();
    slot.open(&space("a"), LIMITS, NOW).unwrap();
    assert!(slot.get("k").unwrap().is_some());
    assert_eq!(house.hot.status().hits, [0, 22, 1], "windows and name space came from redis");
    assert_eq!(house.hot.windows(&keys[..2]), expected[..2]);
    assert_eq!(house.hot.status().hits, [2, 22, 1], "and are in memory now");
}

#[test]
fn one_server_with_a_user_that_may_do_no_more_than_it_must() {
    let server = Server::start(&[]);
    let user = "ACL SETUSER reveille on >secret ~rv:* -@all +ping +eval +evalsha +hmget +hset +hget +hdel +hlen +hexists +hgetall \
                +pexpire +set +mget +del +client +auth +hello";
    assert_eq!(server.say(&[user]), "+OK\r\n");
    assert_eq!(server.say(&["ACL SETUSER default off"]), "+OK\r\n");
    let mut settings = quick(server.port);
    let login = |password: &str| Some(Login { user: "reveille".into(), password: Password::new(password) });
    settings.login = login("wrong");
    let refused = House::with_redis(settings.clone());
    std::thread::sleep(Duration::from_millis(200));
    let why = refused.hot.status().degraded.expect("a wrong password is told");
    assert!(!why.contains("wrong"), "{why}");
    settings.login = login("secret");
    survives_a_restart(settings);
}

#[test]
fn encrypted_with_an_own_authority() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    run(&[&["req", "-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"], &ec[..]].concat());
    run(&[&["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], &ec[..]].concat());
    std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    run(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ]);
    let port = free_port();
    let tls = port.to_string();
    let (certificate, secret, authority) = (path("server.pem"), path("server.key"), path("ca.pem"));
    let arguments = ["--tls-port", &tls, "--tls-cert-file", &certificate, "--tls-key-file", &secret, "--tls-ca-cert-file", &authority];
    let _server = Server::start(&[&arguments[..], &["--tls-auth-clients", "no"]].concat());
    let mut settings = quick(port);
    settings.tls = Some(Tls::default());
    let refused = House::with_redis(settings.clone());
    std::thread::sleep(Duration::from_millis(200));
    assert!(refused.hot.status().degraded.is_some(), "the system does not know this authority");
    settings.tls = Some(Tls { roots_pem: Some(std::fs::read(folder.path().join("ca.pem")).unwrap()) });
    survives_a_restart(settings);
}

#[test]
fn a_cluster_of_three_masters() {
    let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let servers: Vec<Server> = (0..3).map(|_| Server::start(&arguments)).collect();
    let addresses: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let made = Command::new("redis-cli").args(["--cluster", "create"]).args(&addresses).arg("--cluster-yes").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    let agreed = || servers.iter().all(|server| server.say(&["CLUSTER INFO"]).contains("cluster_state:ok"));
    assert!((0..500).any(|_| agreed() || {
        std::thread::sleep(Duration::from_millis(20));
        false
    }));
    let mut settings = quick(0);
    settings.addresses = servers.iter().map(|server| ("127.0.0.1".into(), server.port)).collect();
    settings.mode = RedisMode::Cluster;
    survives_a_restart(settings);
    let used = servers.iter().filter(|server| server.say(&["DBSIZE"]) != ":0\r\n").count();
    assert_eq!(used, 3, "the partitions are spread");
}

#[test]
fn the_master_that_a_sentinel_names() {
    let server = Server::start(&[]);
    let monitor = ["--sentinel", "--sentinel monitor pages 127.0.0.1 PORT 1"];
    let line = monitor[1].replace("PORT", &server.port.to_string());
    let sentinel = Server::start(&["--sentinel", &line]);
    let mut settings = quick(sentinel.port);
    settings.mode = RedisMode::Sentinel { master: "pages".into(), login: None };
    survives_a_restart(settings);
}

/// Seen to fail against this planted bug: the generation is left out of what the header is compared with. The restarted process then reads
/// the window as it was before the last commit.
#[test]
fn a_commit_that_was_not_written_to_redis_makes_the_copy_unknown() {
    let server = Server::start(&[]);
    let mut house = House::with_redis(quick(server.port));
    assert!(house.connected());
    let key = key("shop", "db");
    house.commit(&[], &[(key.clone(), window(&[1]))]);
    let slot = house.hot.slot();
    let touch = house.kept(&slot, "a", |slot| slot.add("n", 1, 600).map(drop)).unwrap();
    house.commit(&[touch], &[]);
    house.flushed();
    house.store_only(&[], &[(key.clone(), window(&[1, 2]))]);
    let touch = house.kept(&slot, "a", |slot| slot.add("n", 1, 600).map(drop)).unwrap();
    house.store_only(&[touch], &[]);
    drop(slot);
    house.reopen();
    assert!(house.connected());
    assert_eq!(one(&house, &key), None, "the copy is one commit behind");
    let slot = house.hot.slot();
    slot.open(&space("a"), LIMITS, NOW).unwrap();
    assert_eq!(slot.add("n", 0, 600), Ok(2));
}

/// Seen to fail against these planted bugs: a missing header counts as an empty copy; a missing key is taken for an empty window.
#[test]
fn after_a_flush_nothing_is_known_and_soon_it_is_copied_again() {
    let server = Server::start(&[]);
    let mut house = House::with(HotSettings { window_bytes: 0, redis: Some(quick(server.port)), ..HotSettings::default() });
    assert!(house.connected());
    let key = key("shop", "db");
    house.commit(&[], &[(key.clone(), window(&[1]))]);
    house.flushed();
    server.say(&["FLUSHALL"]);
    assert_eq!(one(&house, &key), None, "the header is missing");
    house.reopen();
    assert!(house.connected());
    assert_eq!(one(&house, &key), None, "there is a header, and nothing else");
    house.hot.learned(&[(key.clone(), window(&[1]))]);
    house.flushed();
    house.reopen();
    assert!(house.connected());
    assert_eq!(one(&house, &key), Some(window(&[1])));
    server.say(&["FLUSHALL"]);
    house.commit(&[], &[(key.clone(), window(&[1, 2]))]);
    house.flushed();
    house.reopen();
    assert!(house.connected());
    assert_eq!(one(&house, &key), Some(window(&[1, 2])), "the write after the flush began a new copy");
}

/// Seen to fail against this planted bug: the scripts do not compare the epoch. The old owner is then not told, and goes on.
#[test]
fn an_owner_that_was_superseded_writes_nothing() {
    let server = Server::start(&[]);
    let mut house = House::with_redis(quick(server.port));
    assert!(house.connected());
    let key = key("shop", "db");
    let partition = partition_of_window(&key);
    house.commit(&[], &[(key.clone(), window(&[1]))]);
    house.flushed();
    let old = Arc::clone(&house.hot);
    house.reopen();
    assert!(house.connected());
    assert_eq!(one(&house, &key), Some(window(&[1])));
    let generations = house.runtime.block_on(house.store.view(|view| view.generations())).unwrap();
    let mut stale = generations;
    stale.0[usize::from(partition)] += 1;
    old.committed(&[], &[(key.clone(), window(&[666]))], &stale);
    house.runtime.block_on(old.flush(Duration::from_secs(5)));
    std::thread::sleep(Duration::from_millis(50));
    let why = old.status().degraded.expect("the old owner is told");
    assert!(why.contains("epoch 2"), "{why}");
    house.commit(&[], &[(key.clone(), window(&[1, 2]))]);
    house.flushed();
    house.reopen();
    assert!(house.connected());
    assert_eq!(one(&house, &key), Some(window(&[1, 2])));
}

/// Seen to fail against this planted bug: readers do not compare the generation, so that Redis is read while it is behind the memory that was
/// dropped meanwhile.
#[test]
fn what_is_not_written_yet_is_not_read() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(server.port);
    let mut settings = quick(proxy.port);
    settings.read_limit = Duration::from_millis(300);
    settings.write_limit = Duration::from_secs(5);
    let house = House::with(HotSettings { window_bytes: 0, redis: Some(settings), ..HotSettings::default() });
    assert!(house.connected());
    let key = key("shop", "db");
    house.commit(&[], &[(key.clone(), window(&[1]))]);
    house.flushed();
    // Redis knows the script from here on.
    assert_eq!(one(&house, &key), Some(window(&[1])));
    proxy.set(STALL);
    house.commit(&[], &[(beside(&key), window(&[5]))]);
    // That write is on its way; the next waits for its answer, and a question does not.
    std::thread::sleep(Duration::from_millis(30));
    house.commit(&[], &[(key.clone(), window(&[1, 2]))]);
    let hot = Arc::clone(&house.hot);
    let asking = std::thread::spawn(move || hot.windows(&[key]).pop().unwrap());
    std::thread::sleep(Duration::from_millis(50));
    proxy.set(support::proxy::PASS);
    assert_ne!(asking.join().unwrap(), Some(window(&[1])), "the copy is one commit behind");
    assert_eq!(house.hot.status().degraded, None, "redis was asked and answered");
}

/// Seen to fail against this planted bug: a failure does not open the breaker. Every batch then waits for the time-out.
#[test]
fn while_redis_is_silent_nothing_waits_for_it_but_the_first() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(server.port);
    let mut settings = quick(proxy.port);
    settings.read_limit = Duration::from_millis(200);
    let house = House::with_redis(settings);
    assert!(house.connected());
    proxy.set(DEAF);
    assert_eq!(one(&house, &key("shop", "db")), None);
    let why = house.hot.status().degraded.expect("one time-out is enough");
    assert!(why.contains("200ms"), "{why}");
    let (done, wait) = std::sync::mpsc::channel();
    let hot = Arc::clone(&house.hot);
    std::thread::spawn(move || {
        for n in 0..1000 {
            hot.windows(&[key("shop", &n.to_string())]);
        }
        done.send(()).unwrap();
    });
    assert!(wait.recv_timeout(Duration::from_secs(5)).is_ok(), "1000 waits of 200 ms");
    proxy.set(support::proxy::PASS);
    proxy.cut();
    assert!(house.connected(), "it comes back by itself");
}

/// Seen to fail against these planted bugs: the queue has no bound; dropping goes unnoticed.
#[test]
fn a_full_queue_drops_writes_and_begins_the_copy_anew() {
    let server = Server::start(&[]);
    let mut settings = quick(server.port);
    settings.queue_items = 5;
    settings.write_limit = Duration::from_secs(10);
    let mut house = House::with_redis(settings);
    assert!(house.connected());
    let key = key("shop", "db");
    let other = beside(&key);
    house.commit(&[], &[(other.clone(), window(&[1]))]);
    house.flushed();
    server.signal("-STOP");
    for n in 0..50 {
        house.commit(&[], &[(key.clone(), window(&[n]))]);
    }
    // There is no room for it, and it is not written again.
    house.commit(&[], &[(other.clone(), window(&[1, 2]))]);
    let waiting = house.hot.status().waiting;
    server.signal("-CONT");
    assert!(waiting <= 10, "{waiting}");
    house.flushed();
    house.commit(&[], &[(key.clone(), window(&[77]))]);
    house.flushed();
    house.reopen();
    assert!(house.connected());
    let got = one(&house, &key);
    assert_eq!(got, Some(window(&[77])));
    assert_eq!(one(&house, &other), None, "a copy from before the gap would hold what it was");
    assert!(say(server.port, &["DBSIZE"]).starts_with(':'));
}

/// Seen to fail against this planted bug: a key without an end. Redis then grows with every rebuild.
#[test]
fn every_key_has_an_end() {
    let server = Server::start(&[]);
    let house = House::with_redis(quick(server.port));
    assert!(house.connected());
    let slot = house.hot.slot();
    let touch = house.kept(&slot, "a", |slot| slot.set("k", b"v", 600).map(drop)).unwrap();
    house.commit(&[touch], &[(key("shop", "db"), window(&[1]))]);
    house.flushed();
    let script = "EVAL \"local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do local t = redis.call('PTTL', k) \
                  if t > 0 and t <= 86400000 then n = n + 1 end end return n - redis.call('DBSIZE')\" 0";
    assert_eq!(server.say(&[script]), ":0\r\n");
    assert_eq!(server.say(&["DBSIZE"]), ":66\r\n", "64 headers, a window, a name space");
}
