//! A TCP proxy that cuts, stalls, drips and partitions.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const PASS: u8 = 0;
/// Nothing passes, connections stay.
pub const STALL: u8 = 1;
/// A byte at a time.
pub const DRIP: u8 = 2;
/// Answers are lost, questions arrive.
pub const DEAF: u8 = 3;
/// New connections are refused at once.
pub const REFUSE: u8 = 4;

pub struct Proxy {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    mode: AtomicU8,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    /// What servers answered, in bytes.
    answered: AtomicU64,
}

impl Proxy {
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner {
            mode: AtomicU8::new(PASS),
            ended: AtomicBool::new(false),
            open: Mutex::default(),
            answered: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&inner);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                if accepting.mode.load(Ordering::Relaxed) == REFUSE {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                accepting.open.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                for (from, into, answers) in [(client.try_clone().unwrap(), server.try_clone().unwrap(), false), (server, client, true)] {
                    let inner = Arc::clone(&accepting);
                    std::thread::spawn(move || inner.carry(from, into, answers));
                }
            }
        });
        Self { port, inner }
    }

    pub fn set(&self, mode: u8) {
        self.inner.mode.store(mode, Ordering::Relaxed);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for stream in self.inner.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn answered(&self) -> u64 {
        self.inner.answered.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn carry(&self, mut from: TcpStream, mut into: TcpStream, answers: bool) {
        let mut buffer = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            while self.mode.load(Ordering::Relaxed) == STALL && !self.ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(2));
            }
            if answers {
                self.answered.fetch_add(read as u64, Ordering::Relaxed);
            }
            let sent = match self.mode.load(Ordering::Relaxed) {
                DEAF if answers => Ok(()),
                DRIP => buffer[..read].iter().take_while(|_| self.mode.load(Ordering::Relaxed) == DRIP).try_for_each(|byte| {
                    std::thread::sleep(Duration::from_millis(1));
                    into.write_all(&[*byte])
                }),
                _ => into.write_all(&buffer[..read]),
            };
            if sent.is_err() {
                break;
            }
        }
        let _ = into.shutdown(Shutdown::Both);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Relaxed);
        self.cut();
        // Wakes the listener, which ends.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
