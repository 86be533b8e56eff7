//! What this process holds, as the kernel counts it.

/// Resident now, in KiB.
pub fn resident_kib() -> u64 {
    field("VmRSS:")
}

/// The most that was resident since [`reset_peak`], in KiB.
pub fn peak_kib() -> u64 {
    field("VmHWM:")
}

/// Begins a new peak; where the kernel does not allow it the old one stands.
pub fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn field(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    value.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}
