//! A layer under the program that forgets what was never synced, so that a test can cut the power.
//!
//! A kill alone proves nothing about disks: what was written stays in the page cache. Preloaded under a program, this library lets every
//! call through and keeps a second copy beside it that holds what a careful disk would hold:
//!
//! - bytes reach the copy when their *file* is synced (`fsync`, `fdatasync`), lengths too;
//! - names reach the copy when their *directory* is synced: a file that was made, renamed or removed since is not, not yet or still there.
//!
//! `POWERCUT_DIR` is the directory to watch, `POWERCUT_SHADOW` where the copy goes; both on one file system. What is in the directory when
//! the program first touches it counts as durable. After `kill -9` a test puts the copy in the directory's place, without its folder
//! `.content`, and starts again. One process at a time may run on a directory.
//!
//! Left alone: names that end in `-shm` (SQLite's shared memory is rebuilt after a crash), writes through `mmap`, `O_SYNC`, `sync_file_range`.
//! A kill in the middle of a sync may leave part of it in the copy, as a power cut does.

mod calls;
mod real;
mod shadow;
