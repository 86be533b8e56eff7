//! One server per data directory: the lock that a second one finds.

use crate::error::OpenError;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held as long as the file is open. The kernel lets go when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "held, never read")] File);

impl Lock {
    /// Takes the lock or says who has it.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |doing| move |source| OpenError::File { doing, path: path.to_owned(), source };
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed("open the lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let read = file.read_to_string(&mut process);
                let process = if read.is_ok() && !process.trim().is_empty() { process.trim().to_owned() } else { "unknown".into() };
                return Err(OpenError::InUse { path: path.to_owned(), process });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        // Only for the words of the refusal: no harm if the disk is too full for it.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_in_words_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.lock");
        let first = Lock::take(&path).unwrap();
        let refused = Lock::take(&path).unwrap_err().to_string();
        assert!(refused.contains(&format!("in use by another server (process {})", std::process::id())), "{refused}");
        drop(first);
        Lock::take(&path).unwrap();
    }
}
