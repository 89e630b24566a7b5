//! A disk of a test's own: mounted in a namespace that is gone with it, made full, made free, made read-only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a test finds there that runs on such a disk.
const DISK: &str = "KOBE_TEST_DISK";

/// So large that nobody is warned; a disk in memory takes only what is written to it.
const LARGE: &str = "8g";

/// Runs an ignored test of the same file on a disk of its own.
///
/// Fails where no disk can be mounted: a test of a full disk that was not run must not pass.
pub fn on_a_disk_of_its_own(test: &str) {
    let place = tempfile::tempdir().expect("a directory");
    let me = std::env::current_exe().expect("a program");
    let script = "mount -t tmpfs -o size=\"$4\",mode=700 tmpfs \"$1\" || exit 99\n\
                  \"$2\" --exact \"$3\" --ignored --nocapture --test-threads=1 2>&1; code=$?\n\
                  umount \"$1\"; exit $code";
    let ways: [&[&str]; 3] = [&["unshare", "--user", "--map-root-user", "--mount"], &["unshare", "--mount"], &[]];
    let mut tried = String::new();
    for way in ways {
        let mut words = way.iter().copied().chain(["sh", "-c", script, "sh"]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(place.path()).arg(&me).arg(test).arg(LARGE).env(DISK, place.path());
        let Ok(done) = command.output() else { continue };
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        match done.status.code() {
            Some(0) => {
                assert!(said.contains("1 passed"), "`{test}` was not run:\n{said}");
                print!("{said}");
                return;
            }
            // Neither unshare nor mount may do it this way.
            Some(1 | 99) if !said.contains("running 1 test") => tried.push_str(&said),
            _ => panic!("`{test}` on a disk of its own:\n{said}"),
        }
    }
    panic!("no disk could be mounted, neither in a namespace of our own nor as root:\n{tried}");
}

/// The disk that this process was started on.
pub fn here() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

/// Returns the bytes that are free.
pub fn free(disk: &Path) -> u64 {
    let there = rustix::fs::statvfs(disk).expect("a disk");
    there.f_bavail * there.f_frsize
}

/// Takes all room that is left, to the last page, whoever writes meanwhile.
pub fn fill(disk: &Path) {
    for _ in 0..1000 {
        let there = rustix::fs::statvfs(disk).expect("a disk");
        let used = (there.f_blocks - there.f_bfree) * there.f_frsize;
        if remount(disk, &format!("size={}k", used.div_ceil(1024).max(4))) && free(disk) == 0 {
            return;
        }
    }
    panic!("{} is never full", disk.display());
}

/// Makes room again.
pub fn make_room(disk: &Path) {
    assert!(remount(disk, &format!("size={LARGE}")) && free(disk) > 1 << 30, "there is room");
}

/// Makes a disk read-only, or not.
pub fn read_only(disk: &Path, on: bool) {
    assert!(remount(disk, if on { "ro" } else { "rw" }), "{} cannot be mounted anew", disk.display());
    assert_eq!(fs::write(disk.join("probe"), "").is_err(), on, "{}", disk.display());
}

fn remount(disk: &Path, how: &str) -> bool {
    let mount =
        Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(disk).output().expect("mount is there");
    mount.status.success()
}
