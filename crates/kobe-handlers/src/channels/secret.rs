//! Secrets: what may be used and never shown.
//!
//! A secret comes out of a file of its own, so that it stands in no settings file, no argument and no environment. Its `Debug` and `Display` say nothing of it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file that is longer holds something else.
const LONGEST: u64 = 4096;

/// What the file of a secret must not do is told to others with these permissions.
const OTHERS: u32 = 0o077;

/// A value that nobody may see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a value.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// Reads the one line of a file, without the spaces around it.
    ///
    /// # Errors
    /// What is wrong with the file, without anything of what is in it.
    pub fn read(path: &Path) -> Result<Secret, String> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        read.map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        if bytes.len() as u64 > LONGEST {
            return Err(format!("{} is longer than a secret", path.display()));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{} is no text", path.display()))?;
        match text.trim() {
            "" => Err(format!("{} is empty", path.display())),
            line if line.chars().any(char::is_control) => Err(format!("{} has more than one line", path.display())),
            line => Ok(Secret(line.to_owned())),
        }
    }

    /// Returns the value, to use it and not to show it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns every form in which it could turn up in a text: whole, and what stands after a colon, which is the secret half of a bot's token.
    pub fn forms(&self) -> Vec<String> {
        let half = self.0.split_once(':').map(|(_, half)| half.to_owned()).filter(|half| half.len() >= 16);
        std::iter::once(self.0.clone()).chain(half).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Tells whether others than its owner may read a file; of one that is not there, no.
pub fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & OTHERS != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_nothing_of_itself() {
        let secret = Secret::new("12345:canary-canary-canary");
        assert_eq!(format!("{secret} {secret:?} {:#?}", Some(&secret)), "[secret] [secret] Some(\n    [secret],\n)");
        assert_eq!(secret.forms(), ["12345:canary-canary-canary", "canary-canary-canary"]);
    }

    #[test]
    fn a_file_of_a_secret_has_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let rows: &[(&str, &[u8], Result<&str, &str>)] = &[
            ("one line", b" abc \n", Ok("abc")),
            ("nothing", b" \n", Err("is empty")),
            ("two lines", b"canary\ncanary\n", Err("has more than one line")),
            ("no text", b"\xff\xfe", Err("is no text")),
            ("too long", &[b'x'; 5000], Err("is longer than a secret")),
        ];
        for (name, content, expected) in rows {
            std::fs::write(&path, content).unwrap();
            match (Secret::read(&path), expected) {
                (Ok(secret), Ok(value)) => assert_eq!(secret.expose(), *value, "{name}"),
                (Err(why), Err(end)) => assert!(why.ends_with(end) && !why.contains("canary"), "{name}: {why}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
        assert!(Secret::read(&dir.path().join("none")).unwrap_err().contains("cannot read"));
    }
}
