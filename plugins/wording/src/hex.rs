//! Bytes as hexadecimal digits, as signatures are often written.

/// Lower-case digits.
pub fn text(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of digits in any case; `None` for anything else, and for nothing.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    let whole = !text.is_empty() && text.len().is_multiple_of(2);
    whole.then(|| text.as_bytes().chunks_exact(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(text(&[0, 0xab, 0x10]), "00ab10");
        assert_eq!(bytes("00AB10"), Some(vec![0, 0xab, 0x10]));
        assert_eq!((bytes(""), bytes("0"), bytes("0g"), bytes("é0")), (None, None, None, None));
    }
}
