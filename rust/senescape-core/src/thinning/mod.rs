//! Thinning: what candidates draw and choose from, and what is shared by all that run it.

mod acceptance;
mod scratch;
mod stall;

pub(crate) use acceptance::{Choices, DOUBTFUL, UNBOUND, add_bounds, is_bound};
pub(crate) use scratch::{FateScratch, Queues};
pub(crate) use stall::Pace;

/// The highest level of a cell's first window in a fate: so many steps are saved on the way up.
pub(crate) const FIRST_LEVEL: i8 = 3;
