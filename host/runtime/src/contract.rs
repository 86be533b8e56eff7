//! Which versions of the contract this host speaks, and what is told to a plugin that was built for another.

/// The contract's package.
pub(crate) const PACKAGE: &str = "reveille:plugin/";
/// Its version as interfaces carry it.
pub(crate) const VERSION: &str = "1.0.0";
/// Its version as manifests carry it.
pub(crate) const API: &str = "1.0";

/// Holds what a manifest or an interface says against what this host speaks.
///
/// # Errors
/// One sentence with the fix: upgrade the host, or build the plugin again.
pub(crate) fn check(said: &str) -> Result<(), String> {
    let Some(told) = parse(said) else {
        return Err(format!("`{said}` is no version of the contract: it is written as \"{API}\""));
    };
    let spoken = parse(API).unwrap_or_default();
    if told == spoken {
        return Ok(());
    }
    Err(if told > spoken {
        format!("`{said}` is newer than this host, which speaks {API}: upgrade the host, or build the plugin for {API}")
    } else {
        format!("`{said}` is older than the first released contract, and this host speaks {API}: build the plugin again for {API}")
    })
}

/// Major and minor.
fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let fits = numbers.next().is_none_or(|patch| patch == Ok(0)) && numbers.next().is_none();
    fits.then_some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_spellings_are_of_one_version() {
        assert_eq!(format!("{API}.0"), VERSION);
        assert_eq!((check(API), check(VERSION)), (Ok(()), Ok(())));
    }

    #[test]
    fn newer_older_and_wrong_are_told_apart() {
        for (said, told) in [
            ("1.1", "`1.1` is newer than this host, which speaks 1.0: upgrade the host, or build the plugin for 1.0"),
            ("2.0.0", "`2.0.0` is newer than this host"),
            ("1.10", "`1.10` is newer"),
            ("0.1", "`0.1` is older than the first released contract, and this host speaks 1.0: build the plugin again for 1.0"),
            ("1", "`1` is no version of the contract: it is written as \"1.0\""),
            ("one.zero", "`one.zero` is no version"),
            ("1.0.0.0", "`1.0.0.0` is no version"),
            ("1.0.1", "`1.0.1` is no version"),
        ] {
            let why = check(said).unwrap_err();
            assert!(why.starts_with(told), "{why}");
        }
    }
}
