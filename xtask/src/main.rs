//! Builds plugins, runs the demo, tests and benchmarks.
fn main() {}
