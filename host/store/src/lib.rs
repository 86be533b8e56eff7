//! SQLite behind the Store and Journal ports.
