//! Whether a change that comes with a session cookie was meant by the person: by where it comes from, and by a token in the form.

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;

/// Bytes of a token.
const BYTES: usize = 16;

/// A new token for a session, as hex.
pub fn generate() -> Result<String, getrandom::Error> {
    let mut bits = [0_u8; BYTES];
    getrandom::fill(&mut bits)?;
    Ok(hex::encode(bits))
}

/// The token as a form carries it: masked anew for every page, so that a compressed page tells nothing of it by its length.
pub fn mask(token: &str) -> String {
    let mut pad = [0_u8; BYTES];
    let Ok(mut bytes) = hex::decode(token) else { return String::new() };
    if bytes.len() != BYTES || getrandom::fill(&mut pad).is_err() {
        return String::new();
    }
    bytes.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
    hex::encode(pad) + &hex::encode(bytes)
}

/// Whether a masked token that came back belongs to the session.
pub fn fits(masked: &str, token: &str) -> bool {
    let (Ok(masked), Ok(token)) = (hex::decode(masked), hex::decode(token)) else { return false };
    if masked.len() != 2 * BYTES || token.len() != BYTES {
        return false;
    }
    let (pad, bytes) = masked.split_at(BYTES);
    let plain: Vec<u8> = bytes.iter().zip(pad).map(|(byte, pad)| byte ^ pad).collect();
    plain.ct_eq(&token).into()
}

/// Whether a request comes from our own pages. A browser says so by `Origin`; where a privacy setting makes that `null` or leaves it out,
/// by `Sec-Fetch-Site`. A client that sends neither is no browser, and carries no cookie that somebody else could use.
pub fn same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let fetch_site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
    let by_site = matches!(fetch_site, Some("same-origin"));
    match text(header::ORIGIN) {
        Some("null") => by_site,
        Some(origin) => {
            let host = text(header::HOST).unwrap_or_default();
            let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
            origin == public_origin(public_url) || (!authority.is_empty() && authority == host)
        }
        None => fetch_site.is_none() || by_site,
    }
}

fn public_origin(public_url: &str) -> &str {
    let after_scheme = public_url.find("://").map_or(0, |at| at + 3);
    public_url[after_scheme..].find('/').map_or(public_url, |end| &public_url[..after_scheme + end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_masked_token_fits_only_its_session() {
        let (mine, other) = (generate().unwrap(), generate().unwrap());
        let masked = mask(&mine);
        assert_ne!(masked, mask(&mine));
        assert!(fits(&masked, &mine));
        assert!(!fits(&masked, &other));
        assert!(!fits("", &mine));
        assert!(!fits(&mine, &mine));
    }

    #[test]
    fn origins() {
        let cases = [
            (Some("https://r.example.org"), None, true),
            (Some("https://r.example.org"), Some("cross-site"), true),
            (Some("https://evil.example"), None, false),
            (Some("https://evil.example"), Some("same-origin"), false),
            (Some("null"), Some("same-origin"), true),
            (Some("null"), Some("cross-site"), false),
            (Some("null"), None, false),
            (None, Some("cross-site"), false),
            (None, Some("same-site"), false),
            (None, None, true),
        ];
        for (origin, site, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            assert_eq!(same_origin(&headers, "https://r.example.org/on-call"), expected, "{origin:?} {site:?}");
        }
    }
}
