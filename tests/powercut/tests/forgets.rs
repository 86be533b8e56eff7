//! Cuts the power of small programs: what was synced is there, what was not is gone.
//!
//! The programs are this test itself, started again with the layer below it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set in the program below which the layer lies: what it does, and in which directory.
const PROGRAM: &str = "POWERCUT_TEST_PROGRAM";

/// The layer, which cargo builds beside this test.
fn layer() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let beside = exe.parent().unwrap();
    [beside.join("libpowercut.so"), beside.parent().unwrap().join("libpowercut.so")]
        .into_iter()
        .find(|path| path.exists())
        .expect("cargo build -p powercut makes libpowercut.so")
}

/// Runs a program on `dir` until it has said `lines` lines, kills it, and gives the lines and the directory that a disk would hold.
fn cut_power(program: &str, dir: &Path, lines: usize) -> (Vec<String>, PathBuf) {
    let shadow = dir.with_extension("shadow");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--nocapture", "--test-threads=1"])
        .env(PROGRAM, format!("{program} {}", dir.display()))
        .env("LD_PRELOAD", layer())
        .env("POWERCUT_DIR", dir)
        .env("POWERCUT_SHADOW", &shadow)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = output.filter_map(|line| line.strip_prefix("said ").map(str::to_owned)).take(lines).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(shadow.join(".content")).unwrap();
    (said, shadow)
}

fn say(what: impl std::fmt::Display) {
    println!("\nsaid {what}");
    std::io::stdout().flush().unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What the program does; nothing where this is the test.
#[test]
fn program() {
    let Ok(asked) = std::env::var(PROGRAM) else { return };
    let (what, dir) = asked.split_once(' ').unwrap();
    let dir = Path::new(dir);
    match what {
        "full" | "off" => insert_rows(dir, what),
        "files" => write_files(dir),
        "names" => change_names(dir),
        other => panic!("{other} is no program"),
    }
    say("end");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

fn insert_rows(dir: &Path, synchronous: &str) {
    let on = rusqlite::Connection::open(dir.join("rows.db")).unwrap();
    on.pragma_update(None, "synchronous", "full").unwrap();
    on.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    on.execute_batch("CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, body BLOB)").unwrap();
    File::open(dir).unwrap().sync_all().unwrap();
    on.pragma_update(None, "synchronous", synchronous).unwrap();
    // So small that checkpoints happen between commits.
    on.pragma_update_and_check(None, "wal_autocheckpoint", 20, |_| Ok(())).unwrap();
    for number in 0..100_000_u32 {
        on.execute("INSERT INTO row (body) VALUES (randomblob(?1))", [number % 9_000]).unwrap();
        say(on.last_insert_rowid());
    }
}

fn stored_rows(dir: &Path) -> i64 {
    let on = rusqlite::Connection::open(dir.join("rows.db")).unwrap();
    let verdict: String = on.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    on.query_row("SELECT coalesce(max(id), 0) FROM row WHERE (SELECT count(*) FROM row) = id", (), |row| row.get(0)).unwrap()
}

#[test]
fn sqlite_that_syncs_loses_nothing_that_it_acknowledged() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = place.path().join("0");
    fs::create_dir(&dir).unwrap();
    for (round, lines) in [1, 7, 50, 400, 33].into_iter().enumerate() {
        let (said, disk) = cut_power("full", &dir, lines);
        let acknowledged: i64 = said.last().unwrap().parse().unwrap();
        assert!(stored_rows(&disk) >= acknowledged, "round {round}: row {acknowledged} was acknowledged and is gone");
        dir = place.path().join((round + 1).to_string());
        fs::rename(disk, &dir).unwrap();
    }
}

/// The planted bug that the layer has to find.
#[test]
fn sqlite_that_does_not_sync_loses_rows() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    fs::create_dir(&dir).unwrap();
    let (said, disk) = cut_power("off", &dir, 300);
    let acknowledged: i64 = said.last().unwrap().parse().unwrap();
    assert!(stored_rows(&dir) >= acknowledged, "a kill alone loses nothing, and so proves nothing");
    assert_eq!(stored_rows(&disk), 0, "nothing was synced after the table was made");
}

