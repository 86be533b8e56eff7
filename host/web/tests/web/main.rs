//! The router with a real store and doubles for its neighbours.

mod access;
mod api;
mod house;
mod live;
mod pages;
mod sessions;
