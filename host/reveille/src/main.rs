//! The program: parses, builds, runs.
fn main() {}
