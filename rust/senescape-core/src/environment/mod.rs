//! What cells meet: the plan of epochs, and drugs, pools and aggregates over one of them.

pub mod env;
pub mod timeline;
