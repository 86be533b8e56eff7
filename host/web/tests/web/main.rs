//! The router with a real store and doubles for its neighbours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod api;
mod house;
mod live;
mod pages;
mod sessions;
mod silences;
mod storm;
mod swaps;
