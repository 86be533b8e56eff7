//! Configuration as YAML documents and the server's TOML file, to and from domain types.
