//! What the attribute makes of an `impl`: the traits, the installation, and on wasm the exports.

use std::path::PathBuf;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::{Error, ImplItem, ItemImpl, LitStr, Result, Type};

use crate::hook::{Function, HOOKS, Hook};
use crate::manifest::{List, Manifest};

/// The functions that belong to `Plugin`, not to the hook.
const SHARED: &[&str] = &["new", "reads"];

pub fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let file = manifest_file(arguments)?;
    let mut hook_impl: ItemImpl = syn::parse2(item)?;
    let hook = hook_of(&hook_impl)?;
    let path = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(file.value());
    let manifest = Manifest::load(&path).map_err(|message| Error::new(file.span(), message))?;
    if !manifest.hooks.names.iter().any(|name| name == hook.interface) {
        let message = format!("add \"{}\" to `hooks` ({}, line {})", hook.interface, file.value(), manifest.hooks.line);
        return Err(Error::new_spanned(&hook_impl.self_ty, message));
    }

    let shared = split_shared(&mut hook_impl);
    let plugin = hook_impl.self_ty.clone();
    let attributes = &hook_impl.attrs;
    let install = if shared.is_empty() {
        TokenStream::new()
    } else {
        let installed = install(&plugin, &manifest, &file, &path);
        quote! {
            #(#attributes)*
            impl ::reveille_sdk::Plugin for #plugin { #(#shared)* }
            #installed
        }
    };
    let exports = export_hook(&plugin, hook)?;
    Ok(quote! {
        #hook_impl
        #install
        #exports
    })
}

/// `manifest = "path"`, or `plugin.toml`.
fn manifest_file(arguments: TokenStream) -> Result<LitStr> {
    let mut file = LitStr::new("plugin.toml", Span::call_site());
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("manifest") {
            file = meta.value()?.parse()?;
            return Ok(());
        }
        Err(meta.error("known is `manifest = \"path\"`"))
    });
    parser.parse2(arguments)?;
    Ok(file)
}

fn hook_of(item: &ItemImpl) -> Result<&'static Hook> {
    let name = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last()).map(|segment| segment.ident.to_string());
    let known = || HOOKS.iter().map(|hook| hook.name).collect::<Vec<_>>().join(", ");
    HOOKS
        .iter()
        .find(|hook| Some(hook.name) == name.as_deref())
        .ok_or_else(|| Error::new_spanned(&item.self_ty, format!("put #[plugin] on the `impl` of a hook: {}", known())))
}

/// Takes the items of `Plugin` out of the hook's `impl`.
fn split_shared(item: &mut ItemImpl) -> Vec<ImplItem> {
    let (shared, own) = std::mem::take(&mut item.items).into_iter().partition(|item| match item {
        ImplItem::Type(item) => item.ident == "Settings",
        ImplItem::Fn(item) => SHARED.iter().any(|name| item.sig.ident == name),
        _ => false,
    });
    item.items = own;
    shared
}

/// The manifest as a constant, the place of the instance, and the export of `lifecycle`.
fn install(plugin: &Type, manifest: &Manifest, file: &LitStr, path: &std::path::Path) -> TokenStream {
    let Manifest { name, state, .. } = manifest;
    let List { names: reads, line: reads_line } = &manifest.reads;
    let List { names: lookups, line: lookups_line } = &manifest.lookups;
    let List { line: headers_line, .. } = &manifest.headers;
    let headers = manifest.headers.names.iter().map(|name| name.to_ascii_lowercase());
    let path = path.to_string_lossy();
    quote! {
        const _: () = {
            // Compiles again when the manifest changes.
            const _: &[u8] = include_bytes!(#path);

            impl ::reveille_sdk::guest::Installed for #plugin {
                const MANIFEST: &'static ::reveille_sdk::Manifest = &::reveille_sdk::Manifest {
                    file: #file,
                    name: #name,
                    reads: &[#(#reads),*],
                    reads_line: #reads_line,
                    lookups: &[#(#lookups),*],
                    lookups_line: #lookups_line,
                    state: #state,
                    headers: &[#(#headers),*],
                    headers_line: #headers_line,
                };

                fn slot() -> &'static ::std::thread::LocalKey<::std::cell::OnceCell<::reveille_sdk::guest::Loaded<Self>>> {
                    ::std::thread_local! {
                        static SLOT: ::std::cell::OnceCell<::reveille_sdk::guest::Loaded<#plugin>> = const { ::std::cell::OnceCell::new() };
                    }
                    &SLOT
                }
            }

            #[cfg(target_arch = "wasm32")]
            #[allow(unsafe_code)]
            const _: () = {
                use ::reveille_sdk::{guest, wire};
                struct Exports;
                impl wire::lifecycle::Guest for Exports {
                    fn configure(settings: String) -> Result<Vec<String>, Vec<wire::lifecycle::Problem>> {
                        guest::configure::<#plugin>(&settings)
                    }
                }
                wire::lifecycle::export_lifecycle!(Exports with_types_in ::reveille_sdk::wire::lifecycle);
            };
        };
    }
}

fn export_hook(plugin: &Type, hook: &Hook) -> Result<TokenStream> {
    let interface = format_ident!("{}", hook.interface);
    let export = format_ident!("export_{}", hook.interface);
    let functions = hook.functions.iter().map(|function| export_function(plugin, function)).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        const _: () = {
            use ::reveille_sdk::{guest, wire};
            struct Exports;
            impl wire::#interface::Guest for Exports { #(#functions)* }
            wire::#interface::#export!(Exports with_types_in ::reveille_sdk::wire::#interface);
        };
    })
}

fn export_function(plugin: &Type, function: &Function) -> Result<TokenStream> {
    let (export, guest) = (format_ident!("{}", function.export), format_ident!("{}", function.guest));
    let result: Type = syn::parse_str(function.result)?;
    let types = function.arguments.iter().map(|name| syn::parse_str::<Type>(name)).collect::<Result<Vec<_>>>()?;
    let names: Vec<_> = (0..types.len()).map(|i| format_ident!("argument{i}")).collect();
    Ok(quote! {
        fn #export(#(#names: #types),*) -> #result {
            guest::#guest::<#plugin>(#(#names),*)
        }
    })
}
