//! The two cookies: who is signed in, and which theme the pages have.

use axum::http::{HeaderMap, HeaderValue, header};

/// How cookies are named and marked, which hangs on how people reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jar {
    /// Under https a session cookie is `__Host-`: bound to this host, never sent in the clear. Plain http is for loopback.
    secure: bool,
}

/// How long a theme is remembered, in seconds.
const THEME_SECONDS: i64 = 365 * 86_400;

impl Jar {
    /// For a server at this address.
    pub fn at(public_url: &str) -> Self {
        Self { secure: public_url.starts_with("https://") }
    }

    fn session_name(self) -> &'static str {
        if self.secure { "__Host-reveille" } else { "reveille" }
    }

    /// The session secret that a browser sent.
    pub fn session(self, headers: &HeaderMap) -> Option<&str> {
        find(headers, self.session_name())
    }

    /// Sets the session, for so many seconds; 0 and an empty secret ends it.
    pub fn set_session(self, secret: &str, seconds: i64) -> Option<HeaderValue> {
        self.cookie(self.session_name(), secret, seconds, "; HttpOnly")
    }

    /// The theme that somebody chose.
    pub fn theme(headers: &HeaderMap) -> Theme {
        Theme::parse(find(headers, "theme").unwrap_or_default())
    }

    /// Remembers a theme; [`Theme::System`] forgets it.
    pub fn set_theme(self, theme: Theme) -> Option<HeaderValue> {
        self.cookie("theme", theme.as_str(), if theme == Theme::System { 0 } else { THEME_SECONDS }, "; HttpOnly")
    }

    fn cookie(self, name: &str, value: &str, seconds: i64, more: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax{more}{secure}")).ok()
    }
}

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// An unknown word is the system's.
    pub fn parse(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// The word in cookie and page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_https_the_cookie_is_bound_to_the_host() {
        let cookie = Jar::at("https://reveille.example.org").set_session("s3", 60).unwrap();
        assert_eq!(cookie, "__Host-reveille=s3; Path=/; Max-Age=60; SameSite=Lax; HttpOnly; Secure");
        let cookie = Jar::at("http://127.0.0.1:8080").set_session("s3", 60).unwrap();
        assert_eq!(cookie, "reveille=s3; Path=/; Max-Age=60; SameSite=Lax; HttpOnly");
    }

    #[test]
    fn a_plain_cookie_is_not_taken_under_https() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("theme=dark; reveille=abc"));
        assert_eq!(Jar::at("https://reveille.example.org").session(&headers), None);
        assert_eq!(Jar::at("http://127.0.0.1:8080").session(&headers), Some("abc"));
        assert_eq!(Jar::theme(&headers), Theme::Dark);
    }
}
