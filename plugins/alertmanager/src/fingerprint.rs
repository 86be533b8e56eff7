//! The fingerprint of a label set, as Prometheus computes it: the identity of an alert that has no other.

use std::collections::BTreeMap;

/// The start and the factor of FNV-1a with 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv).
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// Stands after each name and each value; it is no byte of UTF-8 text.
const SEPARATOR: u8 = 0xff;

/// FNV-1a over names and values in the order of names, each followed by a separator, as 16 hexadecimal digits. An empty value is no label.
///
/// ```
/// let labels = [("alertname".to_string(), "Watchdog".to_string())].into();
/// assert_eq!(alertmanager::fingerprint(&labels), "003b0a0f7d3fa569");
/// ```
pub fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut hash = FNV_OFFSET;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        name.bytes().for_each(&mut add);
        add(SEPARATOR);
        value.bytes().for_each(&mut add);
        add(SEPARATOR);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair was read back from `GET /api/v2/alerts` of Debian's Alertmanager 0.25.0 after posting the labels there.
    #[test]
    fn it_is_what_alertmanager_gives() {
        let cases: [(&[(&str, &str)], &str); 5] = [
            (&[("alertname", "HighLatency"), ("severity", "page"), ("instance", "web-1:9100"), ("job", "node")], "a597559b6309fd32"),
            (&[("alertname", "Watchdog")], "003b0a0f7d3fa569"),
            (&[("alertname", "Ünïcode")], "3d43075cf5396da2"),
            (&[("alertname", "Empty"), ("job", "x"), ("gone", "")], "67215e2284802f98"),
            (&[("alertname", "b"), ("Alert", "upper first"), ("_x", "underscore"), ("z9", "a\u{ff}b")], "276a91655ba7be29"),
        ];
        for (labels, expected) in cases {
            let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(fingerprint(&labels), expected, "{labels:?}");
        }
    }
}
