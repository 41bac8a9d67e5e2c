//! The engine of Senescape: exact, reproducible simulation of cell fates.
//!
//! A population is a branching piecewise-deterministic Markov process. Rules are expression graphs ([`expr`]), compiled
//! once; a [`document`] says how they hang together; [`simulation::Job`] runs replicates of it. Fates are drawn by thinning
//! (room `thinning`), so that the law of the result depends on no time step.
//!
//! The rooms, ground floor first. A room uses only those above it in this list; `tests/rooms.rs` checks that.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`expr`] | rules: from graph to program, values and interval bounds over lanes of cells |
//! | [`random`] | random numbers keyed by seed, replicate, cell and draw; distributions |
//! | [`kinetics`] | drug concentrations in closed form; pools by integration |
//! | [`error`] | every error of the core |
//! | [`document`] | the model and run documents, and their checks |
//! | [`model`] | a model with its rules compiled and its parameters bound |
//! | [`environment`] | the timeline of a run, and the environment over one epoch |
//! | [`population`] | tables of cells, lanes, the flows of traits |
//! | [`recording`] | events, counters, exact sums, the profile and the record of a replicate |
//! | `thinning` | the arithmetic of thinning, its scratch and its stall check |
//! | [`simulation`] | jobs, and the worker that runs a replicate step by step |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod document;
pub mod environment;
pub mod error;
pub mod expr;
pub mod kinetics;
pub mod model;
pub mod population;
pub mod random;
pub mod recording;
pub mod simulation;
mod thinning;

#[cfg(test)]
mod example;
