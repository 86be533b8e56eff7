//! The C library's own functions, found behind ours.

use libc::{c_char, c_int, c_void, iovec, loff_t, mode_t, off_t, size_t, ssize_t};
use std::sync::OnceLock;

macro_rules! real {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        /// The C library's function of this name.
        ///
        /// # Safety
        /// As the function itself.
        pub unsafe fn $name($($argument: $kind),*) -> $result {
            type Function = unsafe extern "C" fn($($kind),*) -> $result;
            static FOUND: OnceLock<Function> = OnceLock::new();
            let function = FOUND.get_or_init(|| {
                let name = concat!(stringify!($name), "\0").as_ptr().cast();
                // SAFETY: the name ends in a zero byte, and the symbol's type is the C library's.
                unsafe {
                    let symbol = libc::dlsym(libc::RTLD_NEXT, name);
                    if symbol.is_null() {
                        libc::abort();
                    }
                    std::mem::transmute::<*mut c_void, Function>(symbol)
                }
            });
            // SAFETY: the caller's duty.
            unsafe { function($($argument),*) }
        }
    )*};
}

real! {
    open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int;
    open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int;
    openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int;
    openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int;
    creat(path: *const c_char, mode: mode_t) -> c_int;
    creat64(path: *const c_char, mode: mode_t) -> c_int;
    write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t;
    writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t;
    pwrite(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t;
    pwrite64(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t;
    pwritev(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t;
    pwritev64(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t;
    ftruncate(fd: c_int, length: off_t) -> c_int;
    ftruncate64(fd: c_int, length: off_t) -> c_int;
    truncate(path: *const c_char, length: off_t) -> c_int;
    truncate64(path: *const c_char, length: off_t) -> c_int;
    fallocate(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int;
    fallocate64(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int;
    copy_file_range(from: c_int, from_at: *mut loff_t, to: c_int, to_at: *mut loff_t, count: size_t, flags: libc::c_uint) -> ssize_t;
    sendfile(to: c_int, from: c_int, from_at: *mut off_t, count: size_t) -> ssize_t;
    sendfile64(to: c_int, from: c_int, from_at: *mut off_t, count: size_t) -> ssize_t;
    fsync(fd: c_int) -> c_int;
    fdatasync(fd: c_int) -> c_int;
}
