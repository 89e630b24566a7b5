//! A limit: so many requests in any minute.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// The requests of the last minute.
#[derive(Debug)]
pub(crate) struct Limit {
    most: usize,
    seen: VecDeque<Timestamp>,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Limit {
    /// Begins with none seen.
    pub(crate) fn a_minute(most: usize) -> Limit {
        Limit { most, seen: VecDeque::with_capacity(most) }
    }

    /// Takes a request, or says after how many seconds the next one may come.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), u64> {
        // A clock that was set back would make old requests count for longer than a minute.
        self.seen.retain(|at| *at <= now && now.duration_since(*at) < MINUTE);
        if self.seen.len() < self.most {
            self.seen.push_back(now);
            return Ok(());
        }
        let wait = (self.seen[0] + MINUTE).duration_since(now);
        Err(u64::try_from(wait.as_secs() + i64::from(wait.subsec_nanos() > 0)).unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn any_minute_holds_so_many() {
        let mut limit = Limit::a_minute(3);
        let rows = [(0, Ok(())), (10, Ok(())), (59, Ok(())), (59, Err(1)), (60, Ok(())), (61, Err(9)), (70, Ok(()))];
        for (second, expected) in rows {
            assert_eq!(limit.take(at(second)), expected, "at second {second}");
        }
    }

    #[test]
    fn a_clock_set_back_does_not_shut_the_door_for_longer() {
        let mut limit = Limit::a_minute(1);
        assert_eq!(limit.take(at(3600)), Ok(()));
        assert_eq!(limit.take(at(0)), Ok(()));
    }

    #[test]
    fn a_part_of_a_second_is_a_whole_one_to_wait() {
        let mut limit = Limit::a_minute(1);
        assert_eq!(limit.take(at(0)), Ok(()));
        assert_eq!(limit.take(at(0) + SignedDuration::from_millis(1)), Err(60));
        assert_eq!(limit.take(at(0) + SignedDuration::from_millis(59_999)), Err(1));
    }
}
