//! What a disk would hold after a power cut.
//!
//! Contents stand in `.content/<number>`, one for each file that ever was; synced directories are listings of hard links to them. So a sync
//! of a file changes it under all of its durable names, and a sync of a directory changes names alone.

use libc::{c_char, c_int};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A file, whatever its names: device and inode.
type Identity = (u64, u64);

/// A file that is watched.
struct Watched {
    /// Its content in the copy.
    content: PathBuf,
    /// Written and not yet synced: first byte to one behind the last. They do not overlap.
    dirty: BTreeMap<u64, u64>,
    /// The shortest it was since the last sync, if it was cut.
    cut_to: Option<u64>,
    /// All of it is dirty.
    whole: bool,
}

struct Shadow {
    dir: PathBuf,
    copy: PathBuf,
    files: BTreeMap<Identity, Watched>,
    /// How many contents were made.
    contents: u64,
}

thread_local! {
    /// This thread is at work here: its own calls go straight through.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on the copy unless this thread is at work on it already or nothing is watched. A copy that cannot be kept is worthless, so
/// a failure ends the program: the test sees that it died.
fn with(work: impl FnOnce(&mut Shadow) -> io::Result<()>) {
    if INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true) {
        return;
    }
    if let Some(mut shadow) = shadow()
        && let Err(error) = work(&mut shadow)
    {
        eprintln!("powercut: the copy cannot be kept: {error}");
        std::process::abort();
    }
    let _ = INSIDE.try_with(|inside| inside.set(false));
}

