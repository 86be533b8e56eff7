//! A pretend phone: shows what each person was sent.
fn main() {}
