//! What fits into one SMS: the alphabet of GSM 03.38 (3GPP TS 23.038), and how other letters are brought into it.

use unicode_normalization::UnicodeNormalization;

/// Characters of GSM 03.38 in one SMS.
pub const GSM_MAX: usize = 160;
/// UTF-16 units in one SMS that needs any other character.
pub const UCS2_MAX: usize = 70;

/// The basic table, without the escape.
const BASIC: &str =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table: these take the place of two.
const EXTENDED: &str = "^{}\\[~]|€";

/// The places that a character takes in the GSM alphabet; `None`: it is not in it.
pub fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) { Some(1) } else { EXTENDED.contains(character).then_some(2) }
}

/// The places that a text takes in the GSM alphabet; `None`: it holds a character that is not in it.
pub fn length(text: &str) -> Option<usize> {
    text.chars().map(septets).sum()
}

/// The text with typographic marks and Latin letters with accents in plain form, where the alphabet lacks them: a page of 160 characters
/// without an accent says more than one of 70 with it. Other scripts stay as they are.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if septets(character).is_some() {
            out.push(character);
            continue;
        }
        match character {
            '…' => out.push_str("..."),
            '–' | '—' | '‑' | '−' => out.push('-'),
            '‘' | '’' | '‚' | '`' | '´' => out.push('\''),
            '“' | '”' | '„' | '«' | '»' => out.push('"'),
            '•' | '·' => out.push('*'),
            '→' => out.push_str("->"),
            '×' => out.push('x'),
            '\t' | '\u{a0}' | '\u{202f}' | '\u{2009}' => out.push(' '),
            'ł' => out.push('l'),
            'Ł' => out.push('L'),
            'đ' => out.push('d'),
            'Đ' => out.push('D'),
            'ı' => out.push('i'),
            'œ' => out.push_str("oe"),
            'Œ' => out.push_str("OE"),
            other => {
                let base = std::iter::once(other).nfd().next().filter(char::is_ascii_alphabetic);
                out.push(base.unwrap_or(other));
            }
        }
    }
    out
}

/// How long a text may be, and how long it is, in the units of the alphabet that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// 160 places.
    Gsm,
    /// 70 UTF-16 units.
    Ucs2,
}

impl Alphabet {
    /// The one that this text needs.
    pub fn of(text: &str) -> Self {
        if length(text).is_some() { Self::Gsm } else { Self::Ucs2 }
    }

    /// Places of one SMS.
    pub fn limit(self) -> usize {
        match self {
            Self::Gsm => GSM_MAX,
            Self::Ucs2 => UCS2_MAX,
        }
    }

    /// Places that a character takes.
    pub fn places(self, character: char) -> usize {
        match self {
            Self::Gsm => septets(character).unwrap_or(2),
            Self::Ucs2 => character.len_utf16(),
        }
    }

    /// Places that a text takes.
    pub fn length(self, text: &str) -> usize {
        text.chars().map(|character| self.places(character)).sum()
    }

    /// The text in at most so many places; one that is cut ends in `..`.
    pub fn cut(self, text: &str, places: usize) -> String {
        if self.length(text) <= places {
            return text.to_owned();
        }
        let room = places.saturating_sub(2);
        let mut used = 0;
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            used += self.places(character);
            if used > room {
                break;
            }
            out.push(character);
        }
        out.truncate(out.trim_end().len());
        if places >= 2 {
            out.push_str("..");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3GPP TS 23.038, 6.2.1 and 6.2.1.1: 127 characters beside the escape, and those of the extension take two places.
    #[test]
    fn the_alphabet_is_that_of_the_standard() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!((length("a€"), length("ç"), length("Ç"), length("пожар")), (Some(3), None, Some(1), None));
    }

    #[test]
    fn accents_and_typography_are_brought_into_it_and_scripts_are_not() {
        assert_eq!(folded("Détection… – „Łódź“ içi"), "Détection... - \"Lodz\" ici");
        assert_eq!(folded("пожар 火"), "пожар 火");
    }

    #[test]
    fn a_cut_text_fits() {
        assert_eq!(Alphabet::Gsm.cut("abcdef", 6), "abcdef");
        assert_eq!(Alphabet::Gsm.cut("abcdefg", 6), "abcd..");
        assert_eq!(Alphabet::Gsm.cut("[[[[", 6), "[[..");
        assert_eq!(Alphabet::Ucs2.cut("🔥🔥🔥", 5), "🔥..");
        assert_eq!(Alphabet::Ucs2.cut("огонь", 1), "");
    }
}
