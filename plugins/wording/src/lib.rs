//! What plugins of channels share: short and spoken texts, replies that people type, forms, and how providers answer.
//!
//! `message` has the words of a page; here they are fitted to a telephone, and what comes back from one is understood.

pub mod answer;
pub mod form;
pub mod gsm;
pub mod hex;
pub mod result;
pub mod said;
pub mod short;
pub mod spoken;
