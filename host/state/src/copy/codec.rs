//! Windows and entries as bytes. What cannot be read back is not known.

use domain::incident::Window;
use domain::state::{StateEntry, StateValue};
use domain::time::Millis;

/// Arrivals, eight bytes each; none: there is no window.
pub(super) fn window(window: &Window) -> Vec<u8> {
    window.arrivals.iter().flat_map(|at| at.0.to_le_bytes()).collect()
}

pub(super) fn read_window(bytes: &[u8]) -> Option<Window> {
    let (arrivals, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| Window { arrivals: arrivals.iter().map(|at| Millis(i64::from_le_bytes(*at))).collect() })
}

const BYTES: u8 = 0;
const COUNTER: u8 = 1;

/// Version, end, kind, value.
pub(super) fn entry(entry: &StateEntry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17 + entry.value.size());
    bytes.extend(entry.version.to_le_bytes());
    bytes.extend(entry.expires_at.0.to_le_bytes());
    match &entry.value {
        StateValue::Bytes(value) => {
            bytes.push(BYTES);
            bytes.extend(&value[..]);
        }
        StateValue::Counter(sum) => {
            bytes.push(COUNTER);
            bytes.extend(sum.to_le_bytes());
        }
    }
    bytes
}

pub(super) fn read_entry(bytes: &[u8]) -> Option<StateEntry> {
    let (version, rest) = bytes.split_first_chunk::<8>()?;
    let (end, rest) = rest.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let value = match *kind {
        BYTES => StateValue::Bytes(rest.into()),
        COUNTER => StateValue::Counter(i64::from_le_bytes(rest.try_into().ok()?)),
        _ => return None,
    };
    Some(StateEntry { value, version: u64::from_le_bytes(*version), expires_at: Millis(i64::from_le_bytes(*end)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_other_bytes_are_refused() {
        for arrivals in [vec![], vec![Millis(1)], vec![Millis(-5), Millis(i64::MAX)]] {
            let one = Window { arrivals };
            assert_eq!(read_window(&window(&one)), Some(one));
        }
        assert_eq!(read_window(&[0; 9]), None);
        for value in [StateValue::Counter(-7), StateValue::Bytes(Vec::new().into()), StateValue::Bytes(vec![9; 300].into())] {
            let one = StateEntry { value, version: 3, expires_at: Millis(4) };
            assert_eq!(read_entry(&entry(&one)), Some(one));
        }
        for bytes in [&[][..], &[0; 16], &[2; 17], &[COUNTER; 20]] {
            assert_eq!(read_entry(bytes), None, "{bytes:?}");
        }
    }
}
