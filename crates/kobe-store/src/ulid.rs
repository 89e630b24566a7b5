//! ULIDs: 48 bits of milliseconds, 80 bits of chance, in 26 letters that sort by time.

use std::io::Read as _;

use jiff::Timestamp;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Makes a ULID of an instant.
pub(crate) fn make(at: Timestamp) -> std::io::Result<u128> {
    let mut chance = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut chance[6..])?;
    let time = (at.as_millisecond().max(0) as u128) & ((1 << 48) - 1);
    Ok(time << 80 | u128::from_be_bytes(chance))
}

/// Writes a ULID.
pub(crate) fn text(id: u128) -> String {
    (0..26).rev().map(|i| char::from(LETTERS[(id >> (5 * i) & 31) as usize])).collect()
}

/// Reads a ULID.
pub(crate) fn parse(text: &str) -> Option<u128> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, c| {
        LETTERS.iter().position(|letter| *letter == c).map(|digit| value << 5 | digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_reads_back_and_agrees_with_the_slot_of_its_run() {
        let id = make("2026-11-23T15:46:00Z".parse().expect("an instant")).expect("a ULID");
        assert_eq!(parse(&text(id)), Some(id));
        assert_eq!(kobe_plan::Slot::Manual { id }.to_string(), format!("manual:{}", text(id)));
        assert_ne!(id, make("2026-11-23T15:46:00Z".parse().expect("an instant")).expect("a ULID"), "chance is in it");
    }

    #[test]
    fn what_is_no_ulid_is_refused() {
        for bad in ["", "01ARZ3NDEKTSV4RRFFQ69G5FA", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAU"] {
            assert_eq!(parse(bad), None, "{bad:?} was taken for a ULID");
        }
    }
}
