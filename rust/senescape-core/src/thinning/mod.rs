//! Thinning: the arithmetic of candidates and their acceptance, the memory for it, and the stall check.

mod acceptance;
mod scratch;
mod stall;

pub(crate) use acceptance::{Acceptance, DOUBTFUL, UNBOUND, add_bounds, has_bound};
pub(crate) use scratch::{FateScratch, Queues};
pub(crate) use stall::StallCheck;

/// The highest level of a cell's first window in a fate. It saves so many steps on the way up.
pub(crate) const FIRST_LEVEL: i8 = 3;
