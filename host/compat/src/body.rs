//! Reads a body within its bounds, and unpacks it where it came packed.

use axum::body::{Body, Bytes};
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use std::io::{Error, Write};
use std::time::Duration;

/// How much of a body may come how slowly.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The whole body comes within this time.
    pub whole: Duration,
    /// In each such span at least `step_bytes` come.
    pub step: Duration,
    pub step_bytes: usize,
}

/// What a sender is allowed: ten seconds for the whole, and at least 256 bytes a second.
pub const PACE: Pace = Pace { whole: Duration::from_secs(10), step: Duration::from_secs(2), step_bytes: 512 };

/// A packed body may grow to so many times its size.
const RATIO: usize = 20;
/// Below this size the ratio does not matter: a short text of repetitions packs better and harms nobody.
const RATIO_FROM_BYTES: usize = 64 * 1024;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Deflate,
}

impl Packing {
    /// By the value of `Content-Encoding`.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Plain),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has at least so many bytes, unpacked.
    TooLarge(u64),
    /// It came too slowly or broke off, in words.
    Broken(String),
    /// It cannot be unpacked, or would grow beyond measure; sending it again is no use.
    Unpackable(String),
    /// There is no room for more bytes at the moment.
    NoRoom,
}

/// At most `limit` bytes, unpacked. `announced`: the length that the sender names. `hold` takes room for so many bytes more, if there is.
pub async fn read(
    body: Body,
    packing: Packing,
    announced: Option<u64>,
    limit: usize,
    pace: Pace,
    hold: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, Unread> {
    if let Some(size) = announced.filter(|size| *size > limit as u64) {
        return Err(Unread::TooLarge(size));
    }
    // What a sender announces is not trusted with memory: a buffer grows as the bytes come.
    let expected = announced.unwrap_or(0).min(64 * 1024) as usize;
    let held = Bounded { bytes: Vec::with_capacity(expected), came: 0, packed: packing != Packing::Plain, limit, stop: None, hold };
    let too_slow = |_| Unread::Broken(format!("the body did not come within {} seconds", pace.whole.as_secs()));
    tokio::time::timeout(pace.whole, read_all(body, Unpacker::of(packing, held), pace)).await.map_err(too_slow)?
}

async fn read_all<H: FnMut(usize) -> bool>(mut body: Body, mut unpacker: Unpacker<H>, pace: Pace) -> Result<Vec<u8>, Unread> {
    loop {
        // One span: enough has to come in it, or the end.
        let mut came = 0;
        let span = async {
            while came < pace.step_bytes {
                let Some(frame) = body.frame().await else { return Ok(true) };
                let frame = frame.map_err(|error| Unread::Broken(format!("the body broke off: {error}")))?;
                let Ok(data) = frame.into_data() else { continue };
                came += data.len();
                unpacker.take(&data)?;
            }
            Ok(false)
        };
        let ended = tokio::time::timeout(pace.step, span).await.map_err(|_| {
            Unread::Broken(format!("the body came too slowly: less than {} bytes in {} seconds", pace.step_bytes, pace.step.as_secs()))
        })??;
        if ended {
            return unpacker.end();
        }
    }
}

/// Unpacks what comes, and stops where it grows too large.
enum Unpacker<H: FnMut(usize) -> bool> {
    Plain(Bounded<H>),
    Gzip(Box<MultiGzDecoder<Bounded<H>>>),
    Deflate(Box<ZlibDecoder<Bounded<H>>>),
}

impl<H: FnMut(usize) -> bool> Unpacker<H> {
    fn of(packing: Packing, into: Bounded<H>) -> Self {
        match packing {
            Packing::Plain => Self::Plain(into),
            Packing::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(into))),
            Packing::Deflate => Self::Deflate(Box::new(ZlibDecoder::new(into))),
        }
    }

    fn bounded(&mut self) -> &mut Bounded<H> {
        match self {
            Self::Plain(bounded) => bounded,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        }
    }

    fn take(&mut self, data: &Bytes) -> Result<(), Unread> {
        self.bounded().came += data.len();
        let written = match self {
            Self::Plain(bounded) => bounded.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
            Self::Deflate(decoder) => decoder.write_all(data),
        };
        written.map_err(|error| self.why(&error))
    }

    fn why(&mut self, error: &Error) -> Unread {
        let stop = self.bounded().stop.take();
        stop.unwrap_or_else(|| Unread::Unpackable(format!("the body cannot be unpacked: {error}")))
    }

    fn end(mut self) -> Result<Vec<u8>, Unread> {
        let ended = match &mut self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
        };
        ended.map_err(|error| self.why(&error))?;
        Ok(std::mem::take(&mut self.bounded().bytes))
    }
}

