//! How providers answer: which refusals pass, how long to wait, and what an interact plugin tells the person.

use reveille_sdk::types::HttpResponse;

/// Longest wait that is believed, in seconds.
const RETRY_MAX_SECONDS: u32 = 3_600;

/// Whether a status means "not now": 408, 425, 429 and 5xx.
pub fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// `Retry-After` in seconds, within bounds; a fraction is rounded up. Its other form, a date, is left to the caller's setting.
pub fn wait(response: &HttpResponse) -> Option<u32> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    seconds(value.trim().parse().ok()?)
}

/// A wait that a body gives in seconds, within bounds and rounded up.
pub fn seconds(given: f64) -> Option<u32> {
    (given.is_finite() && given >= 0.0).then(|| (given.ceil() as u32).clamp(1, RETRY_MAX_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_within_bounds() {
        let after =
            |value: &str| wait(&HttpResponse { status: 429, headers: vec![("retry-after".into(), value.into())], body: Vec::new() });
        assert_eq!((after("7"), after("0"), after("99999"), after("0.3")), (Some(7), Some(1), Some(3600), Some(1)));
        assert_eq!((after("Wed, 21 Oct 2015 07:28:00 GMT"), after("-1"), after("NaN")), (None, None, None));
    }
}
