//! Notes for the plugin's author and operator: at most 32 lines a call, 2 KiB each.

pub use crate::wire::log::Level;

/// Writes a line with fields.
///
/// ```
/// use reveille_sdk::{log, mock};
///
/// log::write(log::Level::Warning, "no owner", &[("service", "checkout")]);
/// assert_eq!(mock::log_lines()[0].message, "no owner");
/// ```
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
    fields.sort();
    fields.dedup_by(|later, earlier| later.0 == earlier.0);
    #[cfg(target_arch = "wasm32")]
    crate::wire::log::write(level, message, &fields);
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::imports::write_log(level, message, fields);
}

/// Kept only when the operator asks for it.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// For the record.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// Something to look at.
pub fn warning(message: &str) {
    write(Level::Warning, message, &[]);
}

/// Something is wrong.
pub fn error(message: &str) {
    write(Level::Error, message, &[]);
}
