//! The engine of Senescape: exact, reproducible simulation of cell fates.
//!
//! A population is a branching piecewise-deterministic Markov process. Rules are expression graphs ([`expr`]), compiled
//! once; a [`document`] says how they hang together; [`simulation::job::Job`] runs replicates of it. Fates are drawn by thinning
//! ([`thinning`]), so that the law of the result depends on no time step.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod document;
pub mod environment;
pub mod error;
#[cfg(test)]
mod example;
pub mod expr;
pub mod kinetics;
pub mod model;
pub mod population;
pub mod random;
pub mod recording;
pub mod simulation;
pub mod thinning;
