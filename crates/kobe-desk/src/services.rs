//! Services: what the functions of the desk share.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_engine::Clock;

use crate::data::{DataError, DataSet};

/// Data, books, broker and clock of one desk.
pub struct Services {
    market: Arc<Market>,
    clock: Arc<dyn Clock>,
    data_dir: Option<PathBuf>,
    data: OnceLock<Result<Arc<DataSet>, Arc<DataError>>>,
}

impl Services {
    /// Returns the market.
    pub fn market(&self) -> &Arc<Market> {
        &self.market
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the data; loaded on first use, because a desk that only keeps the time needs none.
    ///
    /// # Errors
    /// [`DataError`], the same each time, when the data cannot be used.
    pub fn data(&self) -> Result<&Arc<DataSet>, Arc<DataError>> {
        let load = || DataSet::load(self.data_dir.as_deref()).map(Arc::new).map_err(Arc::new);
        self.data.get_or_init(load).as_ref().map_err(Arc::clone)
    }

    /// Brings the books to an instant: what the broker did until then becomes facts.
    pub fn settle_until(&self, _now: Timestamp) -> Result<(), std::convert::Infallible> {
        Ok(())
    }
}
