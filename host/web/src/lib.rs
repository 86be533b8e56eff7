//! People's side: sessions, tokens, pages and the REST API.
