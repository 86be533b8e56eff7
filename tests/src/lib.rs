//! Stories, conformance and benchmarks that drive the real program.
