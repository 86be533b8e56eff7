//! Our functions in the place of the C library's. Each calls the real one, then notes what it did; none fails for a reason of its own.
//!
//! `close`, `rename` and `unlink` need no place here: files are known by inode, and names are read from the directory when it is synced.

use crate::{real, shadow};
use libc::{c_char, c_int, c_void, iovec, loff_t, mode_t, off_t, size_t, ssize_t};

/// Keeps the caller's `errno` over our own work.
fn quietly(work: impl FnOnce()) {
    // SAFETY: the C library's errno of this thread.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        work();
        *errno = before;
    }
}

/// Notes bytes that were written at the file's own position, which now stands behind them.
fn wrote_here(fd: c_int, count: ssize_t) {
    if count > 0 {
        quietly(|| {
            // SAFETY: asks for a position; on what has none, such as a pipe, it fails and is ignored.
            let end = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
            if end >= 0 {
                shadow::wrote(fd, (end - count as off_t) as u64, count as u64);
            }
        });
    }
}

fn wrote_at(fd: c_int, at: off_t, count: ssize_t) {
    if count > 0 {
        quietly(|| shadow::wrote(fd, at as u64, count as u64));
    }
}

macro_rules! opens {
    ($($name:ident($($argument:ident: $kind:ty),*), creates $creates:expr, at ($dir:expr, $path:expr);)*) => {$(
        /// As the C library's; `mode` is read though it may not be given, and then not used.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $kind),*) -> c_int {
            let mut is_new = false;
            if $creates {
                quietly(|| is_new = shadow::missing($dir, $path));
            }
            // SAFETY: the caller's arguments, passed on.
            let fd = unsafe { real::$name($($argument),*) };
            if fd >= 0 {
                quietly(|| shadow::opened(fd, is_new));
            }
            fd
        }
    )*};
}

opens! {
    open(path: *const c_char, flags: c_int, mode: mode_t), creates flags & libc::O_CREAT != 0, at (libc::AT_FDCWD, path);
    open64(path: *const c_char, flags: c_int, mode: mode_t), creates flags & libc::O_CREAT != 0, at (libc::AT_FDCWD, path);
    openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t), creates flags & libc::O_CREAT != 0, at (dir, path);
    openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t), creates flags & libc::O_CREAT != 0, at (dir, path);
    creat(path: *const c_char, mode: mode_t), creates true, at (libc::AT_FDCWD, path);
    creat64(path: *const c_char, mode: mode_t), creates true, at (libc::AT_FDCWD, path);
}

macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty, then |$done:ident| $note:expr;)*) => {$(
        /// As the C library's.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $kind),*) -> $result {
            // SAFETY: the caller's arguments, passed on.
            let $done = unsafe { real::$name($($argument),*) };
            $note;
            $done
        }
    )*};
}

calls! {
    write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t, then |done| wrote_here(fd, done);
    writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t, then |done| wrote_here(fd, done);
    pwrite(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t, then |done| wrote_at(fd, at, done);
    pwrite64(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t, then |done| wrote_at(fd, at, done);
    pwritev(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t, then |done| wrote_at(fd, at, done);
    pwritev64(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t, then |done| wrote_at(fd, at, done);
    ftruncate(fd: c_int, length: off_t) -> c_int, then |done| if done == 0 { quietly(|| shadow::cut(fd, length as u64)) };
    ftruncate64(fd: c_int, length: off_t) -> c_int, then |done| if done == 0 { quietly(|| shadow::cut(fd, length as u64)) };
    truncate(path: *const c_char, length: off_t) -> c_int, then |done| if done == 0 { quietly(|| shadow::cut_path(path, length as u64)) };
    truncate64(path: *const c_char, length: off_t) -> c_int, then |done| if done == 0 { quietly(|| shadow::cut_path(path, length as u64)) };
    fallocate(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int, then |done| if done == 0 { quietly(|| shadow::wrote_all(fd)) };
    fallocate64(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int, then |done| if done == 0 { quietly(|| shadow::wrote_all(fd)) };
    copy_file_range(from: c_int, from_at: *mut loff_t, to: c_int, to_at: *mut loff_t, count: size_t, flags: libc::c_uint) -> ssize_t,
        then |done| if done > 0 { quietly(|| shadow::wrote_all(to)) };
    sendfile(to: c_int, from: c_int, from_at: *mut off_t, count: size_t) -> ssize_t, then |done| if done > 0 { quietly(|| shadow::wrote_all(to)) };
    sendfile64(to: c_int, from: c_int, from_at: *mut off_t, count: size_t) -> ssize_t, then |done| if done > 0 { quietly(|| shadow::wrote_all(to)) };
    fsync(fd: c_int) -> c_int, then |done| if done == 0 { quietly(|| shadow::synced(fd)) };
    fdatasync(fd: c_int) -> c_int, then |done| if done == 0 { quietly(|| shadow::synced(fd)) };
}
