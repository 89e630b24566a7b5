//! The embedded set, directories, and damaged files of every kind.

use super::*;

#[test]
fn the_embedded_set_is_whole() {
    let set = DataSet::embedded().unwrap();
    assert_eq!(set.series.keys().collect::<Vec<_>>(), ["AAPL", "FB", "GOOG", "IBM", "MSFT"]);
}
