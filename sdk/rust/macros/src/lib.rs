//! The `#[plugin]` attribute of `reveille-sdk`.
//!
//! It reads `plugin.toml` while the plugin compiles, so that a wrong manifest is a compile error and a running guest can name its lines.

mod expand;
mod hook;
mod manifest;

use proc_macro::TokenStream;

/// Connects the `impl` of a hook to the host.
///
/// Put it on `impl Enrich for MyPlugin` and so on. One `impl` of a plugin also holds `type Settings`, `fn new` and, if wanted, `fn reads`;
/// a plugin with several hooks has further `impl`s with nothing but the hook's functions, each marked `#[plugin]` too.
///
/// The manifest is `plugin.toml` beside `Cargo.toml`; `#[plugin(manifest = "path")]` names another one, relative to `Cargo.toml`.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
