//! The engine of Senescape: exact, reproducible simulation of cell fates.
//!
//! A population is a branching piecewise-deterministic Markov process. Rules are expression graphs ([`expr`]), compiled
//! once; a [`document`] says how they hang together; [`ensemble::Job`] runs replicates of it. Fates are drawn by thinning
//! ([`thin`]), so that the law of the result depends on no time step.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod account;
mod bound;
pub mod cells;
mod choice;
pub mod dist;
pub mod document;
pub mod drug;
mod effect;
pub mod ensemble;
pub mod env;
pub mod error;
mod exact;
#[cfg(test)]
mod example;
mod exchange;
pub mod expr;
pub mod flow;
mod found;
pub mod lanes;
mod limits;
pub mod model;
mod observe;
pub mod outside;
pub mod plan;
pub mod pool;
pub mod profile;
pub mod record;
pub mod replicate;
pub mod rng;
mod span;
pub mod state;
pub mod thin;
