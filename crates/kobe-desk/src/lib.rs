//! The functions of the desk: data, books, broker, reports.

pub mod data;
