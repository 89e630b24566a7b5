//! The outbox of a desk that lives in virtual time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kobe_engine::{Outbox, StoreError, Unsent};
use kobe_plan::Alert;

use super::micro;
use crate::alerts::{AlertRow, Bell};

/// Alerts in memory. A handle: all handles of one store are the same outbox.
#[derive(Clone, Default)]
pub struct MemoryOutbox {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    rows: Mutex<Vec<AlertRow>>,
    bell: Bell,
}

impl MemoryOutbox {
    /// Begins without alerts.
    pub fn new() -> MemoryOutbox {
        MemoryOutbox::default()
    }

    /// Returns all alerts, oldest first.
    pub fn alerts(&self) -> Vec<AlertRow> {
        self.rows().clone()
    }

    /// Has `ring` called after alerts were stored; a later call takes its place.
    pub fn on_alert(&self, ring: Arc<dyn Fn() + Send + Sync>) {
        self.inner.bell.set(ring);
    }

    pub(super) fn put(&self, alerts: &[Alert]) {
        if alerts.is_empty() {
            return;
        }
        let mut rows = self.rows();
        for alert in alerts {
            let id = rows.len() as u64 + 1;
            rows.push(AlertRow { at: micro(alert.at), ..AlertRow::new(id, alert) });
        }
        drop(rows);
        self.inner.bell.ring();
    }

    fn rows(&self) -> MutexGuard<'_, Vec<AlertRow>> {
        self.inner.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryOutbox({} alerts)", self.rows().len())
    }
}

impl Outbox for MemoryOutbox {
    fn raise(&mut self, alerts: &[Alert]) -> Result<(), StoreError> {
        self.put(alerts);
        Ok(())
    }

    fn unsent(&mut self, after: u64, limit: usize) -> Result<Vec<Unsent>, StoreError> {
        let rows = self.rows();
        let unsent = rows.iter().filter(|row| row.told_at.is_none() && row.id > after).take(limit);
        Ok(unsent.cloned().map(AlertRow::unsent).collect())
    }

    fn told(&mut self, ids: &[u64], channel: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut rows = self.rows();
        for id in ids {
            let Some(row) = id.checked_sub(1).and_then(|i| rows.get_mut(i as usize)) else { continue };
            if row.told_at.is_none() {
                row.told_at = Some(micro(at));
                row.channel = Some(channel.to_owned());
            }
        }
        Ok(())
    }
}
