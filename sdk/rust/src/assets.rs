//! Read-only files that were packed with the plugin: rules, tables, templates.

/// How much is read at once, in bytes.
const CHUNK_BYTES: u32 = 64 * 1024;

/// The names and sizes (in bytes) of all files, sorted by name.
///
/// ```
/// use reveille_sdk::{assets, mock};
///
/// mock::asset("rules/ssh.yml", b"title: ssh");
/// assert_eq!(assets::names(), [("rules/ssh.yml".to_string(), 10)]);
/// assert_eq!(assets::read("rules/ssh.yml").unwrap(), b"title: ssh");
/// assert_eq!(assets::read("rules/other.yml"), None);
/// ```
pub fn names() -> Vec<(String, u32)> {
    #[cfg(target_arch = "wasm32")]
    return crate::wire::assets::names().into_iter().map(|asset| (asset.name, asset.size)).collect();
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::imports::asset_names()
}

/// A whole file; `None` if there is none of this name.
pub fn read(name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let part = read_part(name, bytes.len() as u32, CHUNK_BYTES)?;
        bytes.extend_from_slice(&part);
        if part.len() < CHUNK_BYTES as usize {
            return Some(bytes);
        }
    }
}

/// Up to `length` bytes from `offset`; fewer at the end.
pub fn read_part(name: &str, offset: u32, length: u32) -> Option<Vec<u8>> {
    #[cfg(target_arch = "wasm32")]
    return crate::wire::assets::read(name, offset, length);
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::imports::read_asset(name, offset, length)
}
