//! Runs of replicates: the data that they need and return, and the steps of the worker that runs them.

mod blocks;
mod bounds;
mod callbacks;
mod candidates;
mod control;
mod coupling;
mod ensemble;
mod events;
mod founders;
mod job;
mod limits;
mod memory_use;
mod monitor;
mod observation;
mod progress;
mod restore;
mod rollback;
mod scratch;
mod snapshot;
mod visits;
mod worker;

pub use callbacks::{Callbacks, NoCallbacks, Overview, Scene};
pub use control::Control;
pub use ensemble::Outcome;
pub use job::Job;
pub use snapshot::Snapshot;
use worker::Worker;
