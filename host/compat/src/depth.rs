//! How deep a JSON body goes, before a parser that recurses sees it.

/// Deeper bodies are refused.
pub const DEPTH_LIMIT: usize = 64;

/// Whether a body that looks like JSON goes deeper than [`DEPTH_LIMIT`]. One pass; what is no JSON is the normalizer's to judge.
pub fn is_too_deep(body: &[u8]) -> bool {
    if !body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'[')) {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in body {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "{\"a\":[".repeat(levels / 2), "]}".repeat(levels / 2))
    }

    #[test]
    fn sixty_four_levels_and_no_more() {
        assert!(!is_too_deep(nested(64).as_bytes()));
        assert!(is_too_deep(nested(66).as_bytes()));
        assert!(!is_too_deep("[1],".repeat(500).as_bytes()), "wide is not deep");
    }

    #[test]
    fn brackets_in_text_do_not_count() {
        let text = format!("{{\"a\": \"{}\\\"{}\"}}", "[".repeat(100), "{".repeat(100));
        assert!(!is_too_deep(text.as_bytes()));
        assert!(!is_too_deep("[".repeat(100).replace('[', "x[").as_bytes()), "it does not look like JSON");
    }
}
