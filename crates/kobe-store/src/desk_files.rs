//! Desk files as one text: the files of a configuration, kept so that what ran under it can be lived again.

use kobe_plan::SourceFile;

/// Writes files as a JSON array of `[name, text]`.
pub(crate) fn write(files: &[SourceFile]) -> String {
    let pairs: Vec<(&str, &str)> = files.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
    serde_json::to_string(&pairs).expect("texts are JSON")
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// A sentence, when it is something else.
pub(crate) fn read(text: &str) -> Result<Vec<SourceFile>, String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    Ok(pairs.into_iter().map(|(name, text)| SourceFile { name, text }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_as_they_were() {
        let files = [SourceFile { name: "a/b.toml".into(), text: "x = \"ü\\n\"\n".into() }];
        assert_eq!(read(&write(&files)).expect("it reads what it wrote"), files);
        assert!(read("{").is_err());
    }
}