/// Takes bytes up to its bounds.
struct Bounded<H> {
    bytes: Vec<u8>,
    /// How many came, packed.
    came: usize,
    packed: bool,
    limit: usize,
    /// Why it takes no more.
    stop: Option<Unread>,
    hold: H,
}

impl<H: FnMut(usize) -> bool> Write for Bounded<H> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let size = self.bytes.len() + data.len();
        if size > self.limit {
            self.stop = Some(Unread::TooLarge(size as u64));
        } else if self.packed && size > RATIO_FROM_BYTES && size > RATIO * self.came {
            self.stop = Some(Unread::Unpackable(format!("the body grows to more than {RATIO} times its size when it is unpacked")));
        } else if !(self.hold)(data.len()) {
            self.stop = Some(Unread::NoRoom);
        } else {
            self.bytes.extend_from_slice(data);
            return Ok(data.len());
        }
        Err(Error::other("the body is too large"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    async fn plain(announced: Option<u64>, limit: usize) -> Result<Vec<u8>, Unread> {
        read(Body::from("four"), Packing::Plain, announced, limit, PACE, |_| true).await
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    async fn unpacked(packed: Vec<u8>, limit: usize) -> Result<Vec<u8>, Unread> {
        read(Body::from(packed), Packing::Gzip, None, limit, PACE, |_| true).await
    }

    #[tokio::test]
    async fn a_body_is_bounded_whatever_it_announces() {
        assert_eq!(plain(Some(4), 4).await.unwrap(), b"four");
        assert_eq!(plain(Some(1), 3).await, Err(Unread::TooLarge(4)));
        assert_eq!(plain(Some(9), 4).await, Err(Unread::TooLarge(9)));
    }

    #[tokio::test]
    async fn packed_bodies_are_unpacked_within_the_limit() {
        let text = b"{\"a\": 1}".repeat(100);
        assert_eq!(unpacked(gzip(&text), 800).await.unwrap(), text);
        assert!(matches!(unpacked(gzip(&text), 799).await, Err(Unread::TooLarge(_))));
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&text).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(read(Body::from(packed), Packing::Deflate, None, 800, PACE, |_| true).await.unwrap(), text);
        assert!(matches!(unpacked(b"no gzip at all".to_vec(), 800).await, Err(Unread::Unpackable(_))));
        let cut = gzip(&text)[..20].to_vec();
        assert!(matches!(unpacked(cut, 800).await, Err(Unread::Unpackable(_))), "one that broke off is no body");
    }

    /// A bomb: zeros pack a thousand to one. It is stopped early, so that what is held never passes the ratio by more than a step.
    #[tokio::test]
    async fn a_bomb_is_stopped_before_it_goes_off() {
        let bomb = gzip(&vec![0; 4 << 20]);
        let mut most = 0;
        let packed = bomb.len();
        let read = read(Body::from(bomb), Packing::Gzip, None, 5 << 20, PACE, |bytes| {
            most += bytes;
            true
        });
        assert!(matches!(read.await, Err(Unread::Unpackable(_))));
        assert!(most <= RATIO_FROM_BYTES.max(RATIO * packed), "{most} bytes were held");
    }

    #[tokio::test]
    async fn it_holds_what_it_takes_and_stops_where_there_is_no_room() {
        let mut left = 3;
        let read = read(Body::from("four"), Packing::Plain, None, 100, PACE, |bytes| {
            left -= bytes as i64;
            left >= 0
        });
        assert_eq!(read.await, Err(Unread::NoRoom));
    }

    #[tokio::test]
    async fn a_body_that_drips_is_given_up() {
        let drip = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, Error>(Bytes::from_static(b"x")), ()))
        });
        let pace = Pace { step: Duration::from_millis(200), ..PACE };
        let read = read(Body::from_stream(drip), Packing::Plain, None, 1000, pace, |_| true).await;
        assert!(matches!(&read, Err(Unread::Broken(why)) if why.contains("too slowly")), "{read:?}");
    }
}
