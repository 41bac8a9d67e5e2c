//! What is kept of a replicate: events, read-outs, sums, and the engine's own work.

pub mod counters;
pub(crate) mod event_counts;
pub(crate) mod exact_sum;
pub mod profile;
pub mod record;
