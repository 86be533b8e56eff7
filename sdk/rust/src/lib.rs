//! Write Reveille plugins in Rust.
extern crate self as reveille_sdk;
pub use wit_bindgen::rt as __wit_bindgen_rt;
pub mod wire;
