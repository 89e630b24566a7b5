//! The functions of the desk: data, books, broker, reports.

pub mod call;
pub mod data;
pub mod functions;
pub mod handler;
pub mod services;

pub use call::Call;
pub use handler::DeskHandler;
pub use services::Services;