fn write_files(dir: &Path) {
    let mut file = File::create(dir.join("a")).unwrap();
    file.write_all(b"0123456789").unwrap();
    file.sync_data().unwrap();
    File::open(dir).unwrap().sync_all().unwrap();
    // After the sync: a write through another descriptor, an append, a cut.
    file.try_clone().unwrap().write_all(b"lost").unwrap();
    let mut second = File::create(dir.join("b")).unwrap();
    second.write_all(b"0123456789").unwrap();
    second.write_all_at(b"XY", 2).unwrap();
    second.set_len(6).unwrap();
    second.set_len(8).unwrap();
    second.write_all_at(b"!", 9).unwrap();
    second.sync_all().unwrap();
    File::open(dir).unwrap().sync_all().unwrap();
    second.set_len(0).unwrap();
    let mut append = File::options().append(true).open(dir.join("c")).unwrap();
    append.write_all(b" and more").unwrap();
    append.sync_all().unwrap();
    append.write_all(b" and lost").unwrap();
    // Made by copying, in the kernel.
    fs::copy(dir.join("c"), dir.join("d")).unwrap();
    File::open(dir.join("d")).unwrap().sync_all().unwrap();
    File::create(dir.join("e")).unwrap().write_all(b"never synced, but its name").unwrap();
    File::open(dir).unwrap().sync_all().unwrap();
    File::create(dir.join("x-shm")).unwrap().write_all(b"shared memory").unwrap();
    File::open(dir).unwrap().sync_all().unwrap();
}

#[test]
fn bytes_and_lengths_are_durable_once_their_file_is_synced() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("c"), "from before").unwrap();
    let (_, disk) = cut_power("files", &dir, 1);
    let read = |name: &str| fs::read(disk.join(name)).unwrap();
    assert_eq!(names(&disk), ["a", "b", "c", "d", "e"]);
    assert_eq!(read("a"), b"0123456789");
    assert_eq!(read("b"), b"01XY45\0\0\0!");
    assert_eq!(read("c"), b"from before and more");
    assert_eq!(read("d"), b"from before and more and lost");
    assert_eq!(read("e"), b"");
    assert_eq!(fs::read(dir.join("a")).unwrap(), b"0123456789lost", "the program itself sees all that it wrote");
}

fn change_names(dir: &Path) {
    let sync = |path: &Path| File::open(path).unwrap().sync_all().unwrap();
    // A new file over an old one, with the directory synced; then without.
    fs::write(dir.join("new"), "two").unwrap();
    sync(&dir.join("new"));
    fs::rename(dir.join("new"), dir.join("replaced")).unwrap();
    fs::remove_file(dir.join("removed")).unwrap();
    fs::create_dir(dir.join("sub")).unwrap();
    fs::write(dir.join("sub/file"), "deep").unwrap();
    sync(&dir.join("sub/file"));
    sync(dir);
    sync(&dir.join("sub"));
    fs::write(dir.join("new"), "three").unwrap();
    sync(&dir.join("new"));
    fs::rename(dir.join("new"), dir.join("replaced")).unwrap();
    fs::remove_file(dir.join("kept")).unwrap();
    fs::write(dir.join("unnamed"), "synced, but not its name").unwrap();
    sync(&dir.join("unnamed"));
}

#[test]
fn names_are_durable_once_their_directory_is_synced() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    fs::create_dir(&dir).unwrap();
    for name in ["replaced", "removed", "kept"] {
        fs::write(dir.join(name), "one").unwrap();
    }
    let (_, disk) = cut_power("names", &dir, 1);
    let read = |name: &str| fs::read_to_string(disk.join(name)).unwrap();
    assert_eq!(names(&disk), ["kept", "replaced", "sub"]);
    assert_eq!((read("replaced").as_str(), read("kept").as_str(), read("sub/file").as_str()), ("two", "one", "deep"));
    assert_eq!(fs::read_to_string(dir.join("replaced")).unwrap(), "three");
    assert!(!dir.join("kept").exists());
}

#[test]
fn a_program_outside_of_the_directory_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args([OsStr::new("-c"), OsStr::new("echo written > \"$0/file\" && cat \"$0/file\""), place.path().as_os_str()])
        .env("LD_PRELOAD", layer())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "written\n");
    assert!(output.status.success() && output.stderr.is_empty());
}
