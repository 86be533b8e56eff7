//! Names to addresses, behind a trait, so that a test can play a name server that changes its mind.

use ports::BoxFuture;
use std::io;
use std::net::IpAddr;

/// Looks a name up. Called once per exchange.
pub trait Resolve: Send + Sync {
    /// Every address of the name, the preferred first.
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}
