//! Random numbers: keyed streams and the distributions drawn from them.

pub mod distribution;
pub mod stream;
