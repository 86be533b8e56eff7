//! What a component imports and exports, read from its bytes before anything is compiled, so that a refusal can be told in words.

use crate::contract::{self, PACKAGE, VERSION};
use crate::hook::Hook;
use crate::manifest::Manifest;
use wasmparser::{ComponentInstance, Encoding, Parser, Payload};

/// The packages of language runtimes that the closed world stands in for.
const CLOSED_WORLD: [&str; 5] = ["wasi:cli/", "wasi:io/", "wasi:clocks/", "wasi:filesystem/", "wasi:random/"];

/// The names at a component's surface.
#[derive(Debug)]
pub(crate) struct Shape {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Shape {
    /// Reads the names from the outermost component.
    ///
    /// # Errors
    /// In words: not a component, or damaged.
    pub(crate) fn read(component: &[u8]) -> Result<Self, String> {
        let damaged = |error: wasmparser::BinaryReaderError| format!("plugin.wasm is not valid: {error}");
        let (mut shape, mut depth) = (Self { imports: Vec::new(), exports: Vec::new() }, 0_usize);
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(damaged)? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(
                        "plugin.wasm is a core module, not a component: build it for wasm32-wasip2, or run `wasm-tools component new`"
                            .into(),
                    );
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                // What each of them makes twice doubles with every level: compiling a few hundred bytes of that never ends.
                Payload::ComponentInstanceSection(section) if depth > 0 => {
                    for instance in section {
                        if let ComponentInstance::Instantiate { .. } = instance.map_err(damaged)? {
                            return Err("plugin.wasm makes instances of components inside of its components, which no plugin needs".into());
                        }
                    }
                }
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        shape.imports.push(import.map_err(damaged)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        shape.exports.push(export.map_err(damaged)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    /// The hooks that it exports, by name.
    pub(crate) fn hooks(&self) -> Vec<String> {
        let known = Hook::ALL.iter().map(|hook| hook.name());
        known.filter(|name| self.exports.iter().any(|export| *export == interface(name))).map(str::to_owned).collect()
    }

    /// Holds it against the contract and its own manifest.
    ///
    /// # Errors
    /// One sentence with the fix.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<(), String> {
        for name in self.imports.iter().chain(&self.exports) {
            if let Some((_, version)) = name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) {
                contract::check(version).map_err(|why| format!("was built for another contract: {why}"))?;
            }
        }
        if !self.exports.iter().any(|export| *export == interface("lifecycle")) {
            return Err("plugin.wasm does not export `lifecycle`, which every plugin has to".into());
        }
        let exported = self.hooks();
        for hook in &manifest.hooks {
            if !exported.iter().any(|name| name == hook.name()) {
                let has = if exported.is_empty() { "no hook".to_owned() } else { format!("only {}", exported.join(", ")) };
                return Err(format!("plugin.toml lists the hook `{}`, and plugin.wasm exports {has}", hook.name()));
            }
        }
        if let Some(name) = exported.iter().find(|name| !manifest.hooks.iter().any(|hook| hook.name() == name.as_str())) {
            return Err(format!("plugin.wasm exports the hook `{name}`: add \"{name}\" to `hooks` in plugin.toml"));
        }
        self.imports.iter().try_for_each(|import| check_import(import, manifest))
    }
}

fn interface(name: &str) -> String {
    format!("{PACKAGE}{name}@{VERSION}")
}

fn check_import(import: &str, manifest: &Manifest) -> Result<(), String> {
    let Some(name) = import.strip_prefix(PACKAGE).and_then(|rest| rest.split('@').next()) else {
        if CLOSED_WORLD.iter().any(|package| import.starts_with(package)) {
            return Ok(());
        }
        return Err(format!(
            "imports `{import}`, which no plugin gets: a plugin has no network, files or sockets, it asks tables through `lookup`"
        ));
    };
    if matches!(name, "types" | "log" | "assets") {
        return Ok(());
    }
    if !manifest.hooks.iter().any(|hook| hook.imports().contains(&name)) {
        let hooks = manifest.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ");
        return Err(format!("imports `{name}`, which the hook {hooks} may not have"));
    }
    if name == "state" {
        // Imported and not declared: script tools import all that their world has. A call traps.
        return Ok(());
    }
    let asked = if name == "lookup" { &manifest.lookups } else { &manifest.keys };
    if asked.is_empty() {
        let (key, example) = if name == "lookup" { ("lookups", "catalog") } else { ("keys", "*") };
        return Err(format!("imports `{name}`, and plugin.toml names none: {}", manifest.allow(key, example)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused_in_words() {
        assert!(Shape::read(b"\0asm\x01\0\0\0").unwrap_err().contains("is a core module"));
        assert!(Shape::read(b"#!/bin/sh").unwrap_err().contains("is not valid"));
    }
}