fn shadow() -> Option<MutexGuard<'static, Shadow>> {
    static SHADOW: OnceLock<Option<Mutex<Shadow>>> = OnceLock::new();
    let shadow = SHADOW.get_or_init(|| {
        let (dir, copy) = (std::env::var_os("POWERCUT_DIR")?, std::env::var_os("POWERCUT_SHADOW")?);
        match Shadow::start(Path::new(&dir), Path::new(&copy)) {
            Ok(shadow) => Some(Mutex::new(shadow)),
            Err(error) => {
                eprintln!("powercut: cannot copy {} to {}: {error}", dir.display(), copy.display());
                std::process::abort();
            }
        }
    });
    Some(shadow.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether a path that is about to be opened is not there yet.
pub fn missing(dir: c_int, path: *const c_char) -> bool {
    if INSIDE.try_with(Cell::get).unwrap_or(true) {
        return false;
    }
    let mut found = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: the caller's path, about to be opened, and a buffer of the right type.
    unsafe { libc::fstatat64(dir, path, found.as_mut_ptr(), 0) != 0 }
}

/// A file was opened; `is_new`: by making it, so that its inode is no longer what it may have been.
pub fn opened(fd: c_int, is_new: bool) {
    let Some((identity, true)) = identity(fd) else { return };
    with(|shadow| {
        if !is_new && shadow.files.contains_key(&identity) {
            return Ok(());
        }
        let path = path_of(fd)?;
        if path.starts_with(&shadow.dir) && !ignored(&path) { shadow.watch(identity, None) } else { Ok(()) }
    });
}

/// Bytes were written.
pub fn wrote(fd: c_int, from: u64, count: u64) {
    change(fd, |file| file.mark(from, from + count));
}

/// More was written than is worth telling apart.
pub fn wrote_all(fd: c_int) {
    change(fd, |file| file.whole = true);
}

/// It was cut or lengthened.
pub fn cut(fd: c_int, length: u64) {
    change(fd, |file| file.cut_to = Some(file.cut_to.map_or(length, |before| before.min(length))));
}

/// The same, by path.
pub fn cut_path(path: *const c_char, length: u64) {
    // SAFETY: a path that the C library has just followed.
    let path = unsafe { CStr::from_ptr(path) };
    with(|shadow| {
        let metadata = fs::metadata(Path::new(std::ffi::OsStr::from_bytes(path.to_bytes())))?;
        if let Some(file) = shadow.files.get_mut(&(metadata.dev(), metadata.ino())) {
            file.cut_to = Some(file.cut_to.map_or(length, |before| before.min(length)));
        }
        Ok(())
    });
}

/// A file or a directory was synced.
pub fn synced(fd: c_int) {
    let Some((identity, is_file)) = identity(fd) else { return };
    with(|shadow| {
        if is_file {
            return shadow.files.get_mut(&identity).map_or(Ok(()), |file| file.sync(fd));
        }
        let path = path_of(fd)?;
        match path.strip_prefix(&shadow.dir) {
            Ok(within) => shadow.sync_names(&path, &shadow.copy.join(within)),
            Err(_) => Ok(()),
        }
    });
}

fn change(fd: c_int, change: impl FnOnce(&mut Watched)) {
    let Some((identity, true)) = identity(fd) else { return };
    with(|shadow| {
        if let Some(file) = shadow.files.get_mut(&identity) {
            change(file);
        }
        Ok(())
    });
}

/// Which file it is, and whether it is one: `false` for a directory, `None` for anything else.
fn identity(fd: c_int) -> Option<(Identity, bool)> {
    let mut found = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: a buffer of the right type, read only if it was filled.
    let found = unsafe {
        if libc::fstat64(fd, found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    match found.st_mode & libc::S_IFMT {
        libc::S_IFREG => Some(((found.st_dev, found.st_ino), true)),
        libc::S_IFDIR => Some(((found.st_dev, found.st_ino), false)),
        _ => None,
    }
}

fn path_of(fd: c_int) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{fd}"))
}

fn ignored(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"-shm")
}

impl Watched {
    /// Marks a stretch as dirty.
    fn mark(&mut self, mut from: u64, mut to: u64) {
        // Those that touch it become one with it.
        while let Some((&start, &end)) = self.dirty.range(..=to).next_back().filter(|(_, end)| **end >= from) {
            self.dirty.remove(&start);
            from = from.min(start);
            to = to.max(end);
        }
        self.dirty.insert(from, to);
    }

    /// Carries what is dirty over to the copy.
    fn sync(&mut self, fd: c_int) -> io::Result<()> {
        if self.dirty.is_empty() && self.cut_to.is_none() && !self.whole {
            return Ok(());
        }
        // The descriptor may be for writing only.
        let from = File::open(format!("/proc/self/fd/{fd}"))?;
        let to = File::options().write(true).open(&self.content)?;
        let length = from.metadata()?.len();
        if let Some(cut_to) = self.cut_to.filter(|cut_to| *cut_to < to.metadata().map_or(0, |copy| copy.len())) {
            to.set_len(cut_to)?;
        }
        to.set_len(length)?;
        if self.whole {
            self.mark(0, length);
        }
        let mut buffer = vec![0; 1 << 16];
        for (&start, &end) in &self.dirty {
            let (mut at, end) = (start, end.min(length));
            while at < end {
                let wanted = usize::try_from(end - at).map_or(buffer.len(), |rest| rest.min(buffer.len()));
                let read = from.read_at(&mut buffer[..wanted], at)?;
                if read == 0 {
                    break;
                }
                to.write_all_at(&buffer[..read], at)?;
                at += read as u64;
            }
        }
        self.dirty.clear();
        self.cut_to = None;
        self.whole = false;
        Ok(())
    }
}

impl Shadow {
    /// Begins with what is there: it counts as durable.
    fn start(dir: &Path, copy: &Path) -> io::Result<Self> {
        if copy.exists() {
            fs::remove_dir_all(copy)?;
        }
        fs::create_dir_all(copy.join(".content"))?;
        fs::create_dir_all(dir)?;
        let mut shadow = Self { dir: dir.canonicalize()?, copy: copy.canonicalize()?, files: BTreeMap::new(), contents: 0 };
        let (from, to) = (shadow.dir.clone(), shadow.copy.clone());
        shadow.copy_all(&from, &to)?;
        Ok(shadow)
    }

    fn copy_all(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_dir() {
                fs::create_dir_all(to.join(entry.file_name()))?;
                self.copy_all(&path, &to.join(entry.file_name()))?;
            } else if metadata.is_file() && !ignored(&path) {
                self.watch((metadata.dev(), metadata.ino()), Some(&path))?;
            }
        }
        self.sync_names(from, to)
    }

    /// Begins to watch a file, empty or with the content that it has.
    fn watch(&mut self, identity: Identity, initial: Option<&Path>) -> io::Result<()> {
        self.contents += 1;
        let content = self.copy.join(".content").join(self.contents.to_string());
        match initial {
            Some(path) => fs::copy(path, &content).map(drop)?,
            None => File::create(&content).map(drop)?,
        }
        self.files.insert(identity, Watched { content, dirty: BTreeMap::new(), cut_to: None, whole: false });
        Ok(())
    }

    /// Makes the names of one directory in the copy what they are in the original.
    fn sync_names(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let target = to.join(entry.file_name());
            if metadata.is_dir() {
                fs::create_dir_all(&target)?;
            } else if let Some(file) = self.files.get(&(metadata.dev(), metadata.ino())) {
                let same = fs::metadata(&target).and_then(|old| Ok(old.ino() == fs::metadata(&file.content)?.ino())).unwrap_or(false);
                if !same {
                    let aside = self.copy.join(".content").join("aside");
                    let _ = fs::remove_file(&aside);
                    fs::hard_link(&file.content, &aside)?;
                    fs::rename(&aside, &target)?;
                }
            } else {
                continue;
            }
            names.insert(entry.file_name());
        }
        for entry in fs::read_dir(to)? {
            let entry = entry?;
            if names.contains(&entry.file_name()) || entry.file_name() == ".content" {
                continue;
            }
            if entry.metadata()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
        Ok(())
    }
}
