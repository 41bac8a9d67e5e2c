//! Thinning: which candidates become events, and the scratch that this takes.

pub(crate) mod acceptance;
pub mod scratch;
pub(crate) mod stall;
