//! Running replicates: the job, its worker, and the steps of the worker.

pub(crate) mod blocks;
pub(crate) mod bounds;
pub mod callbacks;
pub mod candidates;
pub(crate) mod coupling;
pub(crate) mod events;
pub(crate) mod founders;
pub mod job;
pub(crate) mod limits;
pub(crate) mod observation;
pub mod snapshot;
pub mod worker;
